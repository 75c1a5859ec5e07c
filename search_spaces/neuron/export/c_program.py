"""A network as C99: one source and one header that need nothing but ``sqrtf``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from evonas.data.samples import InputType
from evonas.exportable import ExportTarget
from evonas.types import Task
from search_spaces.neuron.export import c_text, c_tiles
from search_spaces.neuron.export.arithmetic import Arithmetic, arithmetic
from search_spaces.neuron.export.c_scope import scoped
from search_spaces.neuron.export.c_tiles import AVX2, AVX512, Tiles, tiles, whole_windows
from search_spaces.neuron.export.layout import (
    STEP_TYPES,
    Rows,
    Slots,
    StepType,
    neighbours_together,
    place_layers,
    slot_of,
    to_rows,
)
from search_spaces.neuron.trainer.base import NORM_EPSILON, Network

if TYPE_CHECKING:
    from torch import nn

#: Products of a byte and an int8 weight are summed as int32, which so many cannot overflow.
MOST_INTEGER_PRODUCTS = (2**31 - 1) // (255 * 127)


#: C's name of a type of inputs, and what the header says of it.
INPUTS: Mapping[InputType, tuple[str, str]] = MappingProxyType({
    "uint8": ("uint8_t", "whole numbers in the units of the data, at most 255"), "float32": ("float", "floats"),
    "float64": ("double", "doubles: floats would lose too much of values so far from 0"),
})


@dataclass(frozen=True, eq=False)
class CProgram:
    """A network laid out for a device: an :class:`evonas.exportable.Program`.

    Attributes:
        inputs, hidden: The edges from inputs and from hidden neurons; all rows in both.
        step_type: Of the steps of both.
        tiles: The same edges, for processors with AVX-512 and for those with AVX2.
    """

    task: Task
    target: ExportTarget
    numbers: Arithmetic
    slots: Slots
    inputs: Rows
    hidden: Rows
    step_type: StepType
    tiles: tuple[Tiles, Tiles]

    @property
    def sizes(self) -> dict[str, int]:
        """``flash``: the constant tables; the code, one or two kilobytes, comes on top. ``ram``: the static buffers."""
        n_buffered = self.slots.size + (0 if self.numbers.mean is None else self.task.n_inputs)
        return {"flash": sum(table.nbytes for table in self._tables.values()), "ram": 4 * n_buffered}

    def compile(self) -> nn.Module:
        """The same network with the weights as they were rounded."""
        from search_spaces.neuron.module import NeuronModule

        return NeuronModule(self.numbers.network)

    def files(self, remarks: Sequence[str]) -> dict[str, bytes]:
        """The source and the header."""
        source = scoped(self._source(), self.target.name)
        return {".c": source.encode("ascii"), ".h": self._header(remarks).encode("ascii")}

    @property
    def _has_hidden(self) -> bool:
        return self.slots.size > 0

    @cached_property
    def _tables(self) -> dict[str, NDArray[Any]]:
        """The constants by name, in the types that they have on the device."""
        numbers = self.numbers
        tables: dict[str, NDArray[Any] | None] = {
            "layer_sizes": _narrow(np.diff(numbers.network.genotype.layer_offsets[1:])), "offset": numbers.offset,
            "input_counts": _narrow(self.inputs.counts), "input_steps": self.inputs.steps.astype(self.step_type),
            "input_weights": self.inputs.weights, "mean": numbers.mean, "inverse_std": numbers.inverse_std,
            "input_scale": None if numbers.weights.scales is None else numbers.weights.scales[::2],
        }
        if self._has_hidden:
            tables |= {
                "layer_slots": _narrow(self.slots.first), "hidden_counts": _narrow(self.hidden.counts),
                "hidden_steps": self.hidden.steps.astype(self.step_type), "hidden_weights": self.hidden.weights,
                "hidden_scale": None if numbers.weights.scales is None else numbers.weights.scales[1::2],
            }
            if numbers.network.norm == "layer-affine":
                tables |= {"gain": numbers.gain.values, "gain_scale": numbers.gain.scales}
                tables |= {"bias": numbers.bias.values, "bias_scale": numbers.bias.scales}
        return {name: values for name, values in tables.items() if values is not None}

    @property
    def _features(self) -> set[str]:
        """What the templates must know."""
        norm, enters, byte_inputs = self.numbers.network.norm, self.numbers.mean is not None, self.target.byte_inputs
        present = {
            "hidden": self._has_hidden, "norm": self._has_hidden and norm != "none", "enter": enters,
            "bytes": byte_inputs and not enters, "floats": self._has_hidden or enters or not byte_inputs,
            "classify": self.task.kind == "classification",
        }
        return {feature for feature, there in present.items() if there}

    @property
    def _common(self) -> dict[str, object]:
        name, sizes = self.target.name, {"n_inputs": self.task.n_inputs, "n_outputs": self.task.n_outputs}
        return {"stem": self.target.stem or name, "name": name, "NAME": name.upper(), **sizes}

    def _source(self) -> str:
        features, int8 = self._features, self.numbers.weights.scales is not None
        scales = {f"{kind}_scale": f"{kind}_scale[layer] * " if int8 else "" for kind in ("input", "hidden")}
        common = {**self._common, **self._activation, **scales, "entered": self._entered}
        exact = int8 and int(self.inputs.counts.max()) <= MOST_INTEGER_PRODUCTS
        function = "sum_bytes" if "bytes" in features else "sum_floats"
        source = "normalised" if "enter" in features else "x"
        return c_text.fill(c_text.SOURCE, features, {
            **common, "tiles": self._tiled(common), "n_layers": self.numbers.network.genotype.depth,
            "n_slots": self.slots.size, "step_type": c_text.c_type(np.dtype(self.step_type)),
            "weight_type": c_text.c_type(self.inputs.weights.dtype),
            "tables": "\n".join(c_text.table(name, values) for name, values in self._tables.items()),
            "byte_total": "int32_t" if exact else "float", "epsilon": repr(NORM_EPSILON),
            "destination": "layer + 1 < N_LAYERS ? buffer + layer_slots[layer] : outputs"
            if self._has_hidden else "outputs",
            "sum_inputs": f"{scales['input_scale']}{function}({source}, input_step, input_weight, input_counts[row])",
            "sum_hidden": f"{scales['hidden_scale']}sum_floats(buffer, hidden_step, hidden_weight, hidden_counts[row])",
        })

    def _tiled(self, common: Mapping[str, object]) -> str:
        """What takes the place of the rows on processors with AVX-512 or AVX2."""
        avx512, avx2 = self.tiles
        hidden = "layer + 1 < N_LAYERS ? (float *)sources + FIRST_SLOT + layer_slots[layer] : outputs"
        return c_text.fill(c_tiles.SOURCE, self._features, {
            **common, "first_slot": whole_windows(self.task.n_inputs),
            "n_sources": whole_windows(self.task.n_inputs) + whole_windows(self.slots.size),
            "avx512_steps": avx512.n_steps, "avx512_table": c_text.table("tile_steps", avx512.steps.ravel()),
            "avx2_steps": avx2.n_steps, "avx2_table": c_text.table("tile_steps", avx2.steps.ravel()),
            "destination": hidden if self._has_hidden else "outputs",
        })

    @property
    def _entered(self) -> str:
        """Input i as the weights take it."""
        if self.numbers.mean is None:
            return "(float)x[i]"
        centred = "(float)(x[i] - mean[i])" if self.target.input_type == "float64" else "((float)x[i] - mean[i])"
        return f"{centred} * inverse_std[i]"

    @property
    def _activation(self) -> dict[str, object]:
        """The norm's parameters as C, and what it makes of a weighted sum."""
        norm, stored = self.numbers.network.norm, self.numbers.gain
        normed = "z[i]" if norm == "none" else "(z[i] - mean_z) * factor"
        if norm != "layer-affine":
            return {"activate_parameters": "", "activate_arguments": "", "activation": normed}
        type_ = c_text.c_type(stored.values.dtype)
        parameters, arguments = f", const {type_} *g, const {type_} *b", ", gain + row - size, bias + row - size"
        if stored.scales is None:
            activation = f"{normed} * g[i] + b[i]"
        else:
            activation = f"{normed} * (g_scale * (float)g[i]) + b_scale * (float)b[i]"
            parameters += ", float g_scale, float b_scale"
            arguments += ", gain_scale[layer], bias_scale[layer]"
        return {"activate_parameters": parameters, "activate_arguments": arguments, "activation": activation}

    def _header(self, remarks: Sequence[str]) -> str:
        shape = self.task.input_shape
        order = ("in the order of its columns", "channel by channel", "channel by channel, row by row")[len(shape) - 1]
        type_, note = INPUTS[self.target.input_type]
        classes = "one logit a class" if self.task.kind == "classification" else "predictions in the units of the data"
        return c_text.fill(c_text.HEADER, self._features, {
            **self._common, **self.sizes, "remarks": c_text.comment(remarks),
            "unpacked": max(tiles.n_bytes for tiles in self.tiles),
            "output_note": classes,
            "input_type": type_, "input_note": note,
            "shape_note": f"{' x '.join(map(str, shape))} values, {order}",
        })


