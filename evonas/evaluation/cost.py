"""What a structure costs, without training it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Generic

from evonas.capabilities.export import HasTimedParts
from evonas.evaluation.base import Job, Outcome
from evonas.individual import Trial
from evonas.runtimes.latency_table import LatencyTable, read_table
from evonas.space import G, SearchSpace

#: Microseconds a sample on one core, by the table of the run.
LATENCY_ESTIMATE = "latency_estimate"


@dataclass(frozen=True)
class CostEvaluator(Generic[G]):
    """The space's own count of edges, parameters and FLOPs.

    Attributes:
        metric_names: Names that ``space.cost`` reports.
    """

    space: SearchSpace[G]
    metric_names: tuple[str, ...]
    shares_memory: bool = True

    def work(self, trial: Trial[G]) -> float:
        return 0.0

    def __call__(self, job: Job[G]) -> Outcome[G]:
        return Outcome(self.space.cost(job.trial.individual.genotype))


@dataclass(frozen=True)
class LatencyEstimator(Generic[G]):
    """Adds up what the parts of a network take, see :mod:`evonas.runtimes.latency_table`.

    Attributes:
        folder: Where the table is.
    """

    space: HasTimedParts[G]
    folder: Path
    metric_names: tuple[str, ...] = (LATENCY_ESTIMATE,)
    shares_memory: bool = True

    @cached_property
    def _table(self) -> LatencyTable:
        return read_table(self.folder, self.space.timed_parts.names)

    def work(self, trial: Trial[G]) -> float:
        return 0.0

    def __call__(self, job: Job[G]) -> Outcome[G]:
        return Outcome({LATENCY_ESTIMATE: self._table.estimate(self.space, job.trial.individual.genotype)})
