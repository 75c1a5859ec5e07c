"""Networks as C99: one source and one header that need only ``sqrtf``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from evonas.capabilities.export import ExportedModel, ExportTarget
from evonas.export import c_frame, c_text
from evonas.export.c_scope import scoped
from evonas.export.c_text import narrow
from evonas.types import Task
from search_spaces.neuron.export import c_maps, c_source, c_tiles
from search_spaces.neuron.export.arithmetic import TYPES, Arithmetic, arithmetic
from search_spaces.neuron.export.c_activation import Activations, activations_in_c
from search_spaces.neuron.export.c_maps import MapsInC, maps_in_c
from search_spaces.neuron.export.c_tiles import AVX2, AVX512, Tiles, tiles, whole_windows
from search_spaces.neuron.export.layout import (
    STEP_TYPES,
    Rows,
    Slots,
    StepType,
    columns_of,
    place_layers,
    to_rows,
)
from search_spaces.neuron.export.maps import Maps, candidate_maps
from search_spaces.neuron.export.ordering import channels_together, neighbours_together
from search_spaces.neuron.trainer.base import Network

if TYPE_CHECKING:
    from torch import nn

#: Number of products of a byte and an int8 weight whose sum cannot overflow int32.
MOST_INTEGER_PRODUCTS = (2**31 - 1) // (255 * 127)


@dataclass(frozen=True, eq=False)
class CProgram(ExportedModel):
    """Network laid out for a device.

    Attributes:
        task: The task.
        target: Purpose of the program.
        numbers: Stored numbers.
        slots: Places of the hidden activations.
        inputs, hidden: Edges from inputs and from hidden neurons, row by row, without those of maps.
        step_type: Type of the steps of both.
        maps: Edges that share weights; None for rows of all neurons.
        activations: Activations of hidden layers.
        tiles: The same edges, for processors with AVX-512 and for those with AVX2.
    """

    task: Task
    target: ExportTarget
    numbers: Arithmetic
    slots: Slots
    inputs: Rows
    hidden: Rows
    step_type: StepType
    maps: MapsInC | None
    activations: Activations
    tiles: tuple[Tiles, Tiles]

    @property
    def sizes(self) -> dict[str, int]:
        """Return ``flash``, the constant tables, and ``ram``, the static buffers, in bytes.

        The code, one or two kilobytes, is not counted.
        """
        n_buffered = self.slots.size + (0 if self.numbers.mean is None else self.task.n_inputs)
        return {"flash": sum(table.nbytes for table in self._tables.values()), "ram": 4 * n_buffered}

    def compile(self) -> nn.Module:
        """Return the same network with the rounded weights."""
        from search_spaces.neuron.module import NeuronModule

        return NeuronModule(self.numbers.network)

    def files(self, remarks: Sequence[str]) -> dict[str, bytes]:
        """Return the source and the header."""
        entry = c_text.fill(c_frame.ENTRY, self._features, {**self._common, **c_frame.FLOAT_OUTPUTS})
        source = scoped(self._source() + entry, self.target.name)
        unpacked = max(tiles.n_bytes for tiles in self.tiles) + self._n_shift_bytes
        header = c_frame.header(self.task, self.target, self.sizes, remarks, unpacked=unpacked)
        return {".c": source.encode("ascii"), ".h": header.encode("ascii")}

    @property
    def _has_hidden(self) -> bool:
        return self.slots.size > 0

    @cached_property
    def _tables(self) -> dict[str, NDArray[Any]]:
        """Return the constants by name, in the types that they have on the device."""
        numbers, features = self.numbers, self._features
        tables: dict[str, NDArray[Any] | None] = {
            "layer_sizes": narrow(np.diff(numbers.network.genotype.layer_offsets[1:])), "offset": numbers.offset,
            "mean": numbers.mean, "inverse_std": numbers.inverse_std, "imputed": numbers.imputed,
        }
        for kind, rows, first in (("input", self.inputs, 0), ("hidden", self.hidden, 1)):
            if f"{kind}_rows" in features:
                scales = numbers.weights.scales
                tables |= {
                    f"{kind}_counts": narrow(rows.counts), f"{kind}_steps": rows.steps.astype(self.step_type),
                    f"{kind}_weights": rows.weights,
                    f"{kind}_scale": None if scales is None else scales[first : 2 * numbers.network.genotype.depth : 2],
                }
        if self._has_hidden:
            tables["layer_slots"] = narrow(self.slots.first)
        tables |= self.activations.tables | ({} if self.maps is None else self.maps.tables)
        return {name: values for name, values in tables.items() if values is not None}

    @property
    def _features(self) -> set[str]:
        """Return the features that the templates depend on."""
        enters, maps, every = self.numbers.mean is not None, self.maps, self.maps is None
        takes_bytes = self.target.byte_inputs and not enters
        input_rows = every or len(self.inputs.steps) > 0
        hidden_rows = self._has_hidden and (every or len(self.hidden.steps) > 0)
        present = {
            "hidden": self._has_hidden, "norm": "sum_around" in self.activations.function, "enter": enters,
            "takes_bytes": takes_bytes, "bytes": takes_bytes and input_rows,
            "floats": hidden_rows or (input_rows and not takes_bytes),
            "classify": self.task.kind == "classification", "tiles": True,
            "every": every, "maps": not every, "listed": maps is not None and len(maps.listed) > 0,
            "rows": maps is None or len(maps.listed) > 0, "input_rows": input_rows, "hidden_rows": hidden_rows,
            "any_rows": input_rows or hidden_rows,
            "input_maps": maps is not None and maps.from_inputs, "hidden_maps": maps is not None and maps.from_hidden,
        }
        return {feature for feature, there in present.items() if there} | c_frame.named(self.target)

    @property
    def _common(self) -> dict[str, object]:
        return c_frame.described(self.task, self.target)

    @property
    def _n_shift_bytes(self) -> int:
        return 0 if self.maps is None else 4 * len(self.numbers.offset)

    def _source(self) -> str:
        features, int8 = self._features, self.numbers.weights.scales is not None
        scales = {f"{kind}_scale": f"{kind}_scale[layer] * " if int8 else "" for kind in ("input", "hidden")}
        common = {
            **self._common, **scales, "activate": self.activations.call,
            "entered": self._entered,
        }
        longest = max(int(self.inputs.counts.max(initial=0)), self.maps.longest if self.maps is not None else 0)
        exact, kind = int8 and longest <= MOST_INTEGER_PRODUCTS, "bytes" if "takes_bytes" in features else "floats"
        source = "normalised" if "enter" in features else "x"
        sum_inputs = f"{scales['input_scale']}sum_{kind}({source}, input_step, input_weight, input_counts[row])"
        return c_text.fill(c_source.SOURCE, features, {
            **common, "tiles": self._tiled(common), "n_layers": self.numbers.network.genotype.depth,
            "n_slots": self.slots.size, "step_type": c_text.c_type(np.dtype(self.step_type)),
            "weight_type": c_text.c_type(self.numbers.weights.values.dtype),
            "tables": "\n".join(c_text.table(name, values) for name, values in self._tables.items()),
            "byte_total": "int32_t" if exact else "float", "activation": self.activations.function.strip("\n"),
            "destination": "layer + 1 < N_LAYERS ? buffer + layer_slots[layer] : outputs"
            if self._has_hidden else "outputs",
            "row_sum": f"offset[row] + {sum_inputs}" if "input_rows" in features else "offset[row]",
            "sum_hidden": f"{scales['hidden_scale']}sum_floats(buffer, hidden_step, hidden_weight, hidden_counts[row])",
            "maps_comment": c_maps.COMMENT.rstrip(), "add_input_maps": f"add_{kind}(z, map, end, {source});",
            "add_maps": c_maps.add_maps(self.maps, byte_inputs=kind == "bytes", exact=exact) if self.maps else "",
        })

    def _tiled(self, common: Mapping[str, object]) -> str:
        """Return the C that replaces rows on processors with AVX-512 or AVX2."""
        avx512, avx2 = self.tiles
        hidden = "layer + 1 < N_LAYERS ? (float *)sources + FIRST_SLOT + layer_slots[layer] : outputs"
        return c_text.fill(c_tiles.SOURCE, self._features, {
            **common, "first_slot": whole_windows(self.task.n_inputs),
            "n_sources": whole_windows(self.task.n_inputs) + whole_windows(self.slots.size),
            "avx512_steps": avx512.n_steps, "avx512_table": c_text.table("tile_steps", avx512.steps.ravel()),
            "avx2_steps": avx2.n_steps, "avx2_table": c_text.table("tile_steps", avx2.steps.ravel()),
            "destination": hidden if self._has_hidden else "outputs",
            "row_offset": "offset" if self.maps is None else "shifts", "n_rows": len(self.numbers.offset),
            "put_maps": c_maps.put_maps(self.maps) if self.maps else "",
        })

    @property
    def _entered(self) -> str:
        """Return the expression of input i as the weights take it."""
        if self.numbers.mean is None:
            return "(float)x[i]"
        value = "x[i]" if self.numbers.imputed is None else "(x[i] == x[i] ? x[i] : imputed[i])"
        doubles = self.target.input_type == "float64"
        centred = f"(float)({value} - mean[i])" if doubles else f"((float){value} - mean[i])"
        return f"{centred} * inverse_std[i]"


def c_program(network: Network, task: Task, target: ExportTarget) -> CProgram:
    """Lay a network out with rows or maps, and steps of one byte or two: the variant that takes the least memory.

    Args:
        network: The network.
        task: The task.
        target: Precision and input type.

    Raises:
        ValueError: A parameter is not finite.
    """
    programs = _with_maps(channels_together(network), task, target) if network.genotype.is_shared else []
    least = network.genotype.n_edges * (1 + np.dtype(TYPES[target.precision][0]).itemsize)  # memory that rows take
    if not any(program.sizes["flash"] < least for program in programs):
        programs += _with_rows(neighbours_together(network), task, target)
    return min(programs, key=lambda program: program.sizes["flash"])


def _with_rows(network: Network, task: Task, target: ExportTarget) -> list[CProgram]:
    numbers = arithmetic(network, target.scaling, task.input_shape, target.precision)
    activations = activations_in_c(numbers, network.genotype.channels)
    return _programs(task, target, numbers, place_layers(network.genotype), None, activations)


def _with_maps(network: Network, task: Task, target: ExportTarget) -> list[CProgram]:
    """Return variants with maps; empty if sharing saves nothing.

    Args:
        network: The network.
        task: The task.
        target: Precision and input type.
    """
    genotype, slots = network.genotype, place_layers(network.genotype)
    exact = arithmetic(network, target.scaling, task.input_shape, "float32").weights.values
    programs: list[CProgram] = []
    for maps in candidate_maps(genotype, columns_of(genotype, slots), exact):
        numbers = arithmetic(network, target.scaling, task.input_shape, target.precision, maps.kernels)
        activations = activations_in_c(numbers, genotype.channels, by_layer=True)
        programs += _programs(task, target, numbers, slots, maps, activations)
    return programs


def _maps_of_floats(maps: Maps, numbers: Arithmetic) -> MapsInC:
    """Return the tables of shared weights with what they add as float32."""
    genotype, scales = numbers.network.genotype, numbers.weights.scales
    found = maps_in_c(maps, genotype, numbers.offset.astype(np.float64), numbers.weights.values)
    shifts = found.tables["map_shifts"]
    assert shifts is not None
    return found._replace(tables={
        **found.tables, "offset": found.offsets.astype(np.float32) if len(found.listed) else None,
        "map_shifts": shifts.astype(np.float32),
        "map_scales": None if scales is None else scales[2 * genotype.depth + maps.kernel_of],
    })


def _programs(
    task: Task, target: ExportTarget, numbers: Arithmetic, slots: Slots, maps: Maps | None, activations: Activations
) -> list[CProgram]:
    """Return variants with steps of each type.

    Args:
        task: The task.
        target: Precision and input type.
        numbers: Stored numbers.
        slots: Places of the hidden activations.
        maps: Shared weights; None for rows of all neurons.
        activations: Activations of hidden layers.
    """
    genotype, weights = numbers.network.genotype, numbers.weights.values
    columns, from_input = columns_of(genotype, slots), genotype.edges[:, 0] < genotype.n_inputs
    row = genotype.edges[:, 1].astype(np.int64) - genotype.n_inputs
    sizes, stored = np.diff(genotype.layer_offsets[1:]), weights != 0
    first_slot = whole_windows(genotype.n_inputs)
    place, n_places = np.where(from_input, columns, first_slot + columns), first_slot + whole_windows(slots.size)
    of_avx512, of_avx2 = (tiles(row[stored], place[stored], sizes, n_places, shape) for shape in (AVX512, AVX2))
    in_c = None if maps is None else _maps_of_floats(maps, numbers)
    listed = np.arange(len(numbers.offset)) if in_c is None else in_c.listed
    in_rows = np.ones(len(row), bool) if maps is None else maps.kernels < 0
    programs = []
    for step_type in STEP_TYPES:
        longest = int(np.iinfo(step_type).max)
        inputs, hidden = (
            to_rows(np.searchsorted(listed, row[part]), columns[part], weights[part], len(listed), longest)
            for part in (in_rows & from_input, in_rows & ~from_input)
        )
        programs.append(
            CProgram(task, target, numbers, slots, inputs, hidden, step_type, in_c, activations, (of_avx512, of_avx2))
        )
    return programs
