"""Initial genotypes: families to start from, and founders that fit a run."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, Protocol, runtime_checkable

import numpy as np

from evonas.space import G_co


class Seeder(Protocol[G_co]):
    """A family of initial genotypes, of any number of members, and the training that suits it."""

    @property
    def training(self) -> Mapping[str, Any]:
        """Defaults of the training recipe's table."""
        ...

    def __call__(self, index: int, rng: np.random.Generator) -> G_co:
        """Member ``index`` of the family; any first members cover the range of sizes that the space was asked for."""
        ...


@runtime_checkable
class SpreadsFounders(Protocol[G_co]):
    """Capability: founders that cover the space evenly, where samples would leave their kinds and sizes to chance."""

    def founder(self, index: int, rng: np.random.Generator) -> G_co:
        """Founder ``index``, from 0; over many it is as random as :meth:`evonas.space.SearchSpace.sample`."""
        ...


@runtime_checkable
class FitsFounders(Protocol):
    """Capability: choose founders that fit the number of samples, the memory, the time and the objectives."""

    def founders_for(self, n_edges: int, objectives: Collection[str]) -> Mapping[str, Any]:
        """Options of the space with which founders begin with few enough edges and suit the objectives.

        Args:
            n_edges: Largest affordable number of edges, approximately.
            objectives: Names of the metrics.

        Returns:
            Options by name; empty if the present options are suitable.
        """
        ...


@runtime_checkable
class Seedable(Protocol[G_co]):
    """Capability: families of genotypes beside the random founders that every space has."""

    @property
    def seeders(self) -> Mapping[str, Seeder[G_co]]:
        """Seeders by their names on the command line."""
        ...
