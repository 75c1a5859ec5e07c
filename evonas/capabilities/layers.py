"""A network as layers: the form in which a space passes its networks to a space that does not know it. Numpy only.

The layers are those of most convolutional networks in evaluation mode: linear layers, ReLU, clipping, max-pooling.
BatchNorm has no layer of its own: it is folded into the preceding convolution, or is a depthwise 1x1 convolution. An
identity has none either: the layers that follow read its source.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import product
from math import prod
from typing import NamedTuple, Protocol, TypeAlias, runtime_checkable

import numpy as np

from evonas.space import G_co, G_contra
from evonas.types import Doubles, Ints, Metrics, Weights

#: Length of a signal, or height and width of an image.
Sides: TypeAlias = tuple[int, ...]


class Shape(NamedTuple):
    """Shape of a layer's output: a value for each channel at each place; places are counted row by row.

    Attributes:
        channels: Number of channels.
        sides: Length of a signal, or height and width of an image.
    """

    channels: int
    sides: Sides

    @property
    def n_places(self) -> int:
        """Number of places of one channel."""
        return prod(self.sides)

    @property
    def n_units(self) -> int:
        """Number of values of all channels at all places."""
        return self.channels * self.n_places


@dataclass(frozen=True)
class Window:
    """The places that a convolution or a pool reads; one number for each side.

    Attributes:
        kernel: Number of places that are read.
        stride: Steps between neighbours of the output.
        padding: Zeros (before, after) each side; a negative number cuts places away.
        dilation: Distance between the places that are read.
    """

    kernel: tuple[int, ...]
    stride: tuple[int, ...]
    padding: tuple[tuple[int, int], ...]
    dilation: tuple[int, ...]

    def output(self, sides: Sides) -> Sides:
        """The sides of the output."""
        return tuple(
            (side + sum(padding) - dilation * (kernel - 1) - 1) // stride + 1
            for side, kernel, stride, padding, dilation in zip(
                sides, self.kernel, self.stride, self.padding, self.dilation, strict=True
            )
        )

    def taps(self, sides: Sides) -> list[tuple[Ints, Ints]]:
        """Pairs (place of the output, place of the input) for each place of the kernel, row by row, without padding.

        Each pair of arrays has shape ``(n_pairs,)``.
        """
        output = np.stack(np.unravel_index(np.arange(prod(self.output(sides))), self.output(sides)))
        stride, dilation = (np.array(values)[:, None] for values in (self.stride, self.dilation))
        before = np.array([padding[0] for padding in self.padding])[:, None]
        pairs = []
        for tap in product(*map(range, self.kernel)):
            seen = output * stride - before + dilation * np.array(tap)[:, None]
            inside = np.flatnonzero(((seen >= 0) & (seen < np.array(sides)[:, None])).all(axis=0))
            pairs.append((inside, np.ravel_multi_index(tuple(seen[:, inside]), sides)))
        return pairs


@dataclass(frozen=True, eq=False)
class Convolution:
    """A cross-correlation, as in all libraries.

    Attributes:
        source: The node that is read: 0 is the input, i the layer ``i - 1``.
        window: The places that are read.
        weights: ``(channels, source's channels / groups, *window.kernel)``.
        bias: ``(channels,)``.
        groups: Number of parts into which both lists of channels are divided; channels read only their own part.
    """

    source: int
    window: Window
    weights: Doubles
    bias: Doubles
    groups: int = 1


@dataclass(frozen=True)
class AveragePool:
    """The mean of the places that are read.

    Attributes:
        source: The node that is read.
        window: The places that are read.
        counts_padding: Whether padding counts as zeros; else it is left out.
    """

    source: int
    window: Window
    counts_padding: bool = False


@dataclass(frozen=True)
class MaxPool:
    """The largest value of the places that are read, without padding; not linear.

    Attributes:
        source: The node that is read.
        window: The places that are read.
        name: Name of the layer in its space.
    """

    source: int
    window: Window
    name: str


@dataclass(frozen=True)
class GlobalAverage:
    """The mean of each channel over all places; the output has one place.

    Attributes:
        source: The node that is read.
    """

    source: int


@dataclass(frozen=True, eq=False)
class Linear:
    """A linear layer on all units in one vector, channel by channel; the output has one place.

    Attributes:
        source: The node that is read.
        weights: ``(channels, units)``.
        bias: ``(channels,)``.
    """

    source: int
    weights: Doubles
    bias: Doubles


@dataclass(frozen=True)
class Relu:
    """The value if it is positive, else 0.

    Attributes:
        source: The node that is read.
    """

    source: int


@dataclass(frozen=True)
class Clip:
    """The value within bounds, as ReLU6 gives it; lowering to single neurons has no twin of it.

    Attributes:
        source: The node that is read.
        least, most: The bounds; either may be infinite.
    """

    source: int
    least: float
    most: float


@dataclass(frozen=True)
class Flatten:
    """All units as channels of one place, channel by channel; :class:`Linear` does without.

    Attributes:
        source: The node that is read.
    """

    source: int


@dataclass(frozen=True)
class Addition:
    """The sum of one or more nodes of one shape.

    Attributes:
        sources: The nodes that are read; a node may occur more than once.
    """

    sources: tuple[int, ...]


@dataclass(frozen=True)
class Concatenation:
    """The channels of one or more nodes with the same sides, one after the other.

    Attributes:
        sources: The nodes that are read.
    """

    sources: tuple[int, ...]


@dataclass(frozen=True)
class Zeros:
    """A constant output of 0 without input.

    Attributes:
        shape: Shape of the output.
    """

    shape: Shape


Layer: TypeAlias = (
    Convolution | AveragePool | MaxPool | GlobalAverage | Linear | Relu | Clip | Flatten | Addition | Concatenation
    | Zeros
)


@dataclass(frozen=True, eq=False)
class LayerGraph:
    """Layers in an order in which each reads earlier nodes only; the last one gives the outputs.

    Attributes:
        input: Shape of the input, ``(channels, *sides)``: node 0, normalised as in the search.
        layers: Nodes from 1 on.

    Raises:
        ValueError: A layer reads no earlier node, or one of another shape than it needs; or the outputs have more than
            one place.
    """

    input: Shape
    layers: tuple[Layer, ...]

    def __post_init__(self) -> None:
        if not self.layers:
            raise ValueError("there must be one layer at least")
        if self.shapes[-1].n_places != 1:
            raise ValueError(f"the last layer must give one place of outputs, got {self.shapes[-1]}")

    @cached_property
    def shapes(self) -> tuple[Shape, ...]:
        """Shape of each node's output, the input first.

        Raises:
            ValueError: A layer reads no earlier node, does not fit its sources, or has an empty output.
        """
        shapes = [self.input]
        for index, layer in enumerate(self.layers):
            sources = sources_of(layer)
            if not all(0 <= source <= index for source in sources):
                raise ValueError(f"layer {index} must read nodes from 0 to {index}, got {list(sources)}")
            shape = shape_of(layer, [shapes[source] for source in sources])
            if min((shape.channels, *shape.sides)) < 1:
                raise ValueError(f"layer {index} ({type(layer).__name__}) would give nothing: {shape}")
            shapes.append(shape)
        return tuple(shapes)

    @property
    def max_pools(self) -> tuple[str, ...]:
        """Names of the max-pooling layers, each once."""
        return tuple(dict.fromkeys(layer.name for layer in self.layers if isinstance(layer, MaxPool)))

    def with_average_pools(self) -> LayerGraph:
        """The graph with an average in the place of every maximum, which is another function."""
        averaged = (AveragePool(layer.source, layer.window) if isinstance(layer, MaxPool) else layer
                    for layer in self.layers)
        return replace(self, layers=tuple(averaged))


def sources_of(layer: Layer) -> tuple[int, ...]:
    """The nodes that a layer reads."""
    match layer:
        case Addition() | Concatenation():
            return layer.sources
        case Zeros():
            return ()
    return (layer.source,)


def shape_of(layer: Layer, sources: Sequence[Shape]) -> Shape:
    """Shape of a layer's output, from the shapes of its sources.

    Raises:
        ValueError: They do not fit.
    """
    match layer:
        case Zeros():
            return layer.shape
        case Addition():
            if len(set(sources)) != 1:
                raise ValueError(f"an addition needs nodes of one shape, got {list(sources)}")
            return sources[0]
        case Concatenation():
            if len({source.sides for source in sources}) != 1:
                raise ValueError(f"a concatenation needs nodes with the same sides, got {list(sources)}")
            return Shape(sum(source.channels for source in sources), sources[0].sides)
        case Relu() | Clip():
            return sources[0]
        case AveragePool() | MaxPool():
            return Shape(sources[0].channels, layer.window.output(sources[0].sides))
        case Flatten():
            return Shape(sources[0].n_units, (1,) * len(sources[0].sides))
        case GlobalAverage():
            return Shape(sources[0].channels, (1,) * len(sources[0].sides))
        case Linear():
            if layer.weights.shape != (len(layer.bias), sources[0].n_units):
                raise ValueError(f"weights of a linear layer must be {(len(layer.bias), sources[0].n_units)}, "
                                 f"got {layer.weights.shape}")
            return Shape(len(layer.bias), (1,) * len(sources[0].sides))
        case Convolution():
            expected = (len(layer.bias), sources[0].channels // layer.groups, *layer.window.kernel)
            if layer.weights.shape != expected or sources[0].channels % layer.groups or expected[0] % layer.groups:
                raise ValueError(f"weights of a convolution of {layer.groups} groups must be {expected}, "
                                 f"got {layer.weights.shape}")
            return Shape(len(layer.bias), layer.window.output(sources[0].sides))


class NotLowerable(ValueError):
    """Raised if a space cannot take a network; the message is a clause that begins with a verb.

    Attributes:
        costs: Known costs of the network in that space, by the names of its metrics.
    """

    def __init__(self, message: str, costs: Metrics | None = None) -> None:
        super().__init__(message)
        self.costs: Metrics = costs or {}


class ConstantNetwork(NotLowerable):
    """Raised if a network computes the same for every input, so there is nothing to take."""


@runtime_checkable
class Lowerable(Protocol[G_contra]):
    """Capability: describe the function of a network layer by layer."""

    def layers(self, genotype: G_contra, weights: Weights) -> LayerGraph:
        """The layers of the network that :meth:`evonas.space.SearchSpace.compile` returns, in evaluation mode.

        Raises:
            ValueError: ``weights`` do not fit ``genotype``.
        """
        ...


@runtime_checkable
class TakesLayers(Protocol[G_co]):
    """Capability: convert networks of layers, from any space, to genotypes of this one."""

    def lower(self, graph: LayerGraph, rng: np.random.Generator) -> tuple[G_co, Weights]:
        """A genotype with weights that computes the same as ``graph``, to float32 tolerance; a pure function.

        Raises:
            NotLowerable: The graph has max-pooling or clipping, inputs or outputs of another task, or more than this
                space allows; this is checked before memory is allocated.
        """
        ...
