from __future__ import annotations

import numpy as np

from evonas.data import load
from evonas.evaluation import TrainedEvaluator
from evonas.evaluation.base import Job
from evonas.evaluation.trained import predict
from evonas.individual import Individual, Trial
from evonas.plugins import create_space
from evonas.training import Recipe, Stop


def test_fitness_is_the_mean_error_on_validation_and_on_as_many_training_samples() -> None:
    splits = load("digits")
    space = create_space("neuron", splits.task, {"founder_edges": [100, 200]})
    evaluator = TrainedEvaluator(space, splits, Recipe())
    genotype = space.sample(np.random.default_rng(0))
    trial = Trial(Individual(0, genotype, 0, "sample"), 2)
    outcome = evaluator(Job(trial, np.random.SeedSequence(0), None, Stop()))
    assert outcome.weights is not None
    known = splits.familiar
    assert len(known) == len(splits.validation)
    assert {x.tobytes() for x in known.x} <= {x.tobytes() for x in splits.train.x}
    wrong = predict(space, genotype, outcome.weights, known).argmax(axis=1) != known.y
    assert outcome.metrics["fitness_error"] == (outcome.metrics["val_error"] + wrong.mean()) / 2
    assert set(outcome.metrics) == set(evaluator.metric_names)
