"""Networks of integers as C99: one source and one header that need no library, and the same as a module."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import chain
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from evonas.capabilities.export import LARGEST_WORD, WORDS_A_DEVIATION, ExportTarget
from evonas.export import c_frame, c_text
from evonas.export.c_scope import scoped
from evonas.types import Doubles, Floats, Ints, Task
from search_spaces.neuron.export import c_integer, c_maps
from search_spaces.neuron.export.fixed_point import GUESS, N_STEPS, SLOPE
from search_spaces.neuron.export.integer_layout import NO_OFFSETS, IntegerLayout
from search_spaces.neuron.export.integer_rounding import integer_network
from search_spaces.neuron.export.integers import IntegerNetwork
from search_spaces.neuron.export.layout import STEP_TYPES, columns_of, place_layers
from search_spaces.neuron.export.maps import Maps, candidate_maps
from search_spaces.neuron.export.ordering import channels_together, neighbours_together
from search_spaces.neuron.trainer.base import Network
from search_spaces.neuron.trainer.rounding import edge_factors

if TYPE_CHECKING:
    from torch import nn

#: Bytes of edges of 8 bits from which on two are added at a time, and four: each costs some 50 bytes, and saves a tenth
#: of the instructions of long rows. Products in pairs, as a Cortex-M4 has them (SMLAD), save none more: sources lie
#: apart, so that two bytes have to be joined first, and steps to be parted; four edges take 23 instructions either way.
HALVED, QUARTERED = 4096, 16384


@dataclass(frozen=True, eq=False)
class IntegerProgram:
    """Network of integers laid out for a device: an :class:`evonas.capabilities.export.ExportedModel`.

    Attributes:
        task: The task.
        target: Purpose of the program.
        layout: Its arithmetic, with which the C agrees bit for bit, and its tables.
    """

    task: Task
    target: ExportTarget
    layout: IntegerLayout

    @property
    def sizes(self) -> dict[str, int]:
        """Return ``flash``, the constant tables, and ``ram``, the static buffers, in bytes, without the code."""
        return self.layout.sizes

    @property
    def network(self) -> IntegerNetwork:
        """Return the arithmetic."""
        return self.layout.network

    def compile(self) -> nn.Module:
        """Return the program's function in the units of the search; it has no gradient."""
        from search_spaces.neuron.export.integer_module import IntegerModule

        return IntegerModule(self)

    def in_data_units(self, outputs: Floats) -> Doubles:
        """Return what outputs ``(n, n_outputs)`` are worth in the data's own units."""
        units, means = self._output_scale
        return outputs * units + means

    def run(self, inputs: NDArray[np.uint8] | NDArray[np.int16]) -> Ints:
        """Return what the program gives for its inputs, ``(n, *input_shape)``: integers, ``(n, n_outputs)``."""
        return self.network.run(inputs.reshape(len(inputs), -1))

    def files(self, remarks: Sequence[str]) -> dict[str, bytes]:
        """Return the source and the header."""
        entry = c_text.fill(c_frame.ENTRY, self._features, {**self._common, **c_frame.INTEGER_OUTPUTS})
        source = scoped(self._source() + entry, self.target.name)
        return {".c": source.encode("ascii"), ".h": self._header(remarks).encode("ascii")}

    @property
    def _output_scale(self) -> tuple[Doubles, Doubles]:
        scaling, ones = self.target.scaling, np.ones(self.task.n_outputs)
        std, mean = (np.array(value, np.float64) for value in (scaling.target_std, scaling.target_mean))
        return self.network.output_unit * std * ones, mean * ones

    @cached_property
    def _features(self) -> set[str]:
        """Return the features that the templates depend on."""
        layout, hidden, kind = self.layout, self.network.layers[:-1], self.layout.integers
        affine = any(norm is not None and norm.gains is not None for norm in layout.norms)
        has_norm, signed = any(norm is not None for norm in layout.norms), any(layer.zero for layer in hidden)
        maps, sources = layout.in_c, list(chain.from_iterable(layout.sources))
        offsets, mapped, slots = any(own.any() for own in layout.offsets), maps is not None, {s.slot for s in sources}
        listed = maps is not None and len(maps.listed) > 0
        from_inputs, from_hidden = (maps.from_inputs, maps.from_hidden) if maps is not None else (False, False)
        two_types = -1 in slots and len(slots) > 1 and not self.network.takes_bytes
        halved = kind == "int4" or (kind == "int8" and len(layout.stream.data) > HALVED)
        shifted, some = "offset_shift" in layout.parameters, None in layout.offset_shifts
        factors = any(source.factor is not None for source in sources)
        present = {
            kind: True, "integers": True, "classify": self._classifies,
            "hidden": bool(hidden), "norm": has_norm, "affine": affine, "not_affine": has_norm and not affine,
            "grouped": affine and bool((layout.groups > 1).any()), "plain": layout.is_plain,
            "linear": any(layer.n_rectified < len(layer.offsets) for layer in hidden), "signed": signed,
            "plain_zero": bool(hidden) and not signed,
            "one_each": affine and not bool((layout.groups > 1).any()),
            "not_affine_hidden": bool(hidden) and not affine, "no_hidden": not hidden,
            "edges": bool(sources), "low": bool(sources) and kind == "int4", "slots": slots - {-1} != set(),
            "quartered": kind == "int8" and len(layout.stream.data) > QUARTERED, "halved": halved, "whole": not halved,
            f"{kind}_{'halved' if halved else 'whole'}": True,
            "factors": factors, "exact": not factors,
            "two_types": two_types, "one_type": bool(sources) and not two_types,
            "no_inputs": -1 not in slots and not from_inputs,
            "maps": mapped, "listed": listed, "input_maps": from_inputs, "hidden_maps": from_hidden,
            "shifts": bool(hidden) or mapped or factors, "offsets": offsets,
            "each_offset": offsets and not mapped and not shifted, "some_offsets": offsets and not mapped and some,
            "shifted_offsets": offsets and not mapped and shifted and not some,
            "one_start": not offsets or mapped or not some,
            "from_zero": not offsets or mapped, "listed_offsets": offsets and mapped,
            "words": not self.network.takes_bytes and self._fits_a_line,
            "fills": self.target.scaling.fill is not None and self._fits_a_line,
        }
        return {feature for feature, there in present.items() if there} | c_frame.named(self.target)

    @property
    def _classifies(self) -> bool:
        return self.task.kind == "classification"

    @property
    def _fits_a_line(self) -> bool:
        return max(map(len, self._input_scale.values())) <= c_text.MOST_NAMES

    @property
    def _input_scale(self) -> dict[str, str]:
        """Return the conversion of inputs as text, by placeholder; a number for each channel if that is enough."""
        scaling, shape = self.target.scaling, self.task.input_shape
        fill = 0.0 if scaling.fill is None else scaling.fill
        values = np.stack([np.broadcast_to(np.array(v, np.float64), shape).reshape(shape[0], -1) for v in (
            scaling.mean, np.array(scaling.std, np.float64) / WORDS_A_DEVIATION, fill
        )])
        size = values.shape[2]
        if (values == values[:, :, :1]).all():
            values, channel = values[:, :, 0], "(i)" if size == 1 else f"((i) / {size})"
        else:
            values, channel = values.reshape(len(values), -1), "(i)"
        means, units, fills = (_listed(each) for each in values)
        return {"input_channel": channel, "input_means": means, "input_units": units, "input_fills": fills}

    @property
    def _common(self) -> dict[str, object]:
        return c_frame.described(self.task, self.target)

    def _source(self) -> str:
        features, layout, takes_bytes = self._features, self.layout, self.network.takes_bytes
        tables, parameters, maps = layout.tables, layout.parameters, layout.in_c
        added = "" if maps is None else c_maps.add_integer_maps(maps, takes_bytes=takes_bytes)
        one = "bytes" if takes_bytes or "slots" in features else "words"
        return c_text.fill(c_integer.SOURCE, features, {
            **self._common, "n_sums": layout.n_sums, "n_slots": layout.n_slots,
            "weights_note": c_integer.NOTES[layout.integers], "parameters": ", ".join(map(str.upper, parameters)),
            "n_parameters": len(parameters), "last": len(parameters) * (len(self.network.layers) - 1),
            "offset_type": c_text.c_type(tables["offsets"].dtype) if "offsets" in tables else "",
            "layer_type": c_text.c_type(tables["layers"].dtype),
            "tables": "\n".join(c_text.table(name, values) for name, values in tables.items()),
            "guess": GUESS, "slope": SLOPE, "n_steps": N_STEPS, "bounds": ", 0, zero" if "signed" in features else "",
            "add": self._added() + added, "kind": one, "scale": ", multiplier, shift" if "factors" in features else "",
            "place": "x" if "slots" not in features else "buffer + slot" if (
                not any(source.slot < 0 for source in chain.from_iterable(layout.sources))
            ) else "slot < 0 ? x : buffer + slot",
            "rows": "place, layer[ROWS]" if "listed" in features else "layer[SIZE]",
            "maps_comment": c_maps.COMMENT.rstrip(), "none": NO_OFFSETS,
            "inputs": "bytes" if takes_bytes else "words",
            "place_type": c_text.c_type(tables["row_places"].dtype) if "listed" in features else "",
        })

    def _added(self) -> str:
        """Return the functions that add edges to sums."""
        features, layout, takes_bytes = self._features, self.layout, self.network.takes_bytes
        if "edges" not in features:
            return ""
        from_inputs = any(source.slot < 0 for source in chain.from_iterable(layout.sources))
        types = {"words": "int16_t"} if from_inputs and not takes_bytes else {}
        types |= {"bytes": "uint8_t"} if takes_bytes or "slots" in features else {}
        n, listed = np.dtype(layout.step_type).itemsize, "listed" in features
        block = 4 if "quartered" in features else 2 if "halved" in features else 1
        width = {"ternary": 1, "int4": 2 * n + 1, "int8": (n + 1) * block}[layout.integers]
        return "".join(
            c_text.fill(c_integer.ADD, features, {
                "kind": kind, "type": type_, "escape": c_integer.ESCAPE, "whose": "some" if listed else "all",
                "listed": "const place_t *place, " if listed else "", "z": "z" if not listed else "(z + *place)",
                "scale": ", int32_t multiplier, int32_t shift" if "factors" in features else "",
                "next": f"        {'place' if listed else 'z'}++;", "bytes": n, "width": width,
                "step": _number(0, n), "second": _number(n, n), "two": _products(2, n),
                "two_bytes": 2 * n + 2, "block": _products(block, n), "block_bits": block.bit_length() - 1,
                "count": _number(0, layout.stream.count_bytes), "count_bytes": layout.stream.count_bytes,
            })
            for kind, type_ in types.items()
        )

    def _header(self, remarks: Sequence[str]) -> str:
        units, means = self._output_scale
        if self.network.takes_bytes:
            type_, note = "uint8_t", c_frame.AS_IN_THE_FILES.format(c_frame.BYTES)
        else:
            type_, note = "int16_t", f"less their mean, in units of 1/{WORDS_A_DEVIATION} of their deviation"
        kind = "one score a class" if self._classifies else "predictions"
        return c_text.fill(c_frame.HEADER, self._features - {"plain"}, {  # which is of programs of floats there
            **self._common, **self.sizes, **c_frame.INTEGER_OUTPUTS, **self._input_scale,
            "remarks": c_text.comment(remarks), "output_note": f"{kind}, as integers", "input_type": type_,
            "input_note": note, "missing_note": c_frame.NORMALISED if self.network.takes_bytes else "",
            "largest_word": LARGEST_WORD, "output_units": _listed(units), "output_means": _listed(means),
        })


