"""Costs of a structure, without training it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Generic

from evonas.capabilities.export import HasTimedParts
from evonas.runtimes.latency_table import LatencyTable, read_table
from evonas.space import G, Phenotype, SearchSpace
from evonas.training import Stop
from evonas.types import Metrics

#: Microseconds a sample on one core, by the table of the run.
LATENCY_ESTIMATE = "latency_estimate"


@dataclass(frozen=True)
class CostEvaluator(Generic[G]):
    """Reports the space's own count of edges, parameters and FLOPs.

    Attributes:
        space: The space of the genotypes.
        metric_names: Names that ``space.cost`` reports.
    """

    space: SearchSpace[G]
    metric_names: tuple[str, ...]
    shares_memory: bool = True

    def measure(self, phenotype: Phenotype[G], stop: Stop) -> Metrics:
        """The costs of the genotype."""
        return self.space.cost(phenotype.genotype)


@dataclass(frozen=True)
class LatencyEstimator(Generic[G]):
    """Adds up what the parts of a network take, see :mod:`evonas.runtimes.latency_table`.

    Attributes:
        space: The space of the genotypes, which knows their parts.
        folder: Folder of the table.
    """

    space: HasTimedParts[G]
    folder: Path
    metric_names: tuple[str, ...] = (LATENCY_ESTIMATE,)
    shares_memory: bool = True

    @cached_property
    def _table(self) -> LatencyTable:
        return read_table(self.folder, self.space.timed_parts.names)

    def __getstate__(self) -> dict[str, object]:
        """Return the state with the table, which other machines do not have."""
        _ = self._table
        return self.__dict__

    def measure(self, phenotype: Phenotype[G], stop: Stop) -> Metrics:
        """Microseconds a sample by the table."""
        return {LATENCY_ESTIMATE: self._table.estimate(self.space, phenotype.genotype)}
