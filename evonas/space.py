"""What a search space is to the engine."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Generic, NamedTuple, Protocol, TypeVar

import numpy as np

from evonas.types import Arrays, Json, Metrics, Task, Weights

if TYPE_CHECKING:
    from torch import nn


class Genotype(Protocol):
    """Frozen plain data that describes a network."""

    @property
    def digest(self) -> str:
        """Hex digest of the content: equal genotypes, and only they, have equal digests, in every process."""
        ...


G = TypeVar("G", bound=Genotype)
G_co = TypeVar("G_co", bound=Genotype, covariant=True)
G_contra = TypeVar("G_contra", bound=Genotype, contravariant=True)


class InvalidGenotype(ValueError):
    """A genotype breaks an invariant of its space."""


class Offspring(NamedTuple, Generic[G]):
    """A child genotype and the operator that made it, e.g. ``"add_nodes"``."""

    genotype: G
    operator: str


class Phenotype(NamedTuple, Generic[G]):
    """A genotype with weights that belong to it: a network as it can be compiled, measured and exported."""

    genotype: G
    weights: Weights


class Encoded(NamedTuple):
    """A genotype as it is stored: a small JSON header and named arrays."""

    header: Json
    arrays: Arrays


class SearchSpace(Protocol[G]):
    """Genotypes, the moves between them, and the way to phenotypes. Never mutates its arguments."""

    def sample(self, rng: np.random.Generator) -> G:
        """A random founder."""
        ...

    @property
    def operators(self) -> Mapping[str, float]:
        """The names of the mutations in use and their positive weights, as they are drawn while nothing is known."""
        ...

    def mutate(self, parent: G, rng: np.random.Generator, operator: str | None = None) -> Offspring[G]:
        """A valid neighbour of ``parent``.

        Args:
            operator: One of :attr:`operators`; where it cannot change ``parent``, and for None, one is drawn by weight.
        """
        ...

    def crossover(self, first: G, second: G, rng: np.random.Generator) -> Offspring[G]:
        """A valid child of two parents; weights are inherited from ``first``."""
        ...

    def validate(self, genotype: G) -> None:
        """Raises :class:`InvalidGenotype` with one sentence if an invariant is broken."""
        ...

    def encode(self, genotype: G) -> Encoded:
        """What is stored."""
        ...

    def decode(self, data: Encoded) -> G:
        """The inverse of :meth:`encode`; raises :class:`InvalidGenotype` on damaged data."""
        ...

    def cost(self, genotype: G) -> Metrics:
        """Metrics that follow from the structure alone (``edges``, ``params``, ``flops``, ``depth``); no torch."""
        ...

    def compile(self, genotype: G, weights: Weights | None = None) -> nn.Module:
        """The phenotype, with ``weights`` loaded if given (``ValueError`` where they do not fit)."""
        ...


class SpaceFactory(Protocol):
    """What an entry point of the group ``evonas.search_spaces`` resolves to."""

    def __call__(self, task: Task, options: Mapping[str, Any]) -> SearchSpace[Any]:
        """A space for the task; ``ValueError`` with one sentence for a bad option."""
        ...
