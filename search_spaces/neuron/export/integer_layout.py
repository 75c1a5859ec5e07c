"""Tables of a network of integers: what stands in the flash of a device, by name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import chain
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from evonas.export.c_text import narrow
from evonas.types import IntegerType, Ints
from search_spaces.neuron.export.c_activation import group_sizes
from search_spaces.neuron.export.c_maps import MapsInC, maps_in_c
from search_spaces.neuron.export.fixed_point import Factor, Mean
from search_spaces.neuron.export.integer_edges import LARGEST_COUNT, EdgeStream, Source, edge_stream
from search_spaces.neuron.export.integers import IntegerNetwork, IntegerNorm, Pair
from search_spaces.neuron.export.layout import Slots, StepType
from search_spaces.neuron.export.maps import Maps

#: What a program reads of each layer about shared weights, and its name there.
MAP_PARAMETERS: Mapping[str, str] = MappingProxyType({
    "layer_input_maps": "input_maps", "layer_hidden_maps": "hidden_maps", "layer_rows": "rows",
})
#: The exponent of a layer to whose sums nothing is added.
NO_OFFSETS = 255
#: Least bytes of a buffer: gcc warns where one is smaller than a vector register with which a loop might fill it.
LEAST_BUFFER = 64


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
        sources = list(chain.from_iterable(self.sources))
        tables: dict[str, NDArray[Any] | None] = {"layers": self._layers()}
        if len(self.stream.data):
            tables["edges"] = self.stream.data
        layers = zip(self.offsets, self.offset_shifts, strict=True)
        if added := [own >> shift for own, shift in layers if shift is not None]:
            tables["offsets"] = narrow(np.concatenate(added))
        factors = [source.factor for source in sources if source.factor is not None]
        if factors:
            tables |= _factors("source_multipliers", "source_shifts", factors)
        if any(source.slot >= 0 for source in sources):
            tables["source_slots"] = narrow(np.array([source.slot for source in sources]))
        if self.in_c is not None:
            tables |= {name: table for name, table in self.in_c.tables.items() if name not in MAP_PARAMETERS}
        if len(affine := self._affine()):
            tables["affine"] = affine
        return {name: values for name, values in tables.items() if values is not None}

    @cached_property
    def parameters(self) -> dict[str, list[int]]:
        """Return what the program reads of each layer, by name; the first of them of the outputs, too."""
        layers, hidden = self.network.layers, self.network.layers[:-1]
        found = {"size": [len(layer.offsets) for layer in layers]}
        if any(self.sources):
            found["sources"] = [len(sources) for sources in self.sources]
        some = set(self.offset_shifts) - {None}
        if some and (set(self.offset_shifts) != {0} or self.in_c is not None):
            found["offset_shift"] = [NO_OFFSETS if shift is None else shift for shift in self.offset_shifts]
        if self.in_c is not None:
            counts = {name: self.in_c.tables[table] for table, name in MAP_PARAMETERS.items()}
            found |= {name: part.tolist() for name, part in counts.items() if part is not None}
        if hidden:
            found["slot"] = self.slots.first.tolist()
        if any(layer.zero for layer in hidden):
            found["zero"] = [layer.zero for layer in hidden]
        if self.is_plain:
            found |= {
                "rectified": [layer.n_rectified for layer in hidden],
                "multiplier": [layer.rescale.multiplier for layer in hidden],
                "shift": [layer.rescale.shift for layer in hidden],
            }
        if any(norm is not None for norm in self.norms):
            none = IntegerNorm(0, Mean(0, 0, 0), 0, 0, 0, None, None, 0, 1)
            norms = [norm or none for norm in self.norms]
            found |= {
                "normed": [norm.n for norm in norms], "mean_before": [norm.mean.before for norm in norms],
                "mean_multiplier": [norm.mean.multiplier for norm in norms],
                "mean_after": [norm.mean.after for norm in norms],
                "square_shift": [norm.square_shift for norm in norms], "epsilon": [norm.epsilon for norm in norms],
                "root": [norm.root for norm in norms], "gain_shift": [norm.shift for norm in norms],
            }
            if any(norm.gains is not None for norm in norms):
                found["bias_shift"] = [norm.bias_shift for norm in norms]
        return found

    def _layers(self) -> NDArray[Any]:
        """Return the parameters, layer by layer; the last has only those of outputs."""
        columns = self.parameters.values()
        return narrow(np.array([
            column[layer] for layer in range(len(self.network.layers)) for column in columns if layer < len(column)
        ]))

    @property
    def offset_shifts(self) -> list[int | None]:
        """Return the exponent of what counts 1 in a number to add, by layer; None where nothing is added."""
        layers = zip(self.network.layers, self.offsets, strict=True)
        return [layer.offset_shift if own.any() else None for layer, own in layers]

    @cached_property
    def stream(self) -> EdgeStream:
        """Return the edges as bytes."""
        layers = zip(self.sources, self._rows, strict=True)
        parts = [(source, listed) for sources, listed in layers for source in sources]
        return edge_stream(parts, self.integers, self.step_type)

    @property
    def is_plain(self) -> bool:
        """Whether hidden neurons are without a norm."""
        hidden = self.network.layers[:-1]
        return any(layer.norm is None or layer.norm.n < len(layer.offsets) for layer in hidden)

    def _affine(self) -> NDArray[np.int8]:
        """Return gains and biases of norms in turns; where neurons share them, with the neurons' number before both."""
        norms = [norm for norm in self.norms if norm is not None and norm.gains is not None]
        if not norms:
            return np.zeros(0, np.int8)
        sizes = self.groups
        first = np.cumsum(sizes) - sizes
        columns = [
            np.concatenate([norm.gains for norm in norms if norm.gains is not None])[first],
            np.concatenate([norm.biases for norm in norms if norm.biases is not None])[first],
        ]
        if (sizes > 1).any():
            columns.insert(0, sizes)
        return np.column_stack(columns).ravel().astype(np.uint8).view(np.int8)

    @cached_property
    def groups(self) -> Ints:
        """Return sizes of groups of adjacent neurons with a gain and bias in common; of one each if that is smaller."""
        genotype = self.network.genotype
        normed = np.concatenate([
            np.arange(int(first), int(first) + (0 if norm is None else norm.n)) - genotype.n_inputs
            for first, norm in zip(genotype.layer_offsets[1:-2], self.norms, strict=True)
        ])
        whole = group_sizes(genotype, genotype.channels, normed)
        sizes = np.concatenate([np.zeros(0, np.int64), *(
            np.diff(np.append(np.arange(0, size, LARGEST_COUNT), size)) for size in whole.tolist()
        )])
        return sizes if 3 * len(sizes) < 2 * len(normed) else np.ones(len(normed), np.int64)


def _factors(multipliers: str, shifts: str, factors: Sequence[Factor]) -> dict[str, NDArray[Any]]:
    """Return two tables with these names."""
    return {
        multipliers: narrow(np.array([factor.multiplier for factor in factors])),
        shifts: np.array([factor.shift for factor in factors], np.uint8),
    }
