"""Metrics that other packages bring, by entry points of the group ``evonas.metrics``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from evonas.evaluation.base import Job, Outcome
from evonas.individual import Trial
from evonas.metrics import Metric
from evonas.space import SearchSpace
from evonas.types import Goal, Weights


class CustomMetric(Protocol):
    """What such an entry point resolves to; picklable, so a function of a module or an instance of its class."""

    @property
    def description(self) -> Metric:
        """What it is, in which unit, and whether less or more is better."""
        ...

    def __call__(self, space: SearchSpace[Any], genotype: Any, weights: Weights | None) -> float:
        """The value for a network after its training; an exception, or a value that is not finite, fails the trial.

        Args:
            space: Of the run.
            genotype: As it came out of training.
            weights: Trained ones; None where nothing was trained.
        """
        ...


@dataclass(frozen=True)
class CustomEvaluator:
    """The metrics of other packages that a run asks for, by name."""

    space: SearchSpace[Any]
    metrics: Mapping[str, CustomMetric]
    shares_memory: bool = False

    @property
    def metric_names(self) -> tuple[str, ...]:
        return tuple(self.metrics)

    @property
    def goals(self) -> Mapping[str, Goal]:
        """As the metrics declare them."""
        return {name: metric.description.goal for name, metric in self.metrics.items()}

    def work(self, trial: Trial[Any]) -> float:
        return 0.0

    def __call__(self, job: Job[Any]) -> Outcome[Any]:
        genotype = job.trial.individual.genotype
        weights = None if job.start is None or not job.start.continues else job.start.weights
        return Outcome({name: float(metric(self.space, genotype, weights)) for name, metric in self.metrics.items()})
