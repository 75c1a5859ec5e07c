"""Layers as steps on buffers, in an order in which they can be run one after the other.

Places of an image stand row by row, and the channels of a place side by side: a convolution then reads runs of adjacent
values. Nothing is copied where it need not be:

- a ReLU or a clip that alone reads a layer with weights is part of its step, and else works in place;
- a layer that only an addition reads adds its values to the sum, where they are computed; where a term is read for the
  last time before the first of the others is computed, the sum takes its place;
- a layer that a concatenation reads is written into its place there, at a stride.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal, NamedTuple, TypeAlias

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
    Window,
    Zeros,
    sources_of,
)
from evonas.export.layers.folding import is_scale

#: What a step does; each is a function in C.
Operation: TypeAlias = Literal[
    "convolve", "convolve_each", "average", "maximum", "scale", "transfer", "flatten", "clear"
]
#: Bounds of values that have none.
UNBOUNDED = (-math.inf, math.inf)


class View(NamedTuple):
    """Channels of a buffer.

    Attributes:
        buffer: Number of the buffer.
        first: The first of the channels.
        shape: Their shape.
    """

    buffer: int
    first: int
    shape: Shape


@dataclass(frozen=True, eq=False)
class Step:
    """A step of a program.

    Attributes:
        operation: What it does.
        source: What it reads; None for ``clear``.
        target: What it writes.
        layer: The layer whose weights or window it uses.
        bounds: Least and largest value that is written or added.
        adds: Whether values are added to what is there.
    """

    operation: Operation
    source: View | None
    target: View
    layer: Layer
    bounds: tuple[float, float] = UNBOUNDED
    adds: bool = False


class Plan(NamedTuple):
    """A network as steps.

    Attributes:
        steps: In the order in which they run.
        input, output: Where the network's input is expected and its outputs are left.
        sizes: Values of each buffer.
        channels: Channels of a place of each buffer.
    """

    steps: tuple[Step, ...]
    input: View
    output: View
    sizes: tuple[int, ...]
    channels: tuple[int, ...]


def plan(graph: LayerGraph) -> Plan:
    """The steps of a graph whose scales are folded."""
    places = _Places(graph)
    places.place()
    return Plan(
        tuple(_emitted(places)), places.view(0), places.view(len(graph.layers)), tuple(places.sizes),
        tuple(places.channels),
    )


@dataclass
class _Places:
    """Places of all nodes, found from the last one backwards.

    Attributes:
        graph: The layers.
        readers: Nodes that read each node, once for each time.
        fused: The ReLU or clip by the node that its step computes it with.
        parts: The addition that each node is a term of and adds itself to, by node.
        based: Additions whose sum begins in the place of a term, which is there before.
        overwritten: The node whose step first writes over the values of a node, by node.
    """

    graph: LayerGraph
    readers: list[list[int]] = field(init=False)
    fused: dict[int, int] = field(default_factory=dict)
    parts: dict[int, int] = field(default_factory=dict)
    based: set[int] = field(default_factory=set)
    overwritten: dict[int, float] = field(default_factory=dict)
    sizes: list[int] = field(default_factory=list)
    channels: list[int] = field(default_factory=list)
    _views: dict[int, tuple[int, int]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.readers = [[] for _ in range(len(self.graph.layers) + 1)]
        for node, layer in enumerate(self.graph.layers, 1):
            for source in sources_of(layer):
                self.readers[source].append(node)
        for node, layer in enumerate(self.graph.layers, 1):
            if isinstance(layer, Relu | Clip) and layer.source and self.readers[layer.source] == [node]:
                before = self.graph.layers[layer.source - 1]
                if isinstance(before, Convolution | Linear):
                    self.fused[layer.source] = node

    def layer(self, node: int) -> Layer:
        return self.graph.layers[node - 1]

    def view(self, node: int) -> View:
        buffer, first = self._views[node]
        return View(buffer, first, self.graph.shapes[node])

    def time(self, node: int) -> int:
        """The node at which a node is computed: the layer with weights that it is a part of, or itself."""
        layer = self.layer(node) if node else None
        fused = isinstance(layer, Relu | Clip) and layer.source in self.fused
        return sources_of(layer)[0] if fused and layer is not None else node

    def reads(self, node: int) -> list[int]:
        """The times at which a node is read."""
        return [self.time(reader) for reader in self.readers[node]]

    def place(self) -> None:
        """Place all nodes."""
        for node in range(len(self.graph.layers), -1, -1):
            if node not in self._views and node not in self.fused:
                shape = self.graph.shapes[node]
                self._views[node] = (len(self.sizes), 0)
                self.sizes.append(shape.n_units)
                self.channels.append(shape.channels)
            if node:
                self._place_sources(node, self.layer(node))

    def _place_sources(self, node: int, layer: Layer) -> None:
        match layer:
            case Concatenation():
                self._place_in_parts(node, layer)
            case Addition():
                self._place_terms(node, layer)
            case Relu() | Clip() | Convolution():
                result, alone = self.fused.get(node, node), self.readers[layer.source] == [node]
                in_place = not isinstance(layer, Convolution) or is_scale(layer, self.graph.shapes[layer.source])
                if in_place and alone and self._is_free(layer.source) and result not in self.parts:
                    self._views[layer.source] = self._views[result]
                    self.overwritten[layer.source] = node

    def _is_free(self, node: int) -> bool:
        return node > 0 and node not in self._views and node not in self.fused

    def _place_in_parts(self, node: int, layer: Concatenation) -> None:
        """Place the sources of a concatenation inside it, unless that is written over while they are read."""
        (buffer, first), until = self._views[node], self.overwritten.get(node, math.inf)
        for source in layer.sources:
            once = layer.sources.count(source) == 1 and self._is_free(source)
            if once and all(time < until for time in self.reads(source)):
                self._views[source] = (buffer, first)
                self.overwritten[source] = until
            first += self.graph.shapes[source].channels

    def _place_terms(self, node: int, layer: Addition) -> None:
        """Place the terms of a sum in its own place: those that add themselves to it, and one that is there before."""
        for source in layer.sources:
            if self._may_add(source, node) and self._is_free(source):
                self._views[source] = self._views[node]
                self.parts[source] = self.parts.get(node, node)
        if node in self.parts:
            return
        begin = self._begin(node)
        for source in layer.sources:
            once = layer.sources.count(source) == 1 and self._is_free(source) and self.time(source) < begin
            if once and all(time < begin for time in self.reads(source) if time != node):
                self._views[source] = self._views[node]
                self.overwritten[source] = begin
                self.based.add(node)
                return

    def _may_add(self, source: int, node: int) -> bool:
        """Whether a term can add itself to a sum, which alone reads it."""
        return source > 0 and self.readers[source] == [node] and not isinstance(self.layer(source), Concatenation)

    def _begin(self, node: int) -> int:
        """The earliest time at which a term may add itself to a sum."""
        times = [node]
        for source in sources_of(self.layer(node)):
            if self._may_add(source, node):
                times.append(self._begin(source) if isinstance(self.layer(source), Addition) else self.time(source))
        return min(times)


def _emitted(places: _Places) -> Iterator[Step]:
    """Yield the steps in their order."""
    begun = set(places.based)
    for node, layer in enumerate(places.graph.layers, 1):
        if places.time(node) != node:
            continue  # it is part of the step of its source
        result = places.fused.get(node, node)
        target, total = places.view(result), places.parts.get(result, result)
        for source, own, operation in _reads(places, node, layer, target):
            adds = isinstance(places.layer(total), Addition) and total in begun
            begun.add(total)
            if operation != "clear" or not adds:
                yield Step(operation, source, own, layer, _bounds(places.layer(result)), adds)


def _reads(
    places: _Places, node: int, layer: Layer, target: View
) -> Iterator[tuple[View | None, View, Operation]]:
    """Yield what the steps of a layer read and write, and what they do.

    Args:
        places: Places of all nodes.
        node: The layer's node.
        layer: The layer.
        target: Where its output is expected.
    """
    match layer:
        case Zeros():
            yield None, target, "clear"
        case Addition():
            for source in layer.sources:
                view = places.view(source)
                if view != target:
                    yield view, target, "transfer"
        case Concatenation():
            first = target.first
            for source in layer.sources:
                view = places.view(source)
                own = View(target.buffer, first, view.shape)
                first += view.shape.channels
                if view != own:
                    yield view, own, "transfer"
        case _:
            yield places.view(layer.source), target, _operation(layer, places.graph.shapes[layer.source])


def _operation(layer: Layer, source: Shape) -> Operation:
    match layer:
        case Convolution():
            if is_scale(layer, source):
                return "scale"
            return "convolve_each" if layer.groups == source.channels == len(layer.bias) else "convolve"
        case Linear():
            return "convolve"
        case AveragePool() | GlobalAverage():
            return "average"
        case MaxPool():
            return "maximum"
        case Flatten():
            return "flatten"
    return "transfer"


def _bounds(layer: Layer) -> tuple[float, float]:
    match layer:
        case Relu():
            return 0.0, math.inf
        case Clip():
            return layer.least, layer.most
    return UNBOUNDED


def window_of(layer: Layer, source: Shape) -> Window:
    """The window of a layer; linear layers and global averages read all places at once."""
    match layer:
        case Convolution() | AveragePool() | MaxPool():
            return layer.window
    n = len(source.sides)
    return Window(source.sides, (1,) * n, ((0, 0),) * n, (1,) * n)
