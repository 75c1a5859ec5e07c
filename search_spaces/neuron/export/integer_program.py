"""Networks of integers as C99: one source and one header that need no library, and the same as a module."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import chain
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from evonas.capabilities.export import LARGEST_WORD, WORDS_A_DEVIATION, ExportTarget
from evonas.types import Doubles, Floats, IntegerType, Ints, Task
from search_spaces.neuron.export import c_integer, c_text
from search_spaces.neuron.export.c_scope import scoped
from search_spaces.neuron.export.fixed_point import GUESS, N_STEPS, NORMALISED_BITS, SLOPE, Factor
from search_spaces.neuron.export.integers import IntegerNetwork, IntegerNorm, Pair, integer_network
from search_spaces.neuron.export.layout import (
    STEP_TYPES,
    Rows,
    Slots,
    StepType,
    narrow,
    place_layers,
    to_escaped_rows,
    to_rows,
)
from search_spaces.neuron.export.ordering import neighbours_together
from search_spaces.neuron.trainer.base import Network

if TYPE_CHECKING:
    from torch import nn

#: Largest count of a neuron's edges in a byte; it says that another follows.
LARGEST_COUNT = 255


@dataclass(frozen=True, eq=False)
class IntegerProgram:
    """Network of integers laid out for a device: an :class:`evonas.capabilities.export.ExportedModel`.

    Attributes:
        task: The task.
        target: Purpose of the program.
        network: Its arithmetic, with which the C agrees bit for bit.
        slots: Places of the hidden activations.
        step_type: Type of the steps between the sources of a neuron.
    """

    task: Task
    target: ExportTarget
    network: IntegerNetwork
    slots: Slots
    step_type: StepType

    @property
    def sizes(self) -> dict[str, int]:
        """Return ``flash``, the constant tables, and ``ram``, the static buffers, in bytes, without the code."""
        flash = sum(table.nbytes for table in self._tables.values())
        return {"flash": flash, "ram": 4 * self._n_sums + self.slots.size}

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
        entry = c_text.fill(c_text.ENTRY, self._features, {**self._common, **c_text.INTEGER_OUTPUTS})
        source = scoped(self._source() + entry, self.target.name)
        return {".c": source.encode("ascii"), ".h": self._header(remarks).encode("ascii")}

    @property
    def _integers(self) -> IntegerType:
        assert self.target.integers is not None
        return self.target.integers

    @property
    def _output_scale(self) -> tuple[Doubles, Doubles]:
        scaling, ones = self.target.scaling, np.ones(self.task.n_outputs)
        std, mean = (np.array(value, np.float64) for value in (scaling.target_std, scaling.target_mean))
        return self.network.output_unit * std * ones, mean * ones

    @property
    def _n_sums(self) -> int:
        """Return the neurons of the largest hidden layer."""
        return max((len(layer.offsets) for layer in self.network.layers[:-1]), default=0)

    @property
    def _pairs(self) -> list[Pair]:
        return list(chain.from_iterable(layer.pairs for layer in self.network.layers))

    @property
    def _norms(self) -> list[IntegerNorm | None]:
        return [layer.norm for layer in self.network.layers[:-1]]

    @cached_property
    def _tables(self) -> dict[str, NDArray[Any]]:
        """Return the constants by name, in the types that they have on the device."""
        layers, pairs, features = self.network.layers, self._pairs, self._features
        shifts = [layer.offset_shift if layer.offsets.any() else -1 for layer in layers]
        first = [-1, *self.slots.first.tolist()]
        tables: dict[str, NDArray[Any]] = {
            "layer_sizes": narrow(np.array([len(layer.offsets) for layer in layers])),
            "layer_pairs": narrow(np.cumsum([len(layer.pairs) for layer in layers])),
            "pair_slots": narrow(np.array([first[pair.source] for pair in pairs], np.int64)),
            **_factors("pair_multipliers", "pair_shifts", [pair.factor for pair in pairs]),
            **self._edge_tables(),
        }
        if "offsets" in features:
            tables["offset_shifts"] = narrow(np.array(shifts))
            tables["offsets"] = np.concatenate([
                layer.offsets // 2**layer.offset_shift for layer in layers if layer.offsets.any()
            ]).astype(np.int16)
        if "hidden" in features:
            tables["layer_slots"] = narrow(self.slots.first)
        return tables | self._norm_tables() | self._plain_tables()

    def _edge_tables(self) -> dict[str, NDArray[Any]]:
        """Return counts, steps and weights of all pairs."""
        rows = [_rows(pair, self.step_type, self._integers) for pair in self._pairs]
        counts = np.concatenate([np.zeros(0, np.int64), *(part.counts for part in rows)])
        steps = np.concatenate([np.zeros(0, np.int64), *(part.steps for part in rows)])
        weights = np.concatenate([np.zeros(0, np.int64), *(part.weights for part in rows)])
        whole = counts // LARGEST_COUNT
        listed = np.full(int((whole + 1).sum()), LARGEST_COUNT)
        listed[np.cumsum(whole + 1) - 1] = counts % LARGEST_COUNT
        tables = {"counts": listed.astype(np.uint8)}
        if self._integers == "ternary":
            entries = np.where(weights == 0, c_integer.ESCAPE, 2 * steps + (weights < 0))
            return {**tables, "steps": entries.astype(np.uint8)}
        tables["steps"] = steps.astype(self.step_type)
        if self._integers == "int8":
            return {**tables, "weights": weights.astype(np.int8)}
        halves = np.append(weights + 8, np.full(len(weights) % 2, 8)).reshape(-1, 2)
        return {**tables, "weights": (halves[:, 0] + 16 * halves[:, 1]).astype(np.uint8)}

    def _norm_tables(self) -> dict[str, NDArray[Any]]:
        """Return the constants of norms, by hidden layer; zeros for layers without."""
        norms = self._norms
        present = [norm for norm in norms if norm is not None]
        if not present:
            return {}
        none = IntegerNorm(0, Factor(0, 1), 0, Factor(0, 1), None, None, 0, 1)
        filled = [norm or none for norm in norms]
        tables: dict[str, NDArray[Any]] = {
            "layer_normed": narrow(np.array([norm.n for norm in filled])),
            "epsilons": narrow(np.array([norm.epsilon for norm in filled])),
            **_factors("mean_multipliers", "mean_shifts", [norm.mean for norm in filled]),
            **_factors("root_multipliers", "root_shifts", [norm.root for norm in filled]),
            "gain_shifts": narrow(np.array([norm.shift for norm in filled])),
        }
        gains = [norm.gains for norm in present if norm.gains is not None]
        biases = [norm.biases for norm in present if norm.biases is not None]
        if gains:
            tables["bias_shifts"] = narrow(np.array([norm.bias_shift for norm in filled]))
            tables |= {"gains": np.concatenate(gains).astype(np.int8), "biases": np.concatenate(biases).astype(np.int8)}
        return tables

    def _plain_tables(self) -> dict[str, NDArray[Any]]:
        """Return the constants of neurons without a norm, by hidden layer."""
        hidden, features, tables = self.network.layers[:-1], self._features, {}
        if "signed" in features:
            tables["layer_zeros"] = narrow(np.array([layer.zero for layer in hidden]))
        if "plain" in features:
            tables["layer_rectified"] = narrow(np.array([layer.n_rectified for layer in hidden]))
            tables |= _factors("multipliers", "shifts", [layer.rescale for layer in hidden])
        return tables

    @cached_property
    def _features(self) -> set[str]:
        """Return the features that the templates depend on."""
        hidden, norms = self.network.layers[:-1], self._norms
        kind = self._integers
        signed, has_norm = any(layer.zero for layer in hidden), any(norm is not None for norm in norms)
        affine = any(norm is not None and norm.gains is not None for norm in norms)
        offsets = any(layer.offsets.any() for layer in self.network.layers)
        sources = {pair.source > 0 for pair in self._pairs}
        present = {
            kind: True, "not_ternary": kind != "ternary", "integers": True, "hidden": bool(hidden),
            "norm": has_norm, "affine": affine, "not_affine": has_norm and not affine, "signed": signed,
            "plain_zero": bool(hidden) and not signed, "offsets": offsets, "no_offsets": not offsets,
            "plain": any((0 if layer.norm is None else layer.norm.n) < len(layer.offsets) for layer in hidden),
            "linear": any(layer.n_rectified < len(layer.offsets) for layer in hidden),
            "hidden_pairs": True in sources, "inputs": False in sources,
            "classify": self.task.kind == "classification",
            "words": not self.network.takes_bytes and self._fits_a_line,
            "fills": self.target.scaling.fill is not None and self._fits_a_line,
        }
        return {feature for feature, there in present.items() if there} | c_text.named(self.target)

    @property
    def _fits_a_line(self) -> bool:
        return max(map(len, self._input_scale.values())) <= c_text.MOST_NAMES

    @property
    def _input_scale(self) -> dict[str, str]:
        """Return the conversion of inputs as text, by placeholder."""
        scaling, shape = self.target.scaling, self.task.input_shape
        fill = 0.0 if scaling.fill is None else scaling.fill
        mean, std, fill = (np.broadcast_to(np.array(v, np.float64), shape).ravel() for v in (
            scaling.mean, np.array(scaling.std, np.float64) / WORDS_A_DEVIATION, fill
        ))
        return {"input_means": _listed(mean), "input_units": _listed(std), "input_fills": _listed(fill)}

    @property
    def _common(self) -> dict[str, object]:
        return c_text.described(self.task, self.target)

    def _source(self) -> str:
        features = self._features
        layered, affine = "layer + 1 < N_LAYERS ? sums : outputs", "affine" in features
        added = ""
        if "inputs" in features and not self.network.takes_bytes:
            added += self._add("words", "int16_t")
        if "hidden_pairs" in features or ("inputs" in features and self.network.takes_bytes):
            added += self._add("bytes", "uint8_t")
        return c_text.fill(c_integer.SOURCE, features, {
            **self._common, "n_layers": len(self.network.layers), "n_sums": self._n_sums, "n_slots": self.slots.size,
            "step_type": c_text.c_type(np.dtype(self.step_type)), "weights_note": c_integer.NOTES[self._integers],
            "tables": "\n".join(c_text.table(name, values) for name, values in self._tables.items()),
            "guess": GUESS, "slope": SLOPE, "n_steps": N_STEPS, "normalised_shift": 44 - NORMALISED_BITS,
            "bounds": ", 0, zero" if "signed" in features else "", "add": added,
            "parameters": "const int8_t *gain, const int8_t *bias, " if affine else "",
            "arguments": "gain, bias, " if affine else "", "inputs": "bytes" if self.network.takes_bytes else "words",
            "destination": layered if "hidden" in features else "outputs",
        })

    def _add(self, kind: str, type_: str) -> str:
        return c_text.fill(c_integer.ADD, self._features, {"kind": kind, "type": type_, "escape": c_integer.ESCAPE})

    def _header(self, remarks: Sequence[str]) -> str:
        units, means = self._output_scale
        if self.network.takes_bytes:
            type_, note = "uint8_t", c_text.AS_IN_THE_FILES.format(c_text.BYTES)
        else:
            type_, note = "int16_t", f"in units of 1/{WORDS_A_DEVIATION} of their deviation"
        kind = "one score a class" if self.task.kind == "classification" else "predictions"
        return c_text.fill(c_text.HEADER, self._features, {
            **self._common, **self.sizes, **c_text.INTEGER_OUTPUTS, **self._input_scale,
            "remarks": c_text.comment(remarks), "output_note": f"{kind}, as integers", "input_type": type_,
            "input_note": note, "missing_note": c_text.NORMALISED if self.network.takes_bytes else "",
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
    ordered = neighbours_together(network)
    rounded = integer_network(
        ordered, target.scaling, target.calibration, target.integers, takes_bytes=target.byte_inputs
    )
    types = STEP_TYPES[:1] if target.integers == "ternary" else STEP_TYPES
    slots = place_layers(ordered.genotype)
    programs = [IntegerProgram(task, target, rounded, slots, type_) for type_ in types]
    return min(programs, key=lambda program: program.sizes["flash"])


def _rows(pair: Pair, step_type: StepType, integers: IntegerType) -> Rows:
    """Return the edges of a pair, row by row."""
    matrix = pair.weights.tocoo()
    row, column = (values.astype(np.int64) for values in matrix.coords)
    if integers == "ternary":
        return to_escaped_rows(row, column, matrix.data, matrix.shape[0], c_integer.ESCAPE_STEP)
    return to_rows(row, column, matrix.data, matrix.shape[0], int(np.iinfo(step_type).max))


def _factors(multipliers: str, shifts: str, factors: Sequence[Factor]) -> dict[str, NDArray[Any]]:
    """Return two tables with these names."""
    return {
        multipliers: np.array([factor.multiplier for factor in factors], np.int32),
        shifts: np.array([factor.shift for factor in factors], np.uint8),
    }


def _listed(numbers: Doubles) -> str:
    """Return numbers as a constant array of C has them."""
    return ", ".join(repr(float(number)) for number in numbers)