def c_program(network: Network, task: Task, target: ExportTarget) -> CProgram:
    """Lay a network out; with steps of one byte or two, whichever takes less memory.

    Raises:
        ValueError: A parameter is not finite.
    """
    network = neighbours_together(network)
    numbers, genotype = arithmetic(network, target.scaling, task.input_shape, target.precision), network.genotype
    slots = place_layers(genotype)
    source, into = genotype.edges.T.astype(np.int64)
    row, column, from_input = into - genotype.n_inputs, source.copy(), source < genotype.n_inputs
    column[~from_input] = slot_of(genotype, slots)[source[~from_input] - genotype.n_inputs]
    sizes, stored = np.diff(genotype.layer_offsets[1:]), numbers.weights.values != 0
    first_slot = whole_windows(genotype.n_inputs)
    place, n_places = np.where(from_input, column, first_slot + column), first_slot + whole_windows(slots.size)
    wide, narrow = (tiles(row[stored], place[stored], sizes, n_places, shape) for shape in (AVX512, AVX2))
    programs = []
    for step_type in STEP_TYPES:
        longest = int(np.iinfo(step_type).max)
        inputs, hidden = (
            to_rows(row[part], column[part], numbers.weights.values[part], len(network.bias), longest)
            for part in (from_input, ~from_input)
        )
        programs.append(CProgram(task, target, numbers, slots, inputs, hidden, step_type, (wide, narrow)))
    return min(programs, key=lambda program: program.sizes["flash"])


def _narrow(values: NDArray[Any]) -> NDArray[Any]:
    """In the narrowest unsigned type that holds them."""
    return values.astype(np.min_scalar_type(int(values.max())))
