"""Layers as blocks of neurons: the inputs of a block are sums of Kronecker products of channels and places."""

from __future__ import annotations

import operator
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import reduce
from typing import NamedTuple, TypeAlias

import numpy as np
from scipy import sparse

from evonas.capabilities.layers import (
    Addition,
    AveragePool,
    Clip,
    Concatenation,
    Convolution,
    Flatten,
    GlobalAverage,
    Layer,
    LayerGraph,
    Linear,
    MaxPool,
    Relu,
    Shape,
    Zeros,
    sources_of,
)
from evonas.types import Doubles, Ints
from search_spaces.neuron.genotype import Activation

#: Sparse matrices of float64, or of bool if only their pattern counts.
Matrix: TypeAlias = sparse.csr_array


class Product(NamedTuple):
    """Linear map between units (channel, place): the sum over k of ``kron(channels[:, :, k], places[k])``.

    Attributes:
        channels: ``(channels, source's channels, K)``.
        places: ``K`` matrices ``(places, source's places)``.
    """

    channels: Doubles
    places: tuple[Matrix, ...]

    def matrix(self) -> Matrix:
        """Return the matrix ``(units, source's units)``; exact zeros have no entry."""
        n_places, n_source_places = self.places[0].shape
        rows, columns, values = [], [], []
        for channels, places in zip(np.moveaxis(self.channels, 2, 0), self.places, strict=True):
            target, source = np.nonzero(channels)
            entries = places.tocoo()
            rows.append((target[:, None] * n_places + entries.coords[0]).ravel())
            columns.append((source[:, None] * n_source_places + entries.coords[1]).ravel())
            values.append((channels[target, source, None] * entries.data).ravel())
        shape = self.channels.shape[0] * n_places, self.channels.shape[1] * n_source_places
        index = np.concatenate(rows), np.concatenate(columns)
        return sparse.csr_array((np.concatenate(values), index), shape=shape)


@dataclass(eq=False)
class Block:
    """Neurons of a layer, one for each unit.

    Attributes:
        activation: RELU or LINEAR.
        shape: Channels and places.
        bias: ``(channels,)``.
        origin, step: Place p of a side lies at ``origin + step * p`` along that side of the network's input.
        reads: Linear maps of its inputs, by the index of the block that is read.
    """

    activation: Activation
    shape: Shape
    bias: Doubles
    origin: Doubles
    step: Doubles
    reads: dict[int, list[Product]] = field(default_factory=dict)


def blocks_of(graph: LayerGraph) -> list[Block]:
    """Return a block for each node of the graph, the input first, and a last one for the outputs, which are linear.

    Raises:
        ValueError: There is a max-pooling layer.
    """
    n_sides = len(graph.input.sides)
    origin, step = np.zeros(n_sides), np.ones(n_sides)
    blocks = [Block(Activation.LINEAR, graph.input, np.zeros(graph.input.channels), origin, step)]
    for layer, shape in zip(graph.layers, graph.shapes[1:], strict=True):
        blocks.append(_block(layer, shape, [(source, blocks[source]) for source in sources_of(layer)]))
    outputs = Addition((len(graph.layers),))
    blocks.append(_block(outputs, graph.shapes[-1], [(outputs.sources[0], blocks[-1])]))
    return blocks


def _block(layer: Layer, shape: Shape, sources: Sequence[tuple[int, Block]]) -> Block:
    activation = Activation.RELU if isinstance(layer, Relu) else Activation.LINEAR
    bias = layer.bias if isinstance(layer, Convolution | Linear) else np.zeros(shape.channels)
    origin, step = _grid(layer, sources, len(shape.sides))
    block = Block(activation, shape, bias, origin, step)
    for source, product in _products(layer, sources):
        block.reads.setdefault(source, []).append(product)
    return block


