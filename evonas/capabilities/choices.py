"""Genotypes as choices among operations, and the supernet that contains all of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from evonas.space import G, SearchSpace
from evonas.types import Floats, Weights

if TYPE_CHECKING:
    from torch import nn


@dataclass(frozen=True, eq=False)
class Choices:
    """Choices in a supernet: one operation a row of ``arch``.

    Attributes:
        operations: Names of the columns of ``arch``.
        n_choices: Rows of ``arch``.
        costs: ``"params"`` and ``"flops"``, each ``(n_choices, n_operations)``: what an operation on a row adds to the
            whole network, in the units of :meth:`SearchSpace.cost`.
        none: The column of the operation that cuts the edge; None without such an operation.
        skip: The column of the identity; None without such an operation.
        per_image: The supernet takes an ``arch`` for every image, too: ``(n, n_choices, n_operations)``.
        classifier: Names of the supernet's parameters that are its last layer; empty where no method may replace them.
        nested: Whether the operations of a row share weights in the supernet: each is a slice of the one with the most
            parameters.
    """

    operations: tuple[str, ...]
    n_choices: int
    costs: Mapping[str, Floats]
    none: int | None
    skip: int | None
    per_image: bool = False
    classifier: tuple[str, ...] = ()
    nested: bool = False


@runtime_checkable
class HasChoices(Protocol[G]):
    """Capability: genotypes are independent choices, each of one operation from the same small set."""

    @property
    def choices(self) -> Choices:
        """The meaning of the rows and the columns of ``arch``."""
        ...

    def discretize(self, arch: Floats, rule: str = "argmax") -> G:
        """The genotype with the largest entries of ``arch``.

        Args:
            arch: Probabilities or logits, ``(n_choices, n_operations)``.
            rule: ``"argmax"``: each row's best operation, the null operation included; ``"darts"``: the best except the
                null operation, on the two strongest inputs of every node.

        Raises:
            ValueError: Another shape, a value that is not finite, or an unknown rule.
        """
        ...

    def arch_of(self, genotype: G) -> Floats:
        """The rows ``(n_choices, n_operations)`` with which the supernet computes the same as the genotype's network.

        The rows are one-hot; the row of an edge that the genotype lacks is that of the null operation, or zeros if
        there is no such operation.
        """
        ...


@runtime_checkable
class Relaxable(HasChoices[G], Protocol[G]):
    """Capability: a supernet whose architecture is an argument."""

    def supernet(self, rng_seed: int) -> nn.Module:
        """A module with ``forward(x, arch)``: logits ``(n, n_outputs)`` for ``arch`` ``(n_choices, n_operations)``.

        An operation whose weight is exactly 0 is not run, and gives that weight no gradient: to get one, pass a weight
        next to 0. ``rng_seed`` determines the initial weights.
        """
        ...

    def extract(self, supernet: nn.Module, genotype: G) -> Weights:
        """Weights for :meth:`SearchSpace.compile`, cut out of a supernet."""
        ...


@runtime_checkable
class Sliceable(Relaxable[G], Protocol[G]):
    """Capability: a supernet of nested operations, of which one may choose what narrow ones are made of."""

    def rank_slices(self, supernet: nn.Module) -> None:
        """Sort channels in place: narrow operations are from now on the parts of the widest with the largest weights.

        The path of the widest operations computes what it did before.
        """
        ...


class RelaxableSpace(Relaxable[G], SearchSpace[G], Protocol[G]):
    """A search space that has a supernet."""
