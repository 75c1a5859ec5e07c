"""Export of a space's networks to other runtimes, and their decomposition into parts that are timed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, Protocol, TypeAlias, get_args, runtime_checkable

import numpy as np

from evonas.capabilities.choices import RelaxableSpace
from evonas.data.samples import InputType
from evonas.space import G, G_contra
from evonas.types import Doubles, Floats, IntegerType, Ints, Weights

if TYPE_CHECKING:
    from torch import nn

    from evonas.data.samples import Scaling

#: What a program computes with. ``int8``, ``int4`` and ``ternary``: integers alone, with weights of 8 and 4 bits or of
#: -1, 0 and 1, and activations of 8 bits. ``int8-weights``: float32, with weights that are stored in 8 bits.
Precision: TypeAlias = Literal["float32", "int8", "int4", "ternary", "int8-weights"]
#: Type of a program's inputs. Programs of integers take ``int16`` where the data set has no bytes: normalised inputs in
#: :data:`WORDS_A_DEVIATION` steps a deviation, between plus and minus :data:`LARGEST_WORD`.
ProgramInput: TypeAlias = InputType | Literal["int16"]
WORDS_A_DEVIATION, LARGEST_WORD = 256, 2047
INTEGER_TYPES: tuple[IntegerType, ...] = get_args(IntegerType)


@dataclass(frozen=True)
class ExportTarget:
    """Purpose of an exported network.

    Attributes:
        name: Beginning of its identifiers: a C identifier.
        scaling: Conversion from the data's own units, which the exported network takes and gives, to the search's.
        byte_inputs: Whether the data set's inputs are bytes.
        precision: What it computes with.
        calibration: Training samples as the network sees them, ``(n, *input_shape)``, by which programs of integers
            choose the steps of activations; None for other programs.
        stem: Name of its files without suffix; empty if that is ``name``.
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
    calibration: Floats | None = field(default=None, compare=False, repr=False)

    @property
    def integers(self) -> IntegerType | None:
        """Type of the weights of a program of integers; None for others."""
        return next((type_ for type_ in INTEGER_TYPES if type_ == self.precision), None)

    @property
    def input_type(self) -> ProgramInput:
        """Type of the inputs in C; ONNX takes bytes as float32."""
        if self.integers is not None and not (self.byte_inputs and self.scaling.is_foldable):
            return "int16"
        return "uint8" if self.byte_inputs else "float64" if self.takes_doubles else "float32"

    @property
    def takes_doubles(self) -> bool:
        """Whether float32 would lose too much of the inputs in the data's own units."""
        return self.scaling.input_type == "float64"


class ExportedModel(Protocol):
    """A network in the language of another runtime; a class that inherits from it has the usual sizes and units."""

    @property
    def sizes(self) -> Mapping[str, int]:
        """Bytes by kind: ``flash`` (constants) and ``ram`` (static buffers); empty where the runtime decides them."""
        return {}

    def compile(self) -> nn.Module:
        """The program's function, including all rounding, as a module in the units of the search."""
        ...

    def in_data_units(self, outputs: Floats) -> Doubles:
        """What the program gives, ``(n, n_outputs)``, in the data's own units: floats as they are; integers have a
        scale.
        """
        return outputs.astype(np.float64)

    def files(self, remarks: Sequence[str]) -> Mapping[str, bytes]:
        """Contents by suffix: ``.`` and the name of the format, and others beside it.

        Args:
            remarks: Lines of any characters that are written into the files as comments.
        """
        ...


@runtime_checkable
class Exportable(Protocol[G_contra]):
    """Capability: formats that depend on the structure of a network.

    ``c`` is C99 with a ``main`` behind the macro ``{NAME}_MAIN`` in capitals. It reads samples one after the other from
    the standard input, in the type ``ExportTarget.input_type``, and prints a line of outputs for each; with the
    arguments BLOCKS and RUNS it prints instead, for each block, the mean nanoseconds of RUNS runs. Code for one type of
    processor is left out if the macro ``{NAME}_PORTABLE`` is defined. ``onnx`` maps ``input``, float32 (or float64:
    ``ExportTarget.takes_doubles``) ``(n, *input_shape)`` in the data's own units, to ``output``, float32
    ``(n, n_outputs)``.
    """

    @property
    def formats(self) -> Mapping[str, Sequence[Precision]]:
        """The precisions by the name of the format."""
        ...

    def export(self, genotype: G_contra, weights: Weights, format: str, target: ExportTarget) -> ExportedModel:
        """The network in one of :attr:`formats`.

        Args:
            genotype: The genotype.
            weights: Its weights.
            format: Name of the format.
            target: Target of the export.

        Raises:
            ValueError: It cannot be written; the message is one sentence.
        """
        ...


@dataclass(frozen=True, eq=False)
class TimedParts:
    """The parts of which the choices in networks of a space consist.

    Attributes:
        names: Names of parts that can be timed alone.
        counts: Number of each part that an operation on a row of ``arch`` adds to the network,
            ``(n_choices, n_operations, n_parts)``.
    """

    names: tuple[str, ...]
    counts: Ints


@runtime_checkable
class HasTimedParts(Exportable[G], RelaxableSpace[G], Protocol[G]):
    """Capability: choices consist of a few kinds of parts, each of which can be timed alone."""

    @property
    def timed_parts(self) -> TimedParts:
        """All parts."""
        ...

    def probe(self, part: str, copies: int) -> Mapping[str, bytes]:
        """Copies of a part, joined as in networks of this space; ONNX files like :meth:`ExportedModel.files`."""
        ...