def integer_program(network: Network, task: Task, target: ExportTarget) -> IntegerProgram:
    """Round a network and lay it out, with the type of steps that takes the least memory.

    Args:
        network: The network.
        task: The task.
        target: Type of the weights, scaling and calibration samples.

    Raises:
        ValueError: A parameter is not finite, a sum could overflow, or there are no calibration samples.
    """
    if target.calibration is None or not len(target.calibration) or target.integers is None:
        raise ValueError("activations of integers are calibrated on samples, got none: give ExportTarget.calibration")
    programs = _with_maps(channels_together(network), task, target) if network.genotype.is_shared else []
    programs += _programs(neighbours_together(network), task, target, None)
    return min(programs, key=lambda program: program.sizes["flash"])


def _with_maps(network: Network, task: Task, target: ExportTarget) -> list[IntegerProgram]:
    """Return variants with maps; empty if sharing saves nothing.

    Args:
        network: The network.
        task: The task.
        target: Type of the weights, scaling and calibration samples.
    """
    genotype = network.genotype
    exact = (network.edge * edge_factors(genotype, target.scaling, task.input_shape)).astype(np.float32)
    found = candidate_maps(genotype, columns_of(genotype, place_layers(genotype)), exact)
    return [program for maps in found for program in _programs(network, task, target, maps)]