def _grid(layer: Layer, sources: Sequence[tuple[int, Block]], n_sides: int) -> tuple[Doubles, Doubles]:
    """Return origin and step of the block's places, each in the middle of its receptive field.

    Args:
        layer: The layer.
        sources: Index and block of each source.
        n_sides: Sides of the grid.
    """
    if not sources:
        return np.zeros(n_sides), np.ones(n_sides)
    source = sources[0][1]
    if isinstance(layer, Convolution | AveragePool):
        window = layer.window
        before = np.array([padding[0] for padding in window.padding])
        middle = np.array(window.dilation) * (np.array(window.kernel) - 1) / 2 - before
        return source.origin + source.step * middle, source.step * np.array(window.stride)
    if isinstance(layer, GlobalAverage | Linear):
        return source.origin + source.step * (np.array(source.shape.sides) - 1) / 2, source.step
    return source.origin, source.step


def _products(layer: Layer, sources: Sequence[tuple[int, Block]]) -> Iterator[tuple[int, Product]]:
    """Yield the linear maps of a layer from each of its sources."""
    first = 0
    for index, source in sources:
        shape = source.shape
        each = np.eye(shape.channels)[:, :, None]
        match layer:
            case Addition() | Relu():
                yield index, Product(each, (_identity(shape.n_places),))
            case Concatenation():
                channels = np.zeros((sum(s.shape.channels for _, s in sources), shape.channels, 1))
                channels[first : first + shape.channels] = each
                first += shape.channels
                yield index, Product(channels, (_identity(shape.n_places),))
            case GlobalAverage():
                mean = np.full((1, shape.n_places), 1 / shape.n_places)
                yield index, Product(each, (sparse.csr_array(mean),))
            case Linear() | Flatten():
                weights = layer.weights if isinstance(layer, Linear) else np.eye(shape.n_units)
                weights = weights.reshape(-1, shape.channels, shape.n_places)
                yield index, Product(weights, tuple(_identity(shape.n_places)[[p]] for p in range(shape.n_places)))
            case AveragePool():
                yield index, Product(each, (_mean(layer, shape),))
            case Convolution():
                yield index, Product(_dense_weights(layer, shape), tuple(_taps(layer, shape)))
            case MaxPool() | Clip() | Zeros():
                raise ValueError(f"{type(layer).__name__} is not linear")


def total(matrices: Sequence[Matrix]) -> Matrix:
    """Return the sum of one or more matrices of one shape."""
    result: Matrix = reduce(operator.add, matrices)
    return result


def _identity(n: int) -> Matrix:
    return sparse.csr_array(sparse.eye_array(n))


def _taps(layer: Convolution | AveragePool, shape: Shape) -> Iterator[Matrix]:
    """Yield for each place of the kernel the matrix of ones between places and sources.

    Its shape is ``(places, source's places)``.
    """
    size = int(np.prod(layer.window.output(shape.sides))), shape.n_places
    for target, source in layer.window.taps(shape.sides):
        yield sparse.csr_array((np.ones(len(target)), (target, source)), shape=size)


def _mean(layer: AveragePool, shape: Shape) -> Matrix:
    seen = total(list(_taps(layer, shape)))
    counts = np.full(seen.shape[0], np.prod(layer.window.kernel)) if layer.counts_padding else seen.sum(axis=1)
    return sparse.csr_array(sparse.diags_array(1 / np.maximum(counts, 1)) @ seen)


def _dense_weights(layer: Convolution, shape: Shape) -> Doubles:
    """Return weights ``(channels, source's channels, places of the kernel)``, zeros between groups."""
    n_targets, n_sources = len(layer.bias) // layer.groups, shape.channels // layer.groups
    dense = np.zeros((len(layer.bias), shape.channels, int(np.prod(layer.window.kernel))))
    for group in range(layer.groups):
        rows = slice(group * n_targets, (group + 1) * n_targets)
        columns = slice(group * n_sources, (group + 1) * n_sources)
        dense[rows, columns] = layer.weights[rows].reshape(n_targets, n_sources, -1)
    return dense


def places_of(units: Ints, shape: Shape) -> tuple[Ints, Ints]:
    """Return channels ``(n,)`` and coordinates ``(n_sides, n)`` of units."""
    channel, place = np.divmod(units, shape.n_places)
    return channel, np.stack(np.unravel_index(place, shape.sides))
