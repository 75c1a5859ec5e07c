from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from evonas.data import load
from evonas.data.samples import Samples, Splits
from evonas.evaluation import DeploymentEvaluator, SharedEvaluator, TrainedEvaluator, merge
from evonas.evaluation.base import Job
from evonas.evaluation.final import FinalTraining, OutputEvaluator
from evonas.evaluation.metrics import measure
from evonas.evaluation.training import predict, train
from evonas.individual import Individual, Start, Trial
from evonas.run.plugins import create_space
from evonas.run.retrain import LR_REFERENCE_EDGES
from evonas.space import Phenotype, SearchSpace
from evonas.training import Pruning, Recipe, Stop
from evonas.training.calibration import recalibrate
from evonas.types import Task, Weights


def test_trainval_is_the_mean_error_on_validation_and_on_as_many_training_samples() -> None:
    splits = load("digits")
    space = create_space("neuron", splits.task, {"founders": "log-uniform", "founder_edges": [100, 200]})
    evaluator = TrainedEvaluator(space, splits, Recipe())
    genotype = space.sample(np.random.default_rng(0))
    trial = Trial(Individual(0, genotype, 0, "sample"), 2)
    evaluation = evaluator(Job(trial, np.random.SeedSequence(0), None, Stop()))
    assert evaluation.weights is not None
    known = splits.train_probe
    assert len(known) == len(splits.validation)
    assert {x.tobytes() for x in known.x} <= {x.tobytes() for x in splits.train.x}
    wrong = predict(space, genotype, evaluation.weights, known).argmax(axis=1) != known.y
    assert evaluation.metrics["trainval_error"] == (evaluation.metrics["val_error"] + wrong.mean()) / 2
    assert set(evaluation.metrics) == set(evaluator.metric_names)


def trained(
    space: SearchSpace[Any], splits: Splits, genotype: Any, recipe: Recipe, start: Start | None = None
) -> Weights:
    """The weights after one epoch."""
    trial = Trial(Individual(0, genotype, 0, "sample"), 1)
    evaluation = TrainedEvaluator(space, splits, recipe)(Job(trial, np.random.SeedSequence(0), start, Stop()))
    assert evaluation.weights is not None
    return evaluation.weights


def equal(first: Weights, second: Weights) -> bool:
    return all(np.array_equal(first[name], second[name]) for name in first)


@pytest.mark.parametrize("augmentation", [{"shift": 1}, {"flip": True}])
@pytest.mark.parametrize(("min_edges_for_augmentation", "moved"), [(0, True), (300, True), (301, False)])
def test_only_networks_that_keep_many_edges_see_images_moved(
    min_edges_for_augmentation: float, moved: bool, augmentation: dict[str, Any]
) -> None:
    splits = load("digits")
    space = create_space("neuron", splits.task, {"founders": "pruned", "founder_edges": [300, 300]})
    genotype = space.sample(np.random.default_rng(0))
    assert genotype.n_edges > 301 > genotype.n_trained_edges == 300
    recipe = Recipe(min_edges_for_augmentation=min_edges_for_augmentation, **augmentation)
    weights = trained(space, splits, genotype, recipe)
    assert equal(weights, trained(space, splits, genotype, Recipe(**augmentation))) is moved
    assert equal(weights, trained(space, splits, genotype, Recipe())) is not moved
    pruned = Recipe(min_edges_for_augmentation=min_edges_for_augmentation, pruning=Pruning(edges=200), **augmentation)
    assert equal(trained(space, splits, genotype, pruned), trained(space, splits, genotype, pruned.of_size(200)))


@pytest.mark.parametrize(("min_edges_for_augmentation", "moved"), [(300, True), (301, False)])
def test_final_training_moves_images_for_the_same_networks(min_edges_for_augmentation: float, moved: bool) -> None:
    splits = load("digits")
    space = create_space("neuron", splits.task, {"founders": "log-uniform", "founder_edges": [300, 300]})
    individual = Individual(0, space.sample(np.random.default_rng(0)), 0, "retrain")
    assert individual.genotype.n_edges == 300

    def retrained(recipe: Recipe) -> Weights:
        evaluator = FinalTraining(space, splits, recipe)
        weights = evaluator(Job(Trial(individual, 1), np.random.SeedSequence(0), None, Stop())).weights
        assert weights is not None
        return weights

    weights = retrained(Recipe(shift=1, min_edges_for_augmentation=min_edges_for_augmentation))
    assert equal(weights, retrained(Recipe(shift=1))) is moved
    assert equal(weights, retrained(Recipe())) is not moved


@pytest.mark.parametrize("continues", [True, False])
@pytest.mark.parametrize(("full", "share"), [(400.0, 1.0), (100.0, 0.5)])
def test_only_networks_of_many_edges_that_begin_with_weights_learn_more_slowly(
    full: float, share: float, continues: bool
) -> None:
    splits = load("digits")
    space = create_space("neuron", splits.task, {"founders": "log-uniform", "founder_edges": [400, 400]})
    genotype = space.sample(np.random.default_rng(0))

    def weights(start: Start | None, learning_rate: float, full: float) -> Weights:
        return trained(space, splits, genotype, Recipe(learning_rate=learning_rate, lr_reference_edges=full), start)

    fresh = weights(None, 0.01, full)
    assert equal(fresh, weights(None, 0.01, 1e9))
    start = Start(genotype, fresh, continues)
    assert equal(weights(start, 0.01, full), weights(start, share * 0.01, 1e9))
    assert equal(weights(start, 0.01, full), weights(start, 0.01, 1e9)) is (share == 1)


