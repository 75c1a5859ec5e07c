"""What a search space is to the engine."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, NamedTuple, Protocol, TypeVar, runtime_checkable

import numpy as np

from evonas.sketch import Sketch
from evonas.types import Arrays, Floats, Json, Metrics, Task, Weights

if TYPE_CHECKING:
    from pydantic import BaseModel
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
class HasWeightOptions(Protocol):
    """Capability: say what runs must agree on before one goes on from the weights of another."""

    @property
    def weight_options(self) -> Mapping[str, Any]:
        """The space's options that decide what weights compute."""
        ...


@runtime_checkable
class HasOptions(Protocol):
    """Capability: describe what can be set of the space, see :func:`evonas.options.describe_options`."""

    @property
    def options(self) -> BaseModel:
        """The settings, as an instance of the model that checks them."""
        ...


class Seeder(Protocol[G_co]):
    """A family of genotypes to start from, as long as anybody likes, and the training that suits it."""

    @property
    def training(self) -> Mapping[str, Any]:
        """Defaults of the training recipe's table."""
        ...

    def __call__(self, index: int, rng: np.random.Generator) -> G_co:
        """Member ``index`` of the family; any first members cover the range of sizes that the space was asked for."""
        ...


@runtime_checkable
class FitsFounders(Protocol):
    """Capability: begin with smaller networks where samples, memory or time are few, and with those that suit a search.
    """

    def founders_for(self, n_edges: int, objectives: Collection[str]) -> Mapping[str, Any]:
        """Options of the space with which no founder begins with many more edges, and all suit what is minimised.

        Args:
            n_edges: The most that is affordable.
            objectives: Names of the metrics.

        Returns:
            Empty where the options are right as they are.
        """
        ...


@runtime_checkable
class SuitsData(Protocol):
    """Capability: options whose best value depends on the data."""

    def suitable_options(self) -> Mapping[str, Any]:
        """Values for options that were left out; a new run takes and stores them, one that is resumed has its own."""
        ...


@runtime_checkable
class Seedable(Protocol[G_co]):
    """Capability: families of genotypes beside the random founders that every space has."""

    @property
    def seeders(self) -> Mapping[str, Seeder[G_co]]:
        """Seeders by the name that the command line knows them by."""
        ...


@runtime_checkable
class Readable(Protocol[G_co]):
    """Capability: read a genotype that a person has typed."""

    def parse(self, text: str) -> G_co:
        """A valid genotype from its text; raises :class:`InvalidGenotype` with one sentence."""
        ...


@runtime_checkable
class Describable(Protocol[G_contra]):
    """Capability: tables for a person to read."""

    def describe(self, genotype: G_contra) -> list[tuple[str, list[str], list[list[str]]]]:
        """Tables as (title, column names, rows)."""
        ...


@dataclass(frozen=True, eq=False)
class Choices:
    """What there is to choose in a supernet: one operation a row of ``arch``.

    Attributes:
        operations: Names of the columns of ``arch``.
        n_choices: Rows of ``arch``.
        costs: ``"params"`` and ``"flops"``, each ``(n_choices, n_operations)``: what an operation on a row adds to the
            whole network, in the units of :meth:`SearchSpace.cost`.
        none: The column of the operation that cuts the edge; None where there is no such operation.
        skip: The column of the identity; None where there is no such operation.
    """

    operations: tuple[str, ...]
    n_choices: int
    costs: Mapping[str, Floats]
    none: int | None
    skip: int | None


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


@runtime_checkable
class HasChoices(Protocol[G]):
    """Capability: genotypes are independent choices, each of one operation among the same few."""

    @property
    def choices(self) -> Choices:
        """What the rows and the columns of ``arch`` stand for."""
        ...

    def discretize(self, arch: Floats, rule: str = "argmax") -> G:
        """The genotype that ``arch`` (probabilities or logits, ``(n_choices, n_operations)``) prefers.

        Args:
            rule: ``"argmax"``: each row's best operation, the null operation included; ``"darts"``: the best but the
                null operation, on the two strongest inputs of every node.

        Raises:
            ValueError: Another shape, a value that is not finite, or an unknown rule.
        """
        ...

    def arch_of(self, genotype: G) -> Floats:
        """Rows ``(n_choices, n_operations)`` with which the supernet computes what the genotype's network does.

        One-hot; of an edge that the genotype does not have, the null operation's row, or zeros where there is none.
        """
        ...


@runtime_checkable
class Relaxable(HasChoices[G], Protocol[G]):
    """Capability: a supernet whose architecture is an argument."""

    def supernet(self, rng_seed: int) -> nn.Module:
        """A module with ``forward(x, arch)``: logits ``(n, n_outputs)`` for ``arch`` ``(n_choices, n_operations)``.

        An operation whose weight is exactly 0 is not run, and gives that weight no gradient: whoever wants one passes a
        weight next to 0. ``rng_seed`` decides the fresh weights.
        """
        ...

    def extract(self, supernet: nn.Module, genotype: G) -> Weights:
        """Weights for :meth:`SearchSpace.compile`, as cut from a supernet."""
        ...


class RelaxableSpace(Relaxable[G], SearchSpace[G], Protocol[G]):
    """A search space that has a supernet."""


@runtime_checkable
class Drawable(Protocol[G_contra]):
    """Capability: say what a network looks like."""

    def sketch(self, genotype: G_contra, weights: Weights | None = None) -> Sketch:
        """All nodes and edges; with ``weights`` those of the edges, where the space has such."""
        ...


class SpaceFactory(Protocol):
    """What an entry point of the group ``evonas.search_spaces`` resolves to."""

    def __call__(self, task: Task, options: Mapping[str, Any]) -> SearchSpace[Any]:
        """A space for the task; ``ValueError`` with one sentence for a bad option."""
        ...
