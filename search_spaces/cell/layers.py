"""Networks of cells as layers (see :mod:`evonas.capabilities.layers`): each module of the phenotype is translated into
the layers that its ``forward`` computes.

BatchNorm is folded, with its running statistics, into the convolution before it; after pooling it is a depthwise 1x1
convolution.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from torch import Tensor, nn

from evonas.capabilities.layers import (
    Addition,
    AveragePool,
    Concatenation,
    Convolution,
    GlobalAverage,
    Layer,
    LayerGraph,
    Linear,
    MaxPool,
    Relu,
    Shape,
    Window,
    Zeros,
)
from evonas.types import Doubles
from search_spaces.cell.network import Cell, Network
from search_spaces.cell.operations import Halve, Residual

#: Window of a 1x1 convolution.
POINT = Window((1, 1), (1, 1), ((0, 0), (0, 0)), (1, 1))


def layers_of(network: Network, input_shape: tuple[int, ...]) -> LayerGraph:
    """Return the layers that a network computes in evaluation mode for images ``(channels, height, width)``."""
    builder = _Builder(Shape(input_shape[0], input_shape[1:]))
    x = builder.module(network.stem, 0)
    x = _stages(builder, network, x) if network.layout.set.skeleton == "nasbench201" else _cells(builder, network, x)
    weight, bias = (_array(value) for value in (network.classifier.weight, network.classifier.bias))
    builder.add(Linear(builder.add(GlobalAverage(x)), weight, bias))
    return LayerGraph(builder.input, tuple(builder.layers))


def _cells(builder: _Builder, network: Network, x: int) -> int:
    before = last = builder.relu(x)
    for index, cell in enumerate(network.cells):
        x = _cell(builder, cell, (before, last), index)
        if index + 1 < len(network.cells):
            before, last = last, builder.relu(x)
    return x


def _stages(builder: _Builder, network: Network, x: int) -> int:
    for index, cell in enumerate(network.cells):
        if str(index) in network.residuals:
            x = builder.module(network.residuals[str(index)], x)
        x = _cell(builder, cell, (x,), index)
    return builder.relu(builder.module(network.last_norm, x))


def _cell(builder: _Builder, cell: nn.Module, inputs: Sequence[int], index: int) -> int:
    """Add the layers of a cell and return its output node.

    Args:
        builder: Gets the layers.
        cell: The cell.
        inputs: Nodes that enter the cell.
        index: Place of the cell in the network.
    """
    assert isinstance(cell, Cell)
    states = [builder.module(entry, x) for entry, x in zip(cell.entries, inputs, strict=False)] or [*inputs]
    for into in cell.into:
        ends = []
        for _, source, candidates in into:
            for candidate in candidates:
                x = builder.relu(states[source]) if candidate.rectifies else states[source]
                operation = cell.layout.set.names[candidate.column]
                ends.append(builder.module(candidate.module, x, name=f"{operation} of cell {index}"))
        states.append(builder.sum(ends) if ends else builder.add(Zeros(_shape(cell))))
    if cell.layout.set.skeleton == "darts":
        return builder.add(Concatenation(tuple(states[cell.layout.set.n_inputs :])))
    return states[-1]


def _shape(cell: Cell) -> Shape:
    nodes = cell.place.nodes
    return Shape(nodes.channels, nodes.size)


@dataclass(eq=False)
class _Builder:
    """Layers added so far; nodes are named by their index, and 0 is the input."""

    input: Shape
    layers: list[Layer] = field(default_factory=list)
    _rectified: dict[int, int] = field(default_factory=dict)

    def add(self, layer: Layer) -> int:
        self.layers.append(layer)
        return len(self.layers)

    def sum(self, nodes: Sequence[int]) -> int:
        return nodes[0] if len(nodes) == 1 else self.add(Addition(tuple(nodes)))

    def relu(self, x: int) -> int:
        """Return the ReLU of a node, which is computed once and shared."""
        if x and isinstance(self.layers[x - 1], Relu):
            return x
        if x not in self._rectified:
            self._rectified[x] = self.add(Relu(x))
        return self._rectified[x]

    def module(self, module: nn.Module, x: int, *, name: str = "") -> int:
        """Add the layers of a module that is not a cell, and return the output node.

        Args:
            module: The module.
            x: Its input node.
            name: Name of the module in messages.

        Raises:
            TypeError: No layers are known for the module.
        """
        match module:
            case nn.Sequential():
                for part in module:
                    x = self.module(part, x, name=name)
                return x
            case nn.Identity():
                return x
            case nn.ReLU():
                return self.relu(x)
            case nn.Conv2d():
                return self.add(_convolution(module, x))
            case nn.BatchNorm2d():
                return self._scale(x, *_scale_and_shift(module))
            case nn.MaxPool2d():
                return self.add(MaxPool(x, _window(module), name))
            case nn.AvgPool2d():
                return self.add(AveragePool(x, _with_remainder(module), counts_padding=module.count_include_pad))
            case Halve():
                return self._halve(module, x)
            case Residual():
                return self.sum([self.module(part, x) for part in (module.body, module.shortcut)])
        raise TypeError(f"no layers are known for {type(module).__name__}")

    def _scale(self, x: int, scale: Doubles, shift: Doubles) -> int:
        """Add ``x * scale + shift`` for each channel and return the output node.

        If the layer that gives ``x`` is a convolution and the last layer, it is scaled in place, since no other layer
        has read it yet.

        Args:
            x: The input node.
            scale: Factors, ``(channels,)``.
            shift: Summands, ``(channels,)``.
        """
        last = self.layers[-1] if self.layers else None
        if x == len(self.layers) and isinstance(last, Convolution):
            self.layers[-1] = _scaled(last, scale, shift)
            return x
        return self.add(Convolution(x, POINT, scale.reshape(-1, 1, 1, 1), shift, groups=len(scale)))

    def _halve(self, module: Halve, x: int) -> int:
        scale, shift = _scale_and_shift(module.norm)
        n_even = module.even.out_channels
        even = _scaled(_convolution(module.even, x), scale[:n_even], shift[:n_even])
        odd = _scaled(_convolution(module.odd, x), scale[n_even:], shift[n_even:])
        shifted = replace(odd.window, padding=((-1, 1), (-1, 1)))  # an odd side is padded with zeros
        return self.add(Concatenation((self.add(even), self.add(replace(odd, window=shifted)))))


def _scaled(convolution: Convolution, scale: Doubles, shift: Doubles) -> Convolution:
    weights = convolution.weights * scale.reshape(-1, *(1,) * (convolution.weights.ndim - 1))
    return replace(convolution, weights=weights, bias=convolution.bias * scale + shift)


def _scale_and_shift(norm: nn.BatchNorm2d) -> tuple[Doubles, Doubles]:
    """Return the factors and summands of BatchNorm in evaluation mode, ``(channels,)`` each."""
    assert norm.running_mean is not None
    assert norm.running_var is not None
    mean, variance = _array(norm.running_mean), _array(norm.running_var)
    scale = (1.0 if norm.weight is None else _array(norm.weight)) / np.sqrt(variance + norm.eps)
    return scale, (0.0 if norm.bias is None else _array(norm.bias)) - mean * scale


def _convolution(module: nn.Conv2d, x: int) -> Convolution:
    bias = np.zeros(module.out_channels) if module.bias is None else _array(module.bias)
    return Convolution(x, _window(module), _array(module.weight), bias, module.groups)


def _window(module: nn.Conv2d | nn.MaxPool2d | nn.AvgPool2d) -> Window:
    kernel, stride, padding, dilation = (
        _pair(getattr(module, name, 1)) for name in ("kernel_size", "stride", "padding", "dilation")
    )
    return Window(kernel, stride, tuple((p, p) for p in padding), dilation)


def _with_remainder(module: nn.AvgPool2d) -> Window:
    """Return the window of an average pool; in ceil mode it extends past the last whole window."""
    window = _window(module)
    if not module.ceil_mode:
        return window
    padding = [(before, before + stride - 1) for (before, _), stride in zip(window.padding, window.stride, strict=True)]
    return replace(window, padding=tuple(padding))


def _pair(value: Any) -> tuple[int, int]:
    return (value, value) if isinstance(value, int) else tuple(value)


def _array(tensor: Tensor) -> Doubles:
    return tensor.detach().numpy().astype(np.float64)
