"""Metrics that other packages bring, by entry points of the group ``evonas.metrics``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from evonas.objectives.metrics import Metric
from evonas.space import Phenotype, SearchSpace
from evonas.training import Stop
from evonas.types import Goal, Metrics, Weights


class CustomMetric(Protocol):
    """Names what such an entry point resolves to; picklable, so a function of a module or an instance of its class."""

    @property
    def description(self) -> Metric:
        """Its text and unit, and whether less or more is better."""
        ...

    def __call__(self, space: SearchSpace[Any], genotype: Any, weights: Weights | None) -> float:
        """The value for a network after its training; an exception, or a value that is not finite, fails the trial.

        Args:
            space: The space of the run.
            genotype: The genotype that came out of training.
            weights: Its trained weights; None where nothing was trained.
        """
        ...


@dataclass(frozen=True)
class CustomEvaluator:
    """Reports the metrics of other packages that a run asks for.

    Attributes:
        space: The space of the run.
        metrics: The metrics by name.
    """

    space: SearchSpace[Any]
    metrics: Mapping[str, CustomMetric]
    shares_memory: bool = False

    @property
    def metric_names(self) -> tuple[str, ...]:
        return tuple(self.metrics)

    @property
    def goals(self) -> Mapping[str, Goal]:
        """The goals that the metrics declare."""
        return {name: metric.description.goal for name, metric in self.metrics.items()}

    def measure(self, phenotype: Phenotype[Any], stop: Stop) -> Metrics:
        """The value of every metric."""
        genotype, weights = phenotype.genotype, phenotype.weights or None
        return {name: float(metric(self.space, genotype, weights)) for name, metric in self.metrics.items()}
