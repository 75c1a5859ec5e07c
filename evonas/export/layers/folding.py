"""BatchNorm and other factors of channels, folded into the layer that they follow."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from evonas.capabilities.layers import (
    Addition,
    Concatenation,
    Convolution,
    Layer,
    LayerGraph,
    Linear,
    Shape,
    Window,
    Zeros,
    sources_of,
)
from evonas.types import Doubles


def point(n_sides: int) -> Window:
    """The window of a convolution that reads one place."""
    return Window((1,) * n_sides, (1,) * n_sides, ((0, 0),) * n_sides, (1,) * n_sides)


def scaled(source: int, n_sides: int, factor: Doubles, summand: Doubles) -> Convolution:
    """The layer ``x * factor + summand`` for each channel: a depthwise convolution of one place.

    Args:
        source: The node that is read.
        n_sides: Number of its sides.
        factor: Factors, ``(channels,)``.
        summand: Summands, ``(channels,)``.
    """
    weights = factor.astype(np.float64).reshape(-1, 1, *(1,) * n_sides)
    return Convolution(source, point(n_sides), weights, summand.astype(np.float64), groups=len(factor))


def is_scale(layer: Layer, source: Shape) -> bool:
    """Whether a layer that reads a node of this shape is one of :func:`scaled`."""
    return (
        isinstance(layer, Convolution) and layer.groups == source.channels == len(layer.bias)
        and layer.window == point(len(source.sides))
    )


def fold_scales(graph: LayerGraph) -> LayerGraph:
    """The graph with each layer of factors inside the layers with weights before it, unless others read these.

    The function is the same, to float64.
    """
    shapes, readers = graph.shapes, _readers(graph)
    kept: list[Layer] = []
    number = {0: 0}  # of each node in the new graph
    for node, layer in enumerate(graph.layers, 1):
        source = sources_of(layer)[0] if sources_of(layer) else 0
        if is_scale(layer, shapes[source]) and _takes_factors(graph, readers, source):
            assert isinstance(layer, Convolution)
            _multiply(kept, number[source], layer.weights.ravel(), layer.bias)
            number[node] = number[source]
        else:
            kept.append(_renumbered(layer, number))
            number[node] = len(kept)
    return LayerGraph(graph.input, tuple(kept))


def merge_sums(graph: LayerGraph) -> LayerGraph:
    """The graph with each sum that only another sum reads as terms of that one."""
    readers = _readers(graph)
    merged = {
        node for node, layer in enumerate(graph.layers, 1) if isinstance(layer, Addition) and readers[node] == 1
        and any(isinstance(other, Addition) and node in other.sources for other in graph.layers)
    }
    kept: list[Layer] = []
    number = {0: 0}
    for node, layer in enumerate(graph.layers, 1):
        if isinstance(layer, Addition):
            layer = Addition(tuple(_terms(graph, layer, merged)))
        if node not in merged:
            kept.append(_renumbered(layer, number))
            number[node] = len(kept)
    return LayerGraph(graph.input, tuple(kept))


def _terms(graph: LayerGraph, sum_: Addition, merged: set[int]) -> Iterator[int]:
    for source in sum_.sources:
        layer = graph.layers[source - 1] if source in merged else None
        if isinstance(layer, Addition):
            yield from _terms(graph, layer, merged)
        else:
            yield source


def _readers(graph: LayerGraph) -> Counter[int]:
    return Counter(source for layer in graph.layers for source in sources_of(layer))


def _takes_factors(graph: LayerGraph, readers: Counter[int], node: int) -> bool:
    """Whether the only reader of a node can be folded into it."""
    layer = graph.layers[node - 1] if node else None
    if readers[node] != 1:
        return False
    if isinstance(layer, Concatenation):
        return all(_takes_factors(graph, readers, source) for source in layer.sources)
    return isinstance(layer, Convolution | Linear)


def _multiply(layers: list[Layer], node: int, factor: Doubles, summand: Doubles) -> None:
    """Fold factors and summands of channels into a node of the layers."""
    layer = layers[node - 1]
    if isinstance(layer, Convolution | Linear):
        layers[node - 1] = _times(layer, factor, summand)
        return
    assert isinstance(layer, Concatenation)
    first = 0
    for source in layer.sources:
        n = _n_channels(layers, source)
        _multiply(layers, source, factor[first : first + n], summand[first : first + n])
        first += n


def _n_channels(layers: list[Layer], node: int) -> int:
    """Channels of layers with weights, and of concatenations of such."""
    layer = layers[node - 1]
    if isinstance(layer, Concatenation):
        return sum(_n_channels(layers, source) for source in layer.sources)
    assert isinstance(layer, Convolution | Linear)
    return len(layer.bias)


def _times(layer: Convolution | Linear, factor: Doubles, summand: Doubles) -> Convolution | Linear:
    weights = layer.weights * factor.reshape(-1, *(1,) * (layer.weights.ndim - 1))
    return replace(layer, weights=weights, bias=layer.bias * factor + summand)


def _renumbered(layer: Layer, number: dict[int, int]) -> Layer:
    match layer:
        case Zeros():
            return layer
        case Addition() | Concatenation():
            return replace(layer, sources=tuple(number[source] for source in layer.sources))
    return replace(layer, source=number[layer.source])
