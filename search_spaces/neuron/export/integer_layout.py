"""Tables of a network of integers: what stands in the flash of a device, by name."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import chain
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from evonas.export.c_text import narrow
from evonas.types import IntegerType, Ints
from search_spaces.neuron.export import c_integer
from search_spaces.neuron.export.c_activation import group_sizes
from search_spaces.neuron.export.c_maps import MapsInC, maps_in_c
from search_spaces.neuron.export.fixed_point import Factor, Mean
from search_spaces.neuron.export.integers import IntegerNetwork, IntegerNorm, Pair
from search_spaces.neuron.export.layout import Rows, Slots, StepType, to_escaped_rows, to_rows
from search_spaces.neuron.export.maps import Maps

#: Least bytes of a buffer: gcc warns where one is smaller than a vector register with which a loop might fill it.
LEAST_BUFFER = 64


class Source(NamedTuple):
    """Edges into the neurons of a layer that are read from one place on.

    Attributes:
        slot: The place, in the buffer of activations; -1 is the first input.
        row, column, weights: Target, by its place in the layer, steps from the place on, and integer of each edge, each
            ``(n_edges,)``.
        factor: Converts sums to the unit of the target's; None where that is the worth of the products.
    """

    slot: int
    row: Ints
    column: Ints
    weights: Ints
    factor: Factor | None


@dataclass(frozen=True, eq=False)
class IntegerLayout:
    """Network of integers laid out for a device.

    Attributes:
        network: Its arithmetic.
        integers: Type of the weights.
        slots: Places of the hidden activations.
        step_type: Type of the steps between the sources of a neuron.
        maps: Edges that share weights; None for rows of all neurons.
    """

    network: IntegerNetwork
    integers: IntegerType
    slots: Slots
    step_type: StepType
    maps: Maps | None

    @property
    def sizes(self) -> dict[str, int]:
        """Return ``flash``, the constant tables, and ``ram``, the static buffers, in bytes, without the code."""
        return {"flash": sum(table.nbytes for table in self.tables.values()), "ram": 4 * self.n_sums + self.n_slots}

    @property
    def n_sums(self) -> int:
        """Return the places for sums of a hidden layer."""
        hidden = self.network.layers[:-1]
        return max(*(len(layer.offsets) for layer in hidden), LEAST_BUFFER // 4) if hidden else 0

    @property
    def n_slots(self) -> int:
        """Return the places for activations."""
        return max(self.slots.size, LEAST_BUFFER) if self.slots.size else 0

    @cached_property
    def sources(self) -> list[list[Source]]:
        """Return where the edges into each layer are read: from inputs, and from the buffer of activations."""
        return [self._sources_of(layer.pairs) for layer in self.network.layers]

    def _sources_of(self, pairs: Sequence[Pair]) -> list[Source]:
        """Return the edges of a layer; those from hidden layers with a unit in common are one source."""
        found = list[Source]()
        for pair in pairs:
            matrix = pair.weights.tocoo()
            row, column = (values.astype(np.int64) for values in matrix.coords)
            slot = int(self.slots.first[pair.source - 1]) if pair.source else -1
            found.append(Source(slot, row, column, matrix.data.astype(np.int64), pair.factor))
        joined = [source for source in found if source.slot >= 0 and source.factor is None]
        if not joined:
            return found
        begin = min(int(source.slot + source.column.min()) for source in joined)
        row, column, weights = (np.concatenate(parts) for parts in zip(*(
            (source.row, source.slot + source.column - begin, source.weights) for source in joined
        ), strict=True))
        return [*(source for source in found if source.slot < 0), Source(begin, row, column, weights, None)]

    @property
    def norms(self) -> list[IntegerNorm | None]:
        """Return the norm of each hidden layer."""
        return [layer.norm for layer in self.network.layers[:-1]]

    @cached_property
    def in_c(self) -> MapsInC | None:
        """Return the tables of shared weights, with sums in the units of their layers."""
        if self.maps is None:
            return None
        offset = np.concatenate([layer.offsets for layer in self.network.layers]).astype(np.float64)
        weights = np.zeros(self.network.genotype.n_edges, np.int8)
        weights[self.maps.weights] = self.network.weights[self.maps.weights]
        found = maps_in_c(self.maps, self.network.genotype, offset, weights)
        shifts = found.tables["map_shifts"]
        assert shifts is not None
        factors = [pair.factor or Factor(1, 1) for layer in self.network.layers for pair in layer.maps]
        return found._replace(tables={
            **found.tables, "map_shifts": narrow(shifts.astype(np.int64)),
            **_factors("map_multipliers", "map_scale_shifts", factors),
        })

    @cached_property
    def _rows(self) -> list[Ints]:
        """Return the neurons of each layer that have edges of their own, or an offset."""
        genotype = self.network.genotype
        sizes = np.diff(genotype.layer_offsets[1:])
        if self.in_c is None:
            return [np.arange(size) for size in sizes]
        layer = genotype.layer_of[self.in_c.listed + genotype.n_inputs] - 1
        places = self.in_c.listed + genotype.n_inputs - genotype.layer_offsets[layer + 1]
        return [places[layer == i] for i in range(len(sizes))]

    @cached_property
    def offsets(self) -> list[Ints]:
        """Return what is added to the sums of these neurons, layer by layer."""
        if self.in_c is None:
            return [layer.offsets for layer in self.network.layers]
        ends = np.cumsum([len(rows) for rows in self._rows])[:-1]
        return np.split(self.in_c.offsets.astype(np.int64), ends)

    @cached_property
    def tables(self) -> dict[str, NDArray[Any]]:
        """Return the constants by name, in the types that they have on the device."""
        layers, sources = self.network.layers, list(chain.from_iterable(self.sources))
        tables: dict[str, NDArray[Any] | None] = {
            "layer_sizes": narrow(np.array([len(layer.offsets) for layer in layers])),
        }
        if sources:
            tables |= {"layer_sources": narrow(np.cumsum(list(map(len, self.sources)))), **self._edge_tables()}
        factors = [source.factor for source in sources if source.factor is not None]
        if factors:
            tables |= _factors("source_multipliers", "source_shifts", factors)
        if any(source.slot >= 0 for source in sources):
            tables["source_slots"] = _signed([source.slot for source in sources])
        if self.in_c is not None:
            tables |= self.in_c.tables
        if any(own.any() for own in self.offsets):
            shifts = [layer.offset_shift for layer in layers]
            used = [bool(own.any()) for own in self.offsets]
            tables["offset_shifts"] = _signed([shift if any else -1 for shift, any in zip(shifts, used, strict=True)])
            tables["offsets"] = np.concatenate([
                own // 2**shift for own, shift, any in zip(self.offsets, shifts, used, strict=True) if any
            ]).astype(np.int16)
        if len(layers) > 1:
            tables["layer_slots"] = narrow(self.slots.first)
        tables |= self._norm_tables() | self._plain_tables()
        return {name: values for name, values in tables.items() if values is not None}

    def _edge_tables(self) -> dict[str, NDArray[Any]]:
        """Return counts, steps and weights: neuron by neuron, and of each neuron source by source."""
        rows = [
            self._interleaved(sources, listed)
            for listed, sources in zip(self._rows, self.sources, strict=True) if sources
        ]
        counts, steps, weights = (
            np.concatenate([getattr(part, field) for part in rows]) for field in ("counts", "steps", "weights")
        )
        tables = {"counts": narrow(counts)}
        if self.integers == "ternary":
            entries = np.where(weights == 0, c_integer.ESCAPE, 2 * steps + (weights < 0))
            return {**tables, "steps": entries.astype(np.uint8)}
        tables["steps"] = steps.astype(self.step_type)
        if self.integers == "int8":
            return {**tables, "weights": weights.astype(np.int8)}
        odd = np.cumsum(counts)[counts % 2 > 0]  # the weights of each count fill whole bytes
        halves = np.insert(weights, odd, 0).reshape(-1, 2)
        return {**tables, "weights": ((halves[:, 0] & 15) + 16 * halves[:, 1]).astype(np.int8)}

    def _interleaved(self, sources: Sequence[Source], listed: Ints) -> Rows:
        """Return the edges into a layer: a row for each source of each neuron.

        Args:
            sources: The edges.
            listed: Neurons of the layer that have rows.
        """
        row = np.concatenate([
            np.searchsorted(listed, source.row) * len(sources) + i for i, source in enumerate(sources)
        ])
        column = np.concatenate([source.column for source in sources])
        weights = np.concatenate([source.weights for source in sources])
        n_rows = len(listed) * len(sources)
        if self.integers == "ternary":
            return to_escaped_rows(row, column, weights, n_rows, c_integer.ESCAPE_STEP)
        return to_rows(row, column, weights, n_rows, int(np.iinfo(self.step_type).max))

    @property
    def is_plain(self) -> bool:
        """Whether hidden neurons are without a norm."""
        hidden = self.network.layers[:-1]
        return any(layer.norm is None or layer.norm.n < len(layer.offsets) for layer in hidden)

    def _norm_tables(self) -> dict[str, NDArray[Any]]:
        """Return the constants of norms, by hidden layer; zeros for layers without."""
        norms = self.norms
        present = [norm for norm in norms if norm is not None]
        if not present:
            return {}
        none = IntegerNorm(0, Mean(0, 0, 0), 0, 0, 0, None, None, 0, 1)
        filled = [norm or none for norm in norms]
        tables: dict[str, NDArray[Any]] = {
            "layer_normed": narrow(np.array([norm.n for norm in filled])),
            "epsilons": narrow(np.array([norm.epsilon for norm in filled])),
            "mean_befores": narrow(np.array([norm.mean.before for norm in filled])),
            "mean_multipliers": narrow(np.array([norm.mean.multiplier for norm in filled])),
            "mean_afters": narrow(np.array([norm.mean.after for norm in filled])),
            "square_shifts": narrow(np.array([norm.square_shift for norm in filled])),
            "root_multipliers": narrow(np.array([norm.root for norm in filled])),
            "gain_shifts": narrow(np.array([norm.shift for norm in filled])),
        }
        gains = [norm.gains for norm in present if norm.gains is not None]
        biases = [norm.biases for norm in present if norm.biases is not None]
        if not gains:
            return tables
        sizes = self.groups
        first = np.cumsum(sizes) - sizes
        tables |= {
            "bias_shifts": narrow(np.array([norm.bias_shift for norm in filled])),
            "gains": np.concatenate(gains)[first].astype(np.int8),
            "biases": np.concatenate(biases)[first].astype(np.int8),
        }
        if (sizes > 1).any():
            begins = np.cumsum([0, *(norm.n for norm in filled)])
            tables |= {"group_sizes": narrow(sizes), "layer_groups": narrow(np.diff(np.searchsorted(first, begins)))}
        return tables

    @cached_property
    def groups(self) -> Ints:
        """Return sizes of groups of adjacent neurons with a gain and bias in common; of one each if that is smaller."""
        genotype = self.network.genotype
        normed = np.concatenate([
            np.arange(int(first), int(first) + (0 if norm is None else norm.n)) - genotype.n_inputs
            for first, norm in zip(genotype.layer_offsets[1:-2], self.norms, strict=True)
        ])
        sizes = group_sizes(genotype, genotype.channels, normed)
        saves = narrow(sizes).nbytes + 2 * len(sizes) < 2 * len(normed)
        return sizes if saves else np.ones(len(normed), np.int64)

    def _plain_tables(self) -> dict[str, NDArray[Any]]:
        """Return the constants of neurons without a norm, by hidden layer."""
        hidden, tables = self.network.layers[:-1], dict[str, NDArray[Any]]()
        if any(layer.zero for layer in hidden):
            tables["layer_zeros"] = narrow(np.array([layer.zero for layer in hidden]))
        if self.is_plain:
            tables["layer_rectified"] = narrow(np.array([layer.n_rectified for layer in hidden]))
            tables |= _factors("multipliers", "shifts", [layer.rescale for layer in hidden])
        return tables


def _signed(values: Sequence[int]) -> NDArray[Any]:
    """Return integers in the narrowest type that holds them and -1."""
    return narrow(np.array([-1, *values]))[1:]


def _factors(multipliers: str, shifts: str, factors: Sequence[Factor]) -> dict[str, NDArray[Any]]:
    """Return two tables with these names."""
    return {
        multipliers: narrow(np.array([factor.multiplier for factor in factors])),
        shifts: np.array([factor.shift for factor in factors], np.uint8),
    }
