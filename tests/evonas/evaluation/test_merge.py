"""What is merged: one evaluator of trials, and any number that measure the networks which it leaves."""

from __future__ import annotations

import pickle
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import permutations
from typing import Any, ClassVar

import numpy as np
import pytest

from evonas.data import load
from evonas.data.samples import Splits
from evonas.evaluation import CostEvaluator, Job, SharedEvaluator, TrainedEvaluator, merge
from evonas.evaluation.base import Evaluator, goals_of, part_names, taught
from evonas.individual import Evaluation, Individual, Start, Trial
from evonas.run.plugins import create_space
from evonas.space import Phenotype, SearchSpace
from evonas.training import Pruning, Recipe, Stop
from evonas.types import Goal, Metrics, Weights


@dataclass(frozen=True)
class Train:
    """Adds one to a word and to its weight, whatever the training begins with."""

    metric_names: ClassVar[tuple[str, ...]] = ("loss",)
    shares_memory: bool = True
    leaves_weights: bool = True

    def work(self, trial: Trial[Any]) -> float:
        return 7.0

    def __call__(self, job: Job[Any]) -> Evaluation[Any]:
        begun = 0.0 if job.start is None else float(job.start.weights["w"][0])
        weights: Weights = {"w": np.array([begun + 1], np.float32)}
        genotype = job.trial.individual.genotype + 1
        return job.result({"loss": begun}, genotype=genotype, weights=weights if self.leaves_weights else None)


@dataclass(frozen=True)
class Genotype:
    """Says what genotype it sees."""

    shares_memory: bool = True
    metric_names: ClassVar[tuple[str, ...]] = ("genotype",)
    goals: ClassVar[Mapping[str, Goal]] = {"genotype": "max"}

    def measure(self, phenotype: Phenotype[Any], stop: Stop) -> Metrics:
        return {"genotype": float(phenotype.genotype)}


@dataclass(frozen=True)
class Weight:
    """Says what weights it sees, -1 for none, and the deadline."""

    shares_memory: bool = True
    metric_names: ClassVar[tuple[str, ...]] = ("weight", "deadline")

    def measure(self, phenotype: Phenotype[Any], stop: Stop) -> Metrics:
        weight = float(phenotype.weights["w"][0]) if phenotype.weights else -1.0
        return {"weight": weight, "deadline": stop.deadline}


def job(start: Start[Any] | None = None) -> Job[Any]:
    ten: Any = 10
    return Job(Trial(Individual(3, ten, 0, "toy"), 1), np.random.SeedSequence(0), start, Stop(deadline=5e9))


@pytest.mark.parametrize("continues", [True, False])
def test_what_came_out_of_the_trial_is_measured_and_never_what_it_began_with(continues: bool) -> None:
    hundred: Any = 100
    start = Start(hundred, {"w": np.array([40], np.float32)}, continues)
    evaluation = merge(Train(), Genotype(), Weight())(job(start))
    assert evaluation.metrics == {"loss": 40.0, "genotype": 11.0, "weight": 41.0, "deadline": 5e9}
    assert evaluation.genotype == 11
    assert evaluation.weights == {"w": np.array([41], np.float32)}
    without = merge(Train(leaves_weights=False), Weight())(job(start))
    assert without.metrics["weight"] == -1
    assert without.weights is None


def test_what_measures_may_be_merged_in_any_order_and_in_any_number_of_steps() -> None:
    parts: tuple[Any, ...] = Genotype(), Weight()
    expected = merge(Train(), *parts)(job())
    for order in permutations(parts):
        step_by_step = merge(merge(merge(Train(), order[0])), order[1])
        for merged in (merge(Train(), *order), step_by_step):
            assert merged(job()) == expected
            assert merged(job()).weights == expected.weights
            assert set(merged.metric_names) == set(expected.metrics)
            assert goals_of(merged) == {"genotype": "max"}
            assert merged.work(job().trial) == 7.0
            again = pickle.loads(pickle.dumps(merged))
            assert part_names(again).split("+")[0].endswith("Train")
            assert part_names(again, part_names(merge(Train(), *parts))) == part_names(merge(Train(), *parts))


