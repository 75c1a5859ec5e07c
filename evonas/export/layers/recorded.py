"""Calls of torch's functions as layers: each method takes what the function of that name takes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from math import prod
from typing import Any, NamedTuple

import numpy as np
from torch import Tensor

from evonas.capabilities.layers import (
    Addition,
    AveragePool,
    Clip,
    Concatenation,
    Convolution,
    Flatten,
    GlobalAverage,
    Layer,
    Linear,
    MaxPool,
    Relu,
    Shape,
    Window,
    Zeros,
    shape_of,
    sources_of,
)
from evonas.export.layers.folding import scaled
from evonas.export.layers.windows import Padding, each_side, padding_of, pool_window
from evonas.types import Doubles


class Recorded(NamedTuple):
    """A tensor as a node of the graph.

    Attributes:
        node: Number of the node.
        padding: Zeros around it that no layer has read yet; empty for none.
        is_flat: Whether its units stand in one vector, channel by channel.
    """

    node: int
    padding: Padding = ()
    is_flat: bool = False


class Recorder:
    """Layers so far, and the node of each tensor that depends on the sample.

    Args:
        input: Shape of the sample.
    """

    def __init__(self, input: Shape) -> None:
        self.input, self.layers = input, list[Layer]()
        self.names: list[str] = []
        self._shapes = [input]
        self._tensors: dict[int, tuple[Tensor, Recorded]] = {}

    @property
    def name(self) -> str:
        """Name of the module that runs."""
        return self.names[-1] if self.names and self.names[-1] else "the module"

    def remember(self, tensor: Tensor, recorded: Recorded) -> None:
        """Note what a tensor is; the tensor is kept, so that no other gets its number."""
        self._tensors[id(tensor)] = (tensor, recorded)

    def found(self, value: object) -> Recorded | None:
        """What a value is; None if it does not depend on the sample."""
        entry = self._tensors.get(id(value))
        return None if entry is None else entry[1]

    def add(self, layer: Layer) -> int:
        """Add a layer and return its node."""
        self._shapes.append(shape_of(layer, [self._shapes[source] for source in sources_of(layer)]))
        self.layers.append(layer)
        return len(self.layers)

    def padded(self, recorded: Recorded) -> int:
        """The node of a tensor with the zeros around it, which get a layer of their own."""
        if not recorded.padding:
            return recorded.node
        n_channels = self._shapes[recorded.node].channels
        same = scaled(recorded.node, len(recorded.padding), np.ones(n_channels), np.zeros(n_channels))
        return self.add(replace(same, window=replace(same.window, padding=recorded.padding)))

    def vector(self, recorded: Recorded) -> int:
        """The node of a tensor whose units stand in one vector."""
        node = self.padded(recorded)
        return node if self._shapes[node].n_places == 1 else self.add(Flatten(node))

    def copied(self, node: int) -> int:
        """A layer with the values of a node, for outputs that are no layer's own."""
        return self.add(Addition((node,)))

    def convolution(
        self, input: Tensor, weight: Tensor, bias: Tensor | None = None, stride: Any = 1, padding: Any = 0,
        dilation: Any = 1, groups: int = 1,
    ) -> Recorded:
        """A convolution; zeros that were put around its input are part of its window."""
        source, n_sides = self._image(input), weight.ndim - 2
        kernel, strides, dilations = tuple(weight.shape[2:]), each_side(stride, n_sides), each_side(dilation, n_sides)
        ends = padding_of(padding, kernel, dilations)
        if source.padding:
            ends = tuple((a + c, b + d) for (a, b), (c, d) in zip(ends, source.padding, strict=True))
        shift = np.zeros(len(weight)) if bias is None else array(bias)
        window = Window(kernel, strides, ends, dilations)
        return Recorded(self.add(Convolution(source.node, window, array(weight), shift, groups)))

    def linear(self, input: Tensor, weight: Tensor, bias: Tensor | None = None) -> Recorded:
        """A linear layer on a vector."""
        if input.ndim != 2:
            raise ValueError(f"{self.name} has a linear layer on tensors of shape {tuple(input.shape[1:])} a sample, "
                             f"expected vectors: put nn.Flatten before it")
        shift = np.zeros(len(weight)) if bias is None else array(bias)
        return Recorded(self.add(Linear(self.padded(self._of(input)), array(weight), shift)), is_flat=True)

    def batch_norm(
        self, input: Tensor, running_mean: Tensor | None, running_var: Tensor | None, weight: Tensor | None = None,
        bias: Tensor | None = None, training: bool = False, momentum: float = 0.1, eps: float = 1e-5,
    ) -> Recorded:
        """BatchNorm with its running statistics, as factors and summands of channels."""
        if training or running_mean is None or running_var is None:
            raise ValueError(f"{self.name} normalises by the statistics of a batch, expected running statistics: leave "
                             f"track_running_stats as it is")
        source = self._of(input)
        node, n_sides = self._readable(source), len(self._shapes[source.node].sides)
        factor = (1.0 if weight is None else array(weight)) / np.sqrt(array(running_var) + eps)
        summand = (0.0 if bias is None else array(bias)) - array(running_mean) * factor
        return source._replace(node=self.add(scaled(node, n_sides, factor, summand)), padding=())

    def relu(self, input: Tensor, inplace: bool = False) -> Recorded:
        """ReLU."""
        source = self._of(input)
        return source._replace(node=self.add(Relu(self.padded(source))), padding=())

    def relu6(self, input: Tensor, inplace: bool = False) -> Recorded:
        """ReLU6."""
        return self.clamp(input, 0.0, 6.0)

    def hardtanh(self, input: Tensor, min_val: float = -1.0, max_val: float = 1.0, inplace: bool = False) -> Recorded:
        """Values within bounds."""
        return self.clamp(input, min_val, max_val)

    def clamp(self, input: Tensor, min: float | None = None, max: float | None = None) -> Recorded:
        """Values within bounds."""
        if isinstance(min, Tensor) or isinstance(max, Tensor):
            raise ValueError(f"{self.name} clips by tensors, expected numbers")
        source = self._of(input)
        least, most = -np.inf if min is None else float(min), np.inf if max is None else float(max)
        return source._replace(node=self.add(Clip(self.padded(source), least, most)), padding=())

    def max_pool(
        self, input: Tensor, kernel_size: Any, stride: Any = None, padding: Any = 0, dilation: Any = 1,
        ceil_mode: bool = False, return_indices: bool = False,
    ) -> Recorded:
        """Max-pooling."""
        if return_indices:
            raise ValueError(f"{self.name} gives the places of maxima, for which there is no layer")
        node = self.padded(self._image(input))
        window = pool_window(self._shapes[node].sides, kernel_size, stride, padding, dilation, ceil_mode)
        return Recorded(self.add(MaxPool(node, window, self.name)))

    def average_pool(
        self, input: Tensor, kernel_size: Any, stride: Any = None, padding: Any = 0, ceil_mode: bool = False,
        count_include_pad: bool = True, divisor_override: int | None = None,
    ) -> Recorded:
        """Averages. Places that only ceil_mode adds never count; padding does by default, and has a layer then."""
        node = self.padded(self._image(input))
        sides = self._shapes[node].sides
        ends = tuple((p, p) for p in each_side(padding, len(sides)))
        counted = count_include_pad and any(p for p, _ in ends)
        window = pool_window(sides, kernel_size, stride, padding, 1, ceil_mode)
        if counted and ceil_mode:
            node = self.padded(Recorded(node, ends))
            window = replace(window, padding=tuple((0, after - p) for p, after in window.padding))
            counted = False
        if divisor_override is not None:
            raise ValueError(f"{self.name} divides sums by another number than that of places, for which there is no "
                             f"layer")
        return Recorded(self.add(AveragePool(node, window, counted)))

    def adaptive_pool(self, input: Tensor, output_size: Any) -> Recorded:
        """Averages over ``output_size`` windows a side, where these are all of one size."""
        node = self.padded(self._image(input))
        sides = self._shapes[node].sides
        sizes = [s if n is None else n for s, n in zip(sides, each_side(output_size, len(sides)), strict=True)]
        if prod(sizes) == 1:
            return Recorded(self.add(GlobalAverage(node)))
        kernel, stride = [], []
        for side, size in zip(sides, sizes, strict=True):
            begins = [index * side // size for index in range(size)]
            lengths = {-((index + 1) * side // -size) - begin for index, begin in enumerate(begins)}
            steps = set(np.diff(begins).tolist()) or {1}
            if len(lengths) > 1 or len(steps) > 1:
                raise ValueError(f"{self.name} averages {side} places in {size} windows of different sizes, expected "
                                 f"equal ones: give a number that divides {side}")
            kernel.append(lengths.pop())
            stride.append(steps.pop())
        window = Window(tuple(kernel), tuple(stride), ((0, 0),) * len(sides), (1,) * len(sides))
        return Recorded(self.add(AveragePool(node, window)))

    def mean(self, input: Tensor, dim: Any = None, keepdim: bool = False, dtype: Any = None) -> Recorded:
        """The mean over all places."""
        source = self._image(input)
        dims = () if dim is None else (dim,) if isinstance(dim, int) else tuple(dim)
        if {d % input.ndim for d in dims} != set(range(2, input.ndim)):
            raise ValueError(f"{self.name} takes a mean over the axes {list(dims)}, expected all places: the axes "
                             f"{list(range(2, input.ndim))}")
        return Recorded(self.add(GlobalAverage(self.padded(source))), is_flat=not keepdim)

    def addition(self, input: Tensor, other: Any, *, alpha: float = 1) -> Recorded:
        """A sum of two tensors of one shape."""
        ends = [self.found(value) for value in (input, other)]
        if alpha != 1 or ends[0] is None or ends[1] is None or input.shape != other.shape:
            raise ValueError(f"{self.name} adds what is no tensor of the same shape that depends on its input, for "
                             f"which there is no layer")
        nodes = [self._readable(end) for end in ends if end is not None]
        return ends[0]._replace(node=self.add(Addition(tuple(nodes))), padding=())

    def concatenation(self, tensors: Sequence[Tensor], dim: int = 0) -> Recorded:
        """Channels one after the other."""
        ends = [self.found(tensor) for tensor in tensors]
        known = [end for end in ends if end is not None]
        if len(known) != len(ends) or dim % tensors[0].ndim != 1:
            raise ValueError(f"{self.name} joins tensors along other axes than the channels, or some that do not "
                             f"depend on its input, for which there is no layer")
        return known[0]._replace(node=self.add(Concatenation(tuple(map(self._readable, known)))), padding=())

    def flatten(self, input: Tensor, start_dim: int = 0, end_dim: int = -1) -> Recorded:
        """Units in one vector."""
        if start_dim % input.ndim != 1 or end_dim % input.ndim != input.ndim - 1:
            raise ValueError(f"{self.name} flattens the axes {start_dim} to {end_dim}, expected 1 to -1")
        return Recorded(self.padded(self._of(input)), is_flat=True)

    def reshape(self, input: Tensor, *shape: Any) -> Recorded:
        """Units in one vector, or the same shape."""
        sizes = tuple(shape[0]) if len(shape) == 1 and not isinstance(shape[0], int) else shape
        made = tuple(input.new_empty(input.shape).reshape(sizes).shape)
        if made == tuple(input.shape):
            return self._of(input)
        if len(made) != 2:
            raise ValueError(f"{self.name} gives a tensor the shape {list(sizes)}, expected (n, -1)")
        if made[0] != len(input):
            raise ValueError(f"{self.name} makes {made[0]} rows of each sample by the shape {list(sizes)}, expected "
                             f"one: use x.flatten(1), or x.reshape(len(x), -1)")
        return Recorded(self.padded(self._of(input)), is_flat=True)

    def same(self, input: Tensor, *_: Any, **__: Any) -> Recorded:
        """The tensor as it is, perhaps in another order of memory."""
        return self._of(input)

    def dropout(self, input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False) -> Recorded:
        """The tensor as it is: dropout in evaluation mode."""
        if training and p > 0:
            raise ValueError(f"{self.name} drops values at random also in evaluation mode, for which there is no "
                             f"layer: use nn.Dropout, or pass training=self.training, so that module.eval() ends it")
        return self._of(input)

    def pad(self, input: Tensor, pad: Sequence[int], mode: str = "constant", value: float | None = None) -> Recorded:
        """Zeros around an image; negative numbers cut places away."""
        source = self._image(input)
        n_sides = len(self._shapes[source.node].sides)
        if mode != "constant" or value not in (None, 0) or len(pad) > 2 * n_sides:
            raise ValueError(f"{self.name} pads otherwise than with zeros around places, for which there is no layer")
        ends = [(pad[i], pad[i + 1]) for i in range(0, len(pad), 2)]
        ends = [(0, 0)] * (n_sides - len(ends)) + ends[::-1]
        return Recorded(self.padded(source), tuple(ends))

    def zeros(self, input: Tensor, *size: Any, **_: Any) -> Recorded:
        """Zeros of a shape."""
        sizes = tuple(size[0]) if len(size) == 1 and not isinstance(size[0], int) else size
        return Recorded(self.add(Zeros(Shape(sizes[1], tuple(sizes[2:])))))

    def zeros_like(self, input: Tensor, **_: Any) -> Recorded:
        """Zeros of a tensor's shape."""
        return self.zeros(input, tuple(input.shape))

    def _readable(self, recorded: Recorded) -> int:
        """The node of a tensor whose channels are what torch takes for them."""
        return self.vector(recorded) if recorded.is_flat else self.padded(recorded)

    def _of(self, tensor: Tensor) -> Recorded:
        recorded = self.found(tensor)
        if recorded is None:
            raise ValueError(f"{self.name} computes with a tensor that does not depend on its input, for which there "
                             f"is no layer")
        return recorded

    def _image(self, tensor: Tensor) -> Recorded:
        recorded = self._of(tensor)
        if tensor.ndim != len(self._shapes[recorded.node].sides) + 2:
            raise ValueError(f"{self.name} reads places of a tensor of shape {tuple(tensor.shape[1:])} a sample, "
                             f"expected {self._shapes[recorded.node]}")
        return recorded


def array(tensor: Tensor) -> Doubles:
    """The values of a tensor in float64."""
    return np.asarray(tensor.detach().cpu().double().numpy())
