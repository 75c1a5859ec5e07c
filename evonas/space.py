"""What a search space is to the engine."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, Literal, NamedTuple, Protocol, TypeAlias, TypeVar, runtime_checkable

import numpy as np

from evonas.sketch import Sketch
from evonas.types import Arrays, Floats, Ints, Json, Metrics, Task, Weights

if TYPE_CHECKING:
    from torch import nn

    from evonas.data.samples import Scaling


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
class HasWeightOptions(Protocol):
    """Capability: say what runs must agree on before one goes on from the weights of another."""

    @property
    def weight_options(self) -> Mapping[str, Any]:
        """The space's options that decide what weights compute."""
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
class Seedable(Protocol[G_co]):
    """Capability: families of genotypes beside the random founders that every space has."""

    @property
    def seeders(self) -> Mapping[str, Seeder[G_co]]:
        """Seeders by the name that the command line knows them by."""
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
class Relaxable(Protocol[G]):
    """Capability: a supernet whose architecture is an argument."""

    @property
    def choices(self) -> Choices:
        """What the rows and the columns of ``arch`` stand for."""
        ...

    def supernet(self, rng_seed: int) -> nn.Module:
        """A module with ``forward(x, arch)``: logits ``(n, n_outputs)`` for ``arch`` ``(n_choices, n_operations)``.

        An operation whose weight is exactly 0 is not run, and gives that weight no gradient: whoever wants one passes a
        weight next to 0. ``rng_seed`` decides the fresh weights.
        """
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

    def extract(self, supernet: nn.Module, genotype: G) -> Weights:
        """Weights for :meth:`SearchSpace.compile`, as cut from a supernet."""
        ...


class RelaxableSpace(Relaxable[G], SearchSpace[G], Protocol[G]):
    """A search space that has a supernet."""


@dataclass(frozen=True, eq=False)
class TimedParts:
    """What the choices in networks of a space consist of.

    Attributes:
        names: Of parts that can be timed alone.
        counts: ``(n_choices, n_operations, n_parts)``: how many an operation on a row of ``arch`` adds to the network.
    """

    names: tuple[str, ...]
    counts: Ints


@runtime_checkable
class Drawable(Protocol[G_contra]):
    """Capability: say what a network looks like."""

    def sketch(self, genotype: G_contra, weights: Weights | None = None) -> Sketch:
        """All nodes and edges; with ``weights`` those of the edges, where the space has such."""
        ...

Precision: TypeAlias = Literal["float32", "int8"]


@dataclass(frozen=True)
class ExportTarget:
    """What an exported network is for.

    Attributes:
        name: What its identifiers begin with: a C identifier.
        scaling: From the data's own units, which the exported network takes and gives, to those of the search.
        byte_inputs: Whether every input is a whole number from 0 to 255 in the data's own units.
        precision: Of the stored weights.
    """

    name: str
    scaling: Scaling
    byte_inputs: bool
    precision: Precision = "float32"


class Program(Protocol):
    """A network in the language of another runtime."""

    @property
    def sizes(self) -> Mapping[str, int]:
        """Bytes by kind: ``flash`` (constants) and ``ram`` (static buffers), where it is known."""
        ...

    def compile(self) -> nn.Module:
        """What it computes, rounding of weights included, as a module between values in the units of the search."""
        ...

    def files(self, remarks: Sequence[str]) -> Mapping[str, bytes]:
        """Contents by suffix: ``.`` and the name of the format, and others beside it.

        Args:
            remarks: Text, of any characters, for a person to read in the files.
        """
        ...


@runtime_checkable
class Exportable(Protocol[G_contra]):
    """Capability: formats that must know what is inside a network.

    ``c`` is C99 with a ``main`` behind the macro ``{NAME}_MAIN`` in capitals. It reads samples one after the other from
    the standard input, as bytes or as float32 (``ExportTarget.byte_inputs``), and prints a line of outputs for each;
    with the arguments BLOCKS and RUNS it prints instead, for each block, the mean nanoseconds of so many runs. Code for
    one kind of processor is left out where the macro ``{NAME}_PORTABLE`` is defined. ``onnx``
    maps ``input``, float32 ``(n, *input_shape)`` in the data's own units, to ``output``, ``(n, n_outputs)``.
    """

    @property
    def formats(self) -> Mapping[str, Sequence[Precision]]:
        """What weights can be stored as, by the name of the format."""
        ...

    def export(self, genotype: G_contra, weights: Weights, format: str, target: ExportTarget) -> Program:
        """The network in one of :attr:`formats`; ``ValueError`` with one sentence where it cannot be written."""
        ...


@runtime_checkable
class HasTimedParts(Exportable[G], RelaxableSpace[G], Protocol[G]):
    """Capability: choices consist of parts, of which there are few, and each can be timed alone."""

    @property
    def timed_parts(self) -> TimedParts:
        """All there are."""
        ...

    def probe(self, part: str, copies: int) -> Mapping[str, bytes]:
        """So many copies of a part, joined as networks of this space join them; as :meth:`Program.files` in ONNX."""
        ...


class SpaceFactory(Protocol):
    """What an entry point of the group ``evonas.search_spaces`` resolves to."""

    def __call__(self, task: Task, options: Mapping[str, Any]) -> SearchSpace[Any]:
        """A space for the task; ``ValueError`` with one sentence for a bad option."""
        ...