@pytest.mark.parametrize(("longer", "epochs"), [(0.0, 2), (400.0, 2), (1600.0, 4), (1e9, 8)])
def test_small_children_alone_are_trained_for_longer(longer: float, epochs: int) -> None:
    splits = load("digits")
    space = create_space("neuron", splits.task, {"founders": "log-uniform", "founder_edges": [400, 400]})
    genotype = space.sample(np.random.default_rng(0))
    weights = trained(space, splits, genotype, Recipe())

    def updates(start: Start | None) -> float:
        trial = Trial(Individual(0, genotype, 0, "sample"), 2)
        evaluator = TrainedEvaluator(space, splits, Recipe(longer_edges=longer))
        return evaluator(Job(trial, np.random.SeedSequence(0), start, Stop())).metrics["edge_updates"]

    assert updates(None) == updates(Start(genotype, weights, True)) == 2 * 400 * len(splits.train)
    assert updates(Start(genotype, weights, False)) == epochs * 400 * len(splits.train)


def test_deployment_is_that_of_the_weights_that_training_left() -> None:
    splits = load("digits")
    space = create_space("neuron", splits.task, {"founders": "log-uniform", "founder_edges": [300, 400]})
    deployment = DeploymentEvaluator(space, splits, ("flash", "int8_error"))
    trial = Trial(Individual(0, space.sample(np.random.default_rng(0)), 0, "sample"), 20)
    job = Job(trial, np.random.SeedSequence(0), None, Stop())
    evaluation = merge(TrainedEvaluator(space, splits, Recipe()), deployment)(job)
    metrics = evaluation.metrics
    assert abs(metrics["int8_error"] - metrics["val_error"]) < 0.03 < 0.5 - metrics["val_error"]
    assert 5 < metrics["flash"] / trial.individual.genotype.n_edges < 10
    with pytest.raises(ValueError, match="only a trained network can be deployed"):
        deployment.measure(Phenotype(trial.individual.genotype, {}), Stop())


def test_final_training_goes_on_as_the_recipe_says_and_is_judged_by_other_samples() -> None:
    splits = load("digits")
    space = create_space("neuron", splits.task, {"founders": "log-uniform", "founder_edges": [400, 400]})
    genotype = space.sample(np.random.default_rng(0))
    start = Start(genotype, trained(space, splits, genotype, Recipe()), True)
    job = Job(Trial(Individual(0, genotype, 0, "retrain"), 1), np.random.SeedSequence(5), start, Stop())
    slow, full = Recipe(lr_reference_edges=100.0), Recipe(lr_reference_edges=LR_REFERENCE_EDGES)
    judge = OutputEvaluator(space, splits.validation, splits.task, "test")
    for recipe, used in ((slow, slow.continued(400)), (full, Recipe())):
        evaluation = merge(FinalTraining(space, splits, recipe), judge)(job)
        expected = train(space, genotype, start.weights, splits, used, epochs=1, seed=job.seed, stop=Stop())
        assert evaluation.weights is not None
        assert equal(evaluation.weights, expected.weights)
        outputs = predict(space, genotype, expected.weights, splits.validation)
        told = measure(outputs, splits.validation, splits.task, "test")
        assert evaluation.metrics == {"train_loss": expected.history[-1].train_loss, **told}
    assert slow.continued(400).learning_rate < slow.learning_rate
    with pytest.raises(ValueError, match="only a trained network has outputs"):
        judge.measure(Phenotype(genotype, {}), Stop())


def test_shared_evaluation_is_the_supernet_on_one_path_with_statistics_of_its_own() -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(40, 1, 8, 8)).astype(np.float32)
    samples = Samples(x, rng.integers(4, size=40))
    splits = Splits("noise", Task("classification", (1, 8, 8), 4), samples, samples, "")
    space = create_space("cell", splits.task, {"channels": 2, "stem": 1, "nodes": 2})
    supernet = space.supernet(3)
    state = {name: value.numpy() + np.float32(0.1) for name, value in supernet.state_dict().items()}
    supernet.load_state_dict({name: torch.from_numpy(value) for name, value in state.items()})
    genotype = space.sample(rng)
    evaluator = SharedEvaluator(space, splits, state)
    evaluation = evaluator(Job(Trial(Individual(0, genotype, 0, ""), 0), np.random.SeedSequence(0), None, Stop()))

    arch = torch.from_numpy(space.arch_of(genotype))
    recalibrate(supernet, [(torch.from_numpy(x), arch)])
    with torch.no_grad():
        outputs = supernet.eval()(torch.from_numpy(x), arch).numpy()
    assert evaluation.weights is not None
    np.testing.assert_allclose(predict(space, genotype, evaluation.weights, samples), outputs, rtol=1e-3, atol=1e-4)
    assert evaluation.metrics["val_error"] == (outputs.argmax(axis=1) != samples.y).mean()
    assert set(evaluation.metrics) == set(evaluator.metric_names)