def test_a_part_that_needs_processes_decides_for_all() -> None:
    assert merge(Train(), Genotype(), Weight()).shares_memory
    assert not merge(Train(), Genotype(), Weight(shares_memory=False)).shares_memory
    assert not merge(Train(shares_memory=False), Genotype()).shares_memory


def test_parts_of_the_wrong_kind_or_with_the_same_metric_are_refused() -> None:
    with pytest.raises(TypeError, match=r"expected an evaluator of trials first, got .*Genotype, which measures"):
        merge(Genotype(), Train())  # type: ignore[arg-type]
    with pytest.raises(TypeError, match=r"Train has no method measure\(phenotype, stop\)"):
        merge(Train(), Train())  # type: ignore[arg-type]
    with pytest.raises(TypeError, match=r"Train has no method measure\(phenotype, stop\)"):
        merge(merge(Train(), Genotype()), Train())  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="two evaluators report genotype"):
        merge(Train(), Genotype(), Weight(), Genotype())


# -- teachers


@pytest.fixture(scope="module")
def splits() -> Splits:
    return load("digits", n_train=200)


@pytest.fixture(scope="module")
def space(splits: Splits) -> SearchSpace[Any]:
    return create_space("neuron", splits.task, {"founders": "log-uniform", "founder_edges": [200, 400]})


def evaluation_of(evaluator: Evaluator[Any], space: SearchSpace[Any]) -> Evaluation[Any]:
    trial = Trial(Individual(0, space.sample(np.random.default_rng(0)), 0, "sample"), 3)
    return evaluator(Job(trial, np.random.SeedSequence(0), None, Stop()))


def test_a_teacher_is_given_to_the_part_that_trains_and_leaves_the_others_as_they_are(
    splits: Splits, space: SearchSpace[Any]
) -> None:
    teacher = np.full((len(splits.train), 10), 0.1, np.float32)
    plain, cost = TrainedEvaluator(space, splits, Recipe()), CostEvaluator(space, ("edges", "flops"))
    merged = merge(plain, cost)
    learning: Any = taught(merged, teacher)
    assert learning.measures == (cost,)
    assert learning.measures[0] is cost
    assert learning.first.splits is splits
    assert part_names(learning) == part_names(merged) == "TrainedEvaluator+CostEvaluator"
    assert plain.teacher is None
    found = evaluation_of(learning, space)
    alone = evaluation_of(TrainedEvaluator(space, splits, Recipe(), teacher), space)
    assert found.weights is not None
    assert alone.weights is not None
    np.testing.assert_array_equal(found.weights["edge"], alone.weights["edge"])
    assert found.metrics.items() >= alone.metrics.items()
    untaught = evaluation_of(merged, space)
    assert untaught.weights is not None
    assert not np.array_equal(untaught.weights["edge"], found.weights["edge"])
    assert untaught.metrics["flops"] == found.metrics["flops"]


def test_what_trains_nothing_learns_from_no_teacher(splits: Splits, space: SearchSpace[Any]) -> None:
    shared: Any = SharedEvaluator(space, splits, {})  # type: ignore[arg-type]
    for evaluator in (shared, merge(shared, CostEvaluator(space, ("edges",)))):
        with pytest.raises(TypeError, match="SharedEvaluator trains nothing that learns from a teacher"):
            taught(evaluator, np.zeros((1, 10), np.float32))


def test_costs_are_those_of_the_network_that_training_has_pruned(splits: Splits, space: SearchSpace[Any]) -> None:
    pruned = merge(
        TrainedEvaluator(space, splits, Recipe(pruning=Pruning(edges=150))), CostEvaluator(space, ("edges",))
    )
    evaluation = evaluation_of(pruned, space)
    assert evaluation.genotype is not None
    assert evaluation.metrics["edges"] == evaluation.genotype.n_edges <= 150
