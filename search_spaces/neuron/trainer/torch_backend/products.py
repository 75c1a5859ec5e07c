"""Products with the sparse matrix of a whole network: gathered rows (embedding_bag) or a masked dense matrix.

Everywhere activations ``h`` are ``(n_neurons, n)`` and the loss gradients ``delta`` at the weighted sums are
``(n_hidden + n_outputs, n)``: samples are adjacent in memory, so an edge is one scalar times a contiguous row, and "all
earlier layers" is a slice that needs no concatenation.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from itertools import pairwise
from types import MappingProxyType
from typing import Literal, Protocol, TypeAlias

import numpy as np
import torch
from torch import Tensor, nn

from evonas.types import Ints
from search_spaces.neuron.genotype import NeuronGenotype

ProductName: TypeAlias = Literal["embedding_bag", "dense"]

#: Density from which a dense product takes less time than embedding_bag, forward and backward together. Measured on one
#: CPU thread: .25 to .3 for whole networks of 200 neurons beyond 784 inputs, .18 to .2 for 1 200, .11 for 2 100 beyond
#: 3 072 inputs; .15 to .25 for single layers under autograd. Batches of 64 and 256 samples differ less than sizes do.
DENSE_FROM = 0.18


class Bags(nn.Module):
    """Pattern of a sparse matrix, row by row, for ``embedding_bag``; it is a module so that it moves to a device.

    Args:
        rows: Row of every entry, ascending, shape ``(n_entries,)``.
        columns: Column of every entry, shape ``(n_entries,)``.
        n_rows: Number of rows; they may be empty.
    """

    columns: Tensor
    rows: Tensor
    offsets: Tensor

    def __init__(self, rows: Ints, columns: Ints, n_rows: int) -> None:
        super().__init__()
        offsets = np.searchsorted(rows, np.arange(n_rows))
        for name, array in (("columns", columns), ("rows", rows), ("offsets", offsets)):
            self.register_buffer(name, torch.from_numpy(array.astype(np.int32)), persistent=False)

    def forward(self, values: Tensor, table: Tensor) -> Tensor:
        """Multiply the matrix with ``values`` as its entries by ``table (n_columns, n)``: shape ``(n_rows, n)``."""
        return nn.functional.embedding_bag(self.columns, table, self.offsets, mode="sum", per_sample_weights=values)

    def entry_gradient(self, delta: Tensor, table: Tensor) -> Tensor:
        """Compute ``delta @ table.T`` at the entries only, shape ``(n_entries,)``."""
        # This is the ATen kernel of embedding_bag's own backward: a dot product for each entry. Gathers would take
        # (n_entries, n) memory and ten times as long.
        gradient: Tensor = torch.ops.aten._embedding_bag_per_sample_weights_backward(
            delta, table, self.columns, self.offsets, self.rows, 0
        )
        return gradient


class Product(Protocol):
    """Matrix of all edges, rows being targets and columns sources, in pieces of a layer."""

    def place(self, edge: Tensor) -> Tensor:
        """Return the weights ``(n_edges,)`` in the form that the two products take; valid until the next call."""
        ...

    def forward(self, placed: Tensor, h: Tensor, layer: int) -> Tensor:
        """Return weighted sums of a layer from the activations of all earlier ones.

        The shape is ``(neurons of the layer, n)``.

        Args:
            placed: Weights, see :meth:`place`.
            h: Activations, ``(n_neurons, n)``.
            layer: The layer.
        """
        ...

    def backward(self, placed: Tensor, delta: Tensor, layer: int) -> Tensor:
        """Return the loss gradient at a hidden layer's activations from all later ``delta``.

        The shape is ``(neurons of the layer, n)``.

        Args:
            placed: Weights, see :meth:`place`.
            delta: Gradients at the weighted sums, ``(n_hidden + n_outputs, n)``.
            layer: The layer.
        """
        ...

    def edge_gradient(self, delta: Tensor, h: Tensor) -> Tensor:
        """Return the loss gradient of every edge, shape ``(n_edges,)``."""
        ...


class BagProduct:
    """Product that processes the edges only: the cost grows with their number."""

    def __init__(self, genotype: NeuronGenotype, device: torch.device) -> None:
        offsets = genotype.layer_offsets
        source, row = genotype.edges[:, 0].astype(np.int64), genotype.edges[:, 1].astype(np.int64) - genotype.n_inputs
        by_source = np.argsort(source, kind="stable")
        self.whole = Bags(row, source, genotype.n_neurons - genotype.n_inputs).to(device)
        self._layers: list[tuple[slice, Bags]] = []
        self._reverse: list[tuple[Tensor, Bags]] = []
        for first, last in pairwise(offsets[1:]):
            edges = slice(*np.searchsorted(row, [first - genotype.n_inputs, last - genotype.n_inputs]))
            into = Bags(row[edges] + genotype.n_inputs - first, source[edges], last - first).to(device)
            self._layers.append((edges, into))
            order = by_source[slice(*np.searchsorted(source[by_source], [first, last]))]
            out_of = Bags(source[order] - first, row[order], last - first).to(device)
            self._reverse.append((torch.from_numpy(order).to(device), out_of))

    def place(self, edge: Tensor) -> Tensor:
        return edge

    def forward(self, placed: Tensor, h: Tensor, layer: int) -> Tensor:
        edges, bags = self._layers[layer - 1]
        sums: Tensor = bags(placed[edges], h)
        return sums

    def backward(self, placed: Tensor, delta: Tensor, layer: int) -> Tensor:
        order, bags = self._reverse[layer - 1]
        gradient: Tensor = bags(placed.index_select(0, order), delta)
        return gradient

    def edge_gradient(self, delta: Tensor, h: Tensor) -> Tensor:
        return self.whole.entry_gradient(delta, h)


class DenseProduct:
    """Product with one matrix of all pairs that is 0 for absent edges: the cost does not depend on the number of edges.

    There is one multiplication for each layer, over all earlier layers; one for each layer pair would be the same
    arithmetic in more calls.
    """

    def __init__(self, genotype: NeuronGenotype, device: torch.device) -> None:
        self._first_row = genotype.n_inputs
        self._offsets = [int(offset) for offset in genotype.layer_offsets]
        rows, n = genotype.n_neurons - genotype.n_inputs, genotype.n_neurons
        self._matrix = torch.zeros(rows, n, device=device)
        source, target = genotype.edges[:, 0].astype(np.int64), genotype.edges[:, 1].astype(np.int64)
        self._places = torch.from_numpy((target - genotype.n_inputs) * n + source).to(device)
        first = genotype.layer_offsets[genotype.layer_of[target]]  # width of the block of the target's layer
        places = (target - first) * first + source
        bounds = np.searchsorted(target, self._offsets[1:])
        self._block_places = [
            torch.from_numpy(places[begin:end]).to(device) for begin, end in pairwise(bounds)
        ]

    def place(self, edge: Tensor) -> Tensor:
        self._matrix.view(-1).index_copy_(0, self._places, edge)
        return self._matrix

    def forward(self, placed: Tensor, h: Tensor, layer: int) -> Tensor:
        first, rows = self._layer(layer)
        return placed[rows, :first] @ h[:first]

    def backward(self, placed: Tensor, delta: Tensor, layer: int) -> Tensor:
        first, rows = self._layer(layer)
        return placed[rows.stop :, first : rows.stop + self._first_row].t() @ delta[rows.stop :]

    def edge_gradient(self, delta: Tensor, h: Tensor) -> Tensor:
        gradients = []
        for layer, places in enumerate(self._block_places, start=1):
            first, rows = self._layer(layer)
            gradients.append((delta[rows] @ h[:first].t()).view(-1).index_select(0, places))
        return torch.cat(gradients)

    def _layer(self, layer: int) -> tuple[int, slice]:
        first, last = self._offsets[layer], self._offsets[layer + 1]
        return first, slice(first - self._first_row, last - self._first_row)


PRODUCTS: Mapping[ProductName, Callable[[NeuronGenotype, torch.device], Product]] = MappingProxyType(
    {"embedding_bag": BagProduct, "dense": DenseProduct}
)


def faster_product(density: float) -> ProductName:
    """Return the product that was measured to be faster at a density."""
    return "dense" if density >= DENSE_FROM else "embedding_bag"


def density(genotype: NeuronGenotype) -> float:
    """Return the edges divided by the pairs of neurons on different layers that an edge could join."""
    offsets = genotype.layer_offsets
    return genotype.n_edges / float((np.diff(offsets)[1:] * offsets[1:-1]).sum())
