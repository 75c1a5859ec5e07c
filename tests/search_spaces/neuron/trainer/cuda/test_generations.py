"""The engine hands whole generations of neuron networks to the population trainer."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from interpreted import quicken

from evonas.capabilities.training import Training, TrainsMany, trains_many
from evonas.config import RunConfig
from evonas.data.samples import Splits
from evonas.evaluation import Job, TrainedEvaluator, merge
from evonas.evaluation.base import takes_many
from evonas.evaluation.executor import evaluate_all
from evonas.evaluation.final import FinalTraining, OutputEvaluator
from evonas.individual import Individual, Start, Trial
from evonas.run import start
from evonas.run.open import open_run
from evonas.space import InvalidGenotype, Phenotype
from evonas.testing.capability_contract import CapabilityContract
from evonas.training import Recipe, Stop, Trained
from search_spaces.neuron.genotype import NeuronGenotype
from search_spaces.neuron.space import NeuronSpace, create
from search_spaces.neuron.weights import fresh
from tests.search_spaces.neuron.trainer.training_cases import CLASSES, random_samples

pytest.importorskip("triton")
quicken()
OPTIONS: dict[str, Any] = {"trainer": "cuda", "founders": "log-uniform", "founder_edges": [30, 60], "edges": [10, 90]}
RECIPE = Recipe(batch_size=8)


@pytest.fixture(scope="module")
def splits() -> Splits:
    rng = np.random.default_rng(0)
    return Splits("random", CLASSES, random_samples(rng, 24), random_samples(rng, 10), "none")


@pytest.fixture
def space() -> NeuronSpace:
    return create(CLASSES, OPTIONS)


def founders(space: NeuronSpace, n: int) -> list[NeuronGenotype]:
    rng = np.random.default_rng(1)
    return [space.sample(rng) for _ in range(n)]


def jobs_of(space: NeuronSpace, genotypes: list[NeuronGenotype], *, child: int = -1) -> list[Job[NeuronGenotype]]:
    """Jobs of founders; the one with the number ``child`` begins with weights of its parent."""
    jobs = []
    for id, genotype in enumerate(genotypes):
        begin = None
        if id == child:
            begin = Start(genotype, fresh(genotype, np.random.default_rng(2)), continues=False)
        trial = Trial(Individual(id, genotype, 0, "sample"), 2)
        jobs.append(Job(trial, np.random.SeedSequence(id), begin, Stop()))
    return jobs


def test_the_space_trains_many_with_this_trainer_alone(space: NeuronSpace) -> None:
    assert isinstance(space, TrainsMany)
    assert trains_many(space)
    assert not trains_many(create(CLASSES, {**OPTIONS, "trainer": "torch"}))
    assert space.backend == "cuda, interpreted on the cpu"


def test_evaluations_of_a_generation_are_those_of_its_trials_one_by_one(space: NeuronSpace, splits: Splits) -> None:
    evaluator = TrainedEvaluator(space, splits, RECIPE)
    assert takes_many(evaluator)
    genotypes = founders(space, 3)
    genotypes.append(genotypes[0].requesting(prune_to=20))
    jobs = jobs_of(space, genotypes, child=1)
    together = {e.id: e for e in evaluate_all(evaluator, jobs, stop=Stop(), n_jobs=2)}
    assert sorted(together) == [0, 1, 2, 3]
    for job in jobs:
        alone, other = evaluator(job), together[job.trial.individual.id]
        assert other.status == "ok", other.error
        assert other.metrics == alone.metrics
        assert other.genotype == alone.genotype
        assert other.weights is not None
        assert alone.weights is not None
        for name, value in alone.weights.items():
            np.testing.assert_array_equal(other.weights[name], value)
    assert together[3].genotype is not None
    assert together[3].genotype.n_edges <= 20


def test_chosen_networks_are_retrained_together_as_one_by_one(space: NeuronSpace, splits: Splits) -> None:
    training = FinalTraining(space, splits, RECIPE.final())
    evaluator = merge(training, OutputEvaluator(space, splits.validation, splits.task, "test"))
    jobs = [replace(job, trial=replace(job.trial, budget=1)) for job in jobs_of(space, founders(space, 2))]
    together = {e.id: e for e in evaluate_all(evaluator, jobs, stop=Stop())}
    for job in jobs:
        assert together[job.trial.individual.id].metrics == evaluator(job).metrics


def test_a_network_grows_first_and_one_that_is_cut_through_fails_alone(space: NeuronSpace, splits: Splits) -> None:
    genotype = founders(space, 1)[0]
    grows = genotype.requesting(grow_to=genotype.n_edges + 8)
    weights = fresh(genotype, np.random.default_rng(3))
    unfit = {**weights, "edge": weights["edge"][1:]}
    trainings = [
        Training(grows, weights, RECIPE, 1, np.random.SeedSequence(1), Stop()),
        Training(genotype, unfit, RECIPE, 1, np.random.SeedSequence(2), Stop()),
        Training(genotype, weights, RECIPE, 0, np.random.SeedSequence(3), Stop()),
        Training(genotype.requesting(prune_to=3), weights, RECIPE, 4, np.random.SeedSequence(4), Stop()),
    ]
    found = dict(pair for group in space.train_many(trainings, splits) for pair in group)
    alone = space.train(grows, weights, splits, RECIPE, epochs=1, seed=np.random.SeedSequence(1), stop=Stop())
    assert isinstance(found[0], Trained)
    assert found[0].genotype == alone.genotype
    assert found[0].history[0].n_edges == genotype.n_edges + 8
    np.testing.assert_array_equal(found[0].weights["edge"], alone.weights["edge"])
    assert isinstance(found[1], ValueError)
    assert isinstance(found[2], Trained)
    np.testing.assert_array_equal(found[2].weights["edge"], weights["edge"])
    assert isinstance(found[3], InvalidGenotype | Trained)


def test_outputs_of_many_are_those_of_each(space: NeuronSpace, splits: Splits) -> None:
    networks = [Phenotype(g, fresh(g, np.random.default_rng(4))) for g in founders(space, 2)]
    outputs = space.predict_many(networks, splits.validation)
    for network, own in zip(networks, outputs, strict=True):
        np.testing.assert_array_equal(own, space.predict(network.genotype, network.weights, splits.validation))
    with pytest.raises(RuntimeError, match="look at trains_many first"):
        create(CLASSES, {**OPTIONS, "trainer": "torch"}).predict_many(networks, splits.validation)


def test_a_search_trains_generations_together(tmp_path: Path) -> None:
    options = {**OPTIONS, "founder_edges": [40, 60], "edges": [20, 90]}
    config = RunConfig(
        dataset="digits", n_train=32, n_validation=16, population=3, children=2, generations=1, epochs=1,
        space_options=options, training={"batch_size": 16}, device="cpu",
    )
    assert start.evolve(config, tmp_path / "run")
    with open_run(tmp_path / "run") as run:
        records = run.store.records()
        assert [record.status for record in records] == ["ok"] * 5
        assert {record.generation for record in records} == {0, 1}
        assert run.config.device == "cpu"


def test_the_law_of_spaces_that_train_many_holds(space: NeuronSpace) -> None:
    class Law(CapabilityContract):
        task = CLASSES

    Law().test_networks_that_are_trained_together_are_those_that_are_trained_alone(space)
