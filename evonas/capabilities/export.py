"""What a space can do for other runtimes: write its networks in their languages, and take them apart to be timed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Protocol, TypeAlias, runtime_checkable

from evonas.capabilities.choices import RelaxableSpace
from evonas.space import G, G_contra
from evonas.types import Ints, Weights

if TYPE_CHECKING:
    from torch import nn

    from evonas.data.samples import InputType, Scaling

Precision: TypeAlias = Literal["float32", "int8"]


@dataclass(frozen=True)
class ExportTarget:
    """What an exported network is for.

    Attributes:
        name: What its identifiers begin with: a C identifier.
        scaling: From the data's own units, which the exported network takes and gives, to those of the search.
        byte_inputs: Whether the data set's inputs are bytes.
        precision: Of the stored weights.
        stem: What its files are called, without suffix; empty where that is the name.
        classes: Names of the classes in the order of the outputs; empty where they have none.
        inputs: Names of the features; empty where they have none.
        targets: Names of the targets of a regression, where there are several.
    """

    name: str
    scaling: Scaling
    byte_inputs: bool
    precision: Precision = "float32"
    stem: str = ""
    classes: tuple[str, ...] = ()
    inputs: tuple[str, ...] = ()
    targets: tuple[str, ...] = ()

    @property
    def input_type(self) -> InputType:
        """What C takes inputs as; ONNX takes bytes as float32."""
        return "uint8" if self.byte_inputs else "float64" if self.takes_doubles else "float32"

    @property
    def takes_doubles(self) -> bool:
        """Whether float32 would lose too much of the inputs in the data's own units."""
        return self.scaling.input_type == "float64"


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
    the standard input, in the type ``ExportTarget.input_type``, and prints a line of outputs for each;
    with the arguments BLOCKS and RUNS it prints instead, for each block, the mean nanoseconds of so many runs. Code for
    one kind of processor is left out where the macro ``{NAME}_PORTABLE`` is defined. ``onnx``
    maps ``input``, float32 (or float64: ``ExportTarget.takes_doubles``) ``(n, *input_shape)`` in the data's own units,
    to ``output``, float32 ``(n, n_outputs)``.
    """

    @property
    def formats(self) -> Mapping[str, Sequence[Precision]]:
        """What weights can be stored as, by the name of the format."""
        ...

    def export(self, genotype: G_contra, weights: Weights, format: str, target: ExportTarget) -> Program:
        """The network in one of :attr:`formats`; ``ValueError`` with one sentence where it cannot be written."""
        ...


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
class HasTimedParts(Exportable[G], RelaxableSpace[G], Protocol[G]):
    """Capability: choices consist of parts, of which there are few, and each can be timed alone."""

    @property
    def timed_parts(self) -> TimedParts:
        """All there are."""
        ...

    def probe(self, part: str, copies: int) -> Mapping[str, bytes]:
        """So many copies of a part, joined as networks of this space join them; as :meth:`Program.files` in ONNX."""
        ...
