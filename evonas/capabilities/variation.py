"""Variation of genotypes beyond what every space supports: inheritance, intended costs, neighbours, features."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Protocol, runtime_checkable

import numpy as np

from evonas.space import G, G_contra, Offspring
from evonas.types import Floats, Weights


@runtime_checkable
class InheritsWeights(Protocol[G_contra]):
    """Capability: start a child's training from a relative's weights."""

    def inherit(self, child: G_contra, parent: G_contra, weights: Weights, rng: np.random.Generator) -> Weights:
        """Weights of a child, made from those of its parent; a pure function of its arguments.

        Args:
            child: The child.
            parent: The parent.
            weights: Weights of the parent.
            rng: Generator of new weights.
        """
        ...


@runtime_checkable
class MutatesTowards(Protocol[G]):
    """Capability: operators of the space accept intended costs of the child."""

    def aims(self, operator: str, metrics: Collection[str]) -> bool:
        """Whether an operator chooses the costs of a child: another draw would be no nearer to the intended ones.

        Args:
            operator: Name of the operator.
            metrics: Names of the intended costs.
        """
        ...

    def mutate_towards(
        self, parent: G, costs: Mapping[str, float], rng: np.random.Generator, operator: str | None = None
    ) -> Offspring[G]:
        """An offspring as from :meth:`SearchSpace.mutate`, near intended costs as far as the operator can choose.

        Args:
            parent: The parent.
            costs: Intended values of some of the metrics of :meth:`SearchSpace.cost`.
            rng: Generator of the mutation.
            operator: Name of the operator; None draws one.
        """
        ...


@runtime_checkable
class HasNeighbours(Protocol[G]):
    """Capability: list the neighbours of a genotype; without it neighbours are random mutants."""

    def neighbours(self, genotype: G) -> Sequence[G]:
        """All genotypes that differ from this one in one gene, each once."""
        ...


@runtime_checkable
class HasFeatures(Protocol[G_contra]):
    """Capability: features of genotypes for a regression."""

    def features(self, genotype: G_contra) -> Floats:
        """Finite features of shape ``(n_features,)``, the same number for all genotypes of the space."""
        ...
