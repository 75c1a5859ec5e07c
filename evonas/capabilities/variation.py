"""How a space varies genotypes beyond what every space can: inheritance, aims, neighbours, features."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol, runtime_checkable

import numpy as np

from evonas.space import G, G_contra, Offspring
from evonas.types import Floats, Weights


@runtime_checkable
class InheritsWeights(Protocol[G_contra]):
    """Capability: start a child's training from a relative's weights."""

    def inherit(self, child: G_contra, parent: G_contra, weights: Weights, rng: np.random.Generator) -> Weights:
        """Weights of ``child`` made from ``weights`` of ``parent``; a pure function of its arguments."""
        ...


@runtime_checkable
class MutatesTowards(Protocol[G]):
    """Capability: operators of the space can be told what the child should cost."""

    def mutate_towards(
        self, parent: G, costs: Mapping[str, float], rng: np.random.Generator, operator: str | None = None
    ) -> Offspring[G]:
        """As :meth:`SearchSpace.mutate`, near costs where the operator can choose.

        Args:
            costs: Wanted values of some of the metrics of :meth:`SearchSpace.cost`.
        """
        ...


@runtime_checkable
class HasNeighbours(Protocol[G]):
    """Capability: list what a smallest step leads to; without it neighbours are random mutants."""

    def neighbours(self, genotype: G) -> Sequence[G]:
        """All genotypes that differ from this one in one gene, each once."""
        ...


@runtime_checkable
class HasFeatures(Protocol[G_contra]):
    """Capability: numbers that tell a regression what genotypes have in common."""

    def features(self, genotype: G_contra) -> Floats:
        """Of shape ``(n_features,)``, the same number for all genotypes of the space; finite."""
        ...
