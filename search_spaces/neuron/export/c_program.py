"""A network as C99: one source and one header that need nothing but ``sqrtf``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from evonas.exportable import ExportTarget
from evonas.types import Task
from search_spaces.neuron.export import c_text, c_tiles
from search_spaces.neuron.export.arithmetic import Arithmetic, arithmetic
from search_spaces.neuron.export.c_activation import Activations, activations_in_c
from search_spaces.neuron.export.c_tiles import AVX2, AVX512, Tiles, tiles, whole_windows
from search_spaces.neuron.export.layout import (
    STEP_TYPES,
    Rows,
    Slots,
    StepType,
    narrow,
    neighbours_together,
    place_layers,
    slot_of,
    to_rows,
)
from search_spaces.neuron.trainer.base import Network

if TYPE_CHECKING:
    from torch import nn

#: Products of a byte and an int8 weight are summed as int32, which so many cannot overflow.
MOST_INTEGER_PRODUCTS = (2**31 - 1) // (255 * 127)


@dataclass(frozen=True, eq=False)
class CProgram:
    """A network laid out for a device: an :class:`evonas.exportable.Program`.

    Attributes:
        inputs, hidden: The edges from inputs and from hidden neurons; all rows in both.
        step_type: Of the steps of both.
        activations: What follows the weighted sums of hidden layers.
        tiles: The same edges, for processors with AVX-512 and for those with AVX2.
    """

    task: Task
    target: ExportTarget
    numbers: Arithmetic
    slots: Slots
    inputs: Rows
    hidden: Rows
    step_type: StepType
    activations: Activations
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
        return {".c": self._source().encode("ascii"), ".h": self._header(remarks).encode("ascii")}

    @property
    def _has_hidden(self) -> bool:
        return self.slots.size > 0

    @cached_property
    def _tables(self) -> dict[str, NDArray[Any]]:
        """The constants by name, in the types that they have on the device."""
        numbers = self.numbers
        tables: dict[str, NDArray[Any] | None] = {
            "layer_sizes": narrow(np.diff(numbers.network.genotype.layer_offsets[1:])), "offset": numbers.offset,
            "input_counts": narrow(self.inputs.counts), "input_steps": self.inputs.steps.astype(self.step_type),
            "input_weights": self.inputs.weights, "mean": numbers.mean, "inverse_std": numbers.inverse_std,
            "input_scale": None if numbers.weights.scales is None else numbers.weights.scales[::2],
        }
        if self._has_hidden:
            tables |= {
                "layer_slots": narrow(self.slots.first), "hidden_counts": narrow(self.hidden.counts),
                "hidden_steps": self.hidden.steps.astype(self.step_type), "hidden_weights": self.hidden.weights,
                "hidden_scale": None if numbers.weights.scales is None else numbers.weights.scales[1::2],
            }
        tables |= self.activations.tables
        return {name: values for name, values in tables.items() if values is not None}

    @property
    def _features(self) -> set[str]:
        """What the templates must know."""
        enters, byte_inputs = self.numbers.mean is not None, self.target.byte_inputs
        present = {
            "hidden": self._has_hidden, "norm": "sum_around" in self.activations.function, "enter": enters,
            "bytes": byte_inputs and not enters, "floats": self._has_hidden or enters or not byte_inputs,
            "classify": self.task.kind == "classification",
        }
        return {feature for feature, there in present.items() if there}

    @property
    def _common(self) -> dict[str, object]:
        name = self.target.name
        return {"name": name, "NAME": name.upper(), "n_inputs": self.task.n_inputs, "n_outputs": self.task.n_outputs}

    def _source(self) -> str:
        features, int8 = self._features, self.numbers.weights.scales is not None
        scales = {f"{kind}_scale": f"{kind}_scale[layer] * " if int8 else "" for kind in ("input", "hidden")}
        common = {**self._common, **scales, "activate": self.activations.call}
        exact = int8 and int(self.inputs.counts.max()) <= MOST_INTEGER_PRODUCTS
        function = "sum_bytes" if "bytes" in features else "sum_floats"
        source = "normalised" if "enter" in features else "x"
        return c_text.fill(c_text.SOURCE, features, {
            **common, "tiles": self._tiled(common), "n_layers": self.numbers.network.genotype.depth,
            "n_slots": self.slots.size, "step_type": c_text.c_type(np.dtype(self.step_type)),
            "weight_type": c_text.c_type(self.inputs.weights.dtype),
            "tables": "\n".join(c_text.table(name, values) for name, values in self._tables.items()),
            "byte_total": "int32_t" if exact else "float", "activation": self.activations.function.strip("\n"),
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
            "entered": "(float)x[i]" if self.numbers.mean is None else "((float)x[i] - mean[i]) * inverse_std[i]",
            "destination": hidden if self._has_hidden else "outputs",
        })

    def _header(self, remarks: Sequence[str]) -> str:
        shape, byte_inputs = self.task.input_shape, self.target.byte_inputs
        order = "channel by channel, row by row" if len(shape) == 3 else "in the order of its columns"
        classes = "one logit a class" if self.task.kind == "classification" else "predictions in the units of the data"
        return c_text.fill(c_text.HEADER, self._features, {
            **self._common, **self.sizes, "remarks": c_text.comment(remarks),
            "unpacked": max(tiles.n_bytes for tiles in self.tiles),
            "output_note": classes,
            "input_type": "uint8_t" if byte_inputs else "float",
            "input_note": "whole numbers in the units of the data, at most 255" if byte_inputs else "floats",
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
    activations = activations_in_c(numbers, genotype.channels)
    wide, narrow_ = (tiles(row[stored], place[stored], sizes, n_places, shape) for shape in (AVX512, AVX2))
    programs = []
    for step_type in STEP_TYPES:
        longest = int(np.iinfo(step_type).max)
        inputs, hidden = (
            to_rows(row[part], column[part], numbers.weights.values[part], len(network.bias), longest)
            for part in (from_input, ~from_input)
        )
        programs.append(CProgram(task, target, numbers, slots, inputs, hidden, step_type, activations, (wide, narrow_)))
    return min(programs, key=lambda program: program.sizes["flash"])

