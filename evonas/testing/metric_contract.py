"""The laws that every evaluator of phenotypes obeys: a metric of networks as their training leaves them."""

from __future__ import annotations

import math
import pickle
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import pytest

from evonas.evaluation import Evaluator, Job, PhenotypeEvaluator, merge
from evonas.evaluation.base import goals_of
from evonas.individual import Evaluation, Individual, Trial
from evonas.objectives.metrics import METRICS
from evonas.space import Phenotype, SearchSpace
from evonas.testing.contract import Contract, required
from evonas.testing.lineage import frozen, initial_weights, lineage
from evonas.training import Stop
from evonas.types import Metrics, Weights


@dataclass(frozen=True)
class Untrained:
    """Evaluator of trials that gives networks fixed weights, without training: any metric can be merged with it."""

    weights: Weights
    metric_names: tuple[str, ...] = ()
    shares_memory: bool = True

    def work(self, trial: Trial[Any]) -> float:
        """Every trial takes the same time."""
        return 1.0

    def __call__(self, job: Job[Any]) -> Evaluation[Any]:
        """The result of the job's trial."""
        return job.result({}, weights=self.weights)


class MetricContract(Contract):
    """Finite values under the promised names that follow from the network alone, goals, and a place among evaluators.

    A metric that an entry point of the group ``evonas.metrics`` names is tested as
    ``CustomEvaluator(space, {name: metric})``.

    Attributes:
        space: The search space of the networks; a value or a fixture.
        metric: An evaluator of phenotypes; a value or a fixture.
    """

    space: ClassVar[Any] = required("space", "the search space of the networks that are measured")
    metric: ClassVar[Any] = required("metric", "an evaluator of phenotypes, with `measure` and `metric_names`")

    @pytest.fixture
    def phenotypes(self, space: SearchSpace[Any]) -> list[Phenotype[Any]]:
        """Networks to measure: genotypes of the space with the weights of an untrained module."""
        return [Phenotype(genotype, initial_weights(space, genotype)) for genotype in lineage(space, seed=0, length=2)]

    def test_every_promised_metric_is_a_finite_number(
        self, metric: PhenotypeEvaluator[Any], phenotypes: list[Phenotype[Any]]
    ) -> None:
        names = metric.metric_names
        assert names, "the evaluator promises no metric"
        assert len(set(names)) == len(names), "the evaluator promises a metric twice"
        for phenotype in phenotypes:
            measured = metric.measure(phenotype, Stop())
            missing = sorted(set(names) - set(measured))
            assert not missing, f"measure leaves out what metric_names promises: {', '.join(missing)}"
            for name in names:
                assert math.isfinite(measured[name]), f"{name} is {measured[name]}: raise where there is no value"

    def test_a_value_is_a_function_of_the_network_alone(
        self, metric: PhenotypeEvaluator[Any], phenotypes: list[Phenotype[Any]]
    ) -> None:
        first = [self._measured(metric, phenotype) for phenotype in phenotypes]
        backwards = [self._measured(metric, phenotype) for phenotype in reversed(phenotypes)]
        assert backwards[::-1] == first, "measure gives another value for the same network: it must depend on it alone"

    def test_the_network_stays_as_it_is(
        self, space: SearchSpace[Any], metric: PhenotypeEvaluator[Any], phenotypes: list[Phenotype[Any]]
    ) -> None:
        for phenotype in phenotypes:
            genotype = frozen(space, phenotype.genotype)
            weights = {name: value.copy() for name, value in phenotype.weights.items()}
            metric.measure(phenotype, Stop())
            assert frozen(space, phenotype.genotype) == genotype, "measure changes the genotype"
            assert set(phenotype.weights) == set(weights), "measure adds weights, or takes some away"
            for name, value in weights.items():
                np.testing.assert_array_equal(phenotype.weights[name], value, f"measure changes the weights {name}")

    def test_a_metric_sent_to_another_process_is_the_same(
        self, metric: PhenotypeEvaluator[Any], phenotypes: list[Phenotype[Any]]
    ) -> None:
        copy = pickle.loads(pickle.dumps(metric))
        assert copy.metric_names == metric.metric_names, "a pickled copy of the evaluator promises other metrics"
        for phenotype in phenotypes:
            again = self._measured(copy, phenotype)
            assert again == self._measured(metric, phenotype), "a pickled copy of the evaluator measures otherwise"

    def test_it_says_whether_less_or_more_is_better_where_the_engine_does_not_know(
        self, metric: PhenotypeEvaluator[Any]
    ) -> None:
        goals = goals_of(metric)
        for name in metric.metric_names:
            known = name in METRICS or name in goals
            assert known, f"{name} is no metric of the engine's, and `goals` does not name it"
        for name, goal in goals.items():
            assert name in metric.metric_names, f"`goals` names {name}, which the evaluator does not measure"
            assert goal in ("min", "max"), f"the goal of {name} must be 'min' or 'max', got {goal!r}"

    def test_it_measures_what_an_evaluator_of_trials_leaves(
        self, metric: PhenotypeEvaluator[Any], phenotypes: list[Phenotype[Any]]
    ) -> None:
        assert isinstance(metric.shares_memory, bool), "shares_memory must be True or False"
        for id, phenotype in enumerate(phenotypes):
            trains: Evaluator[Any] = Untrained(phenotype.weights)
            trial = Trial(Individual(id, phenotype.genotype, 0, "sample"), 1)
            evaluation = merge(trains, metric)(Job(trial, np.random.SeedSequence(id), None, Stop()))
            expected = self._measured(metric, phenotype)
            merged = {name: evaluation.metrics[name] for name in expected}
            assert merged == expected, "merged with an evaluator of trials, the metric has another value"

    @staticmethod
    def _measured(metric: PhenotypeEvaluator[Any], phenotype: Phenotype[Any]) -> Metrics:
        measured = metric.measure(phenotype, Stop())
        return {name: measured[name] for name in metric.metric_names}