def _programs(network: Network, task: Task, target: ExportTarget, maps: Maps | None) -> list[IntegerProgram]:
    """Return variants with steps of each type.

    Args:
        network: The network.
        task: The task.
        target: Type of the weights, scaling and calibration samples.
        maps: Shared weights; None for rows of all neurons.
    """
    assert target.calibration is not None
    assert target.integers is not None
    takes_bytes = target.input_type == "uint8"
    rounded = integer_network(
        network, target.scaling, target.calibration, target.integers, takes_bytes=takes_bytes, maps=maps
    )
    types, slots = STEP_TYPES[:1] if target.integers == "ternary" else STEP_TYPES, place_layers(network.genotype)
    return [
        IntegerProgram(task, target, IntegerLayout(rounded, target.integers, slots, type_, maps)) for type_ in types
    ]


def _number(place: int, n_bytes: int) -> str:
    """Return a number of one or two bytes in C, the first of which has a place behind ``at``."""
    return f"at[{place}]" if n_bytes == 1 else f"(at[{place}] | (unsigned)at[{place + 1}] << 8)"


def _products(n: int, n_bytes: int) -> str:
    """Return the addition of ``n`` edges of 8 bits in C, whose steps have a number of bytes."""
    return "\n".join(
        f"{' ' * 12}h += {_number(i * (n_bytes + 1), n_bytes)};\n"
        f"{' ' * 12}sum += (int8_t)at[{i * (n_bytes + 1) + n_bytes}] * *h;" for i in range(n)
    )


def _listed(numbers: Doubles) -> str:
    """Return numbers as a constant array of C has them."""
    return ", ".join(repr(float(number)) for number in numbers)
