"""The interface of a search space to the engine, with the types it is made of."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Generic, NamedTuple, Protocol

import numpy as np

from evonas.types import Encoded, G, G_co, G_contra, Genotype, Metrics, Task, Weights, suggestion

if TYPE_CHECKING:
    from torch import nn

__all__ = [
    "Encoded", "G", "G_co", "G_contra", "Genotype", "InvalidGenotype", "Offspring", "Phenotype", "SearchSpace",
    "SpaceFactory", "check_operator",
]


class InvalidGenotype(ValueError):
    """Raised if a genotype breaks an invariant of its space."""


def check_operator(operator: str | None, operators: Mapping[str, float]) -> None:
    """Raise ``ValueError`` unless an operator is one of those in use, or None."""
    if operator is not None and operator not in operators:
        raise ValueError(f"unknown operator {operator!r}{suggestion(operator, operators)}")


class Offspring(NamedTuple, Generic[G]):
    """A child genotype and its operator.

    Attributes:
        genotype: The child.
        operator: Operator that made it, e.g. ``"add_nodes"``.
    """

    genotype: G
    operator: str


class Phenotype(NamedTuple, Generic[G]):
    """A genotype with weights that belong to it: a network as it can be compiled, measured and exported."""

    genotype: G
    weights: Weights


class SearchSpace(Protocol[G]):
    """Genotypes, the moves between them, and their conversion to phenotypes. It never mutates its arguments."""

    def sample(self, rng: np.random.Generator) -> G:
        """A random founder."""
        ...

    @property
    def operators(self) -> Mapping[str, float]:
        """The names of the mutations in use and their positive weights, with which they are drawn by default."""
        ...

    def mutate(self, parent: G, rng: np.random.Generator, operator: str | None = None) -> Offspring[G]:
        """A valid neighbour of ``parent``.

        Args:
            parent: The parent.
            rng: Generator of the mutation.
            operator: One of :attr:`operators`; if it cannot change ``parent``, or for None, one is drawn by weight.
        """
        ...

    def crossover(self, first: G, second: G, rng: np.random.Generator) -> Offspring[G]:
        """A valid child of two parents.

        Args:
            first: First parent, from which weights are inherited.
            second: Second parent.
            rng: Generator of the crossover.
        """
        ...

    def validate(self, genotype: G) -> None:
        """Check the invariants of a genotype.

        Raises:
            InvalidGenotype: One is broken; the message is one sentence.
        """
        ...

    def encode(self, genotype: G) -> Encoded:
        """The genotype in its stored form."""
        ...

    def decode(self, data: Encoded) -> G:
        """The inverse of :meth:`encode`.

        Raises:
            InvalidGenotype: The data are damaged.
        """
        ...

    def cost(self, genotype: G) -> Metrics:
        """Metrics that follow from the structure alone (``edges``, ``params``, ``flops``, ``depth``); no torch."""
        ...

    def compile(self, genotype: G, weights: Weights | None = None) -> nn.Module:
        """The phenotype, with ``weights`` loaded if given.

        Raises:
            ValueError: The weights do not fit.
        """
        ...


class SpaceFactory(Protocol):
    """A callable that creates a search space; entry points of the group ``evonas.search_spaces`` name one.

    It gets a table of options, or their model if it declares that: see
    :class:`evonas.capabilities.options.ReadsOptions`.
    """

    def __call__(self, task: Task, options: Mapping[str, Any]) -> SearchSpace[Any]:
        """A space for the task.

        Raises:
            ValueError: An option is bad; the message is one sentence.
        """
        ...
