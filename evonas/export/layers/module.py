"""Layers as a module of torch."""

from __future__ import annotations

from math import prod

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

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
    Window,
    Zeros,
)


class LayerModule(nn.Module):
    """The function of a graph of layers; weights and biases are parameters.

    Args:
        graph: The layers.
        dtype: Type of the parameters, and of the samples.
    """

    def __init__(self, graph: LayerGraph, dtype: torch.dtype = torch.float32) -> None:
        super().__init__()
        self.graph = graph
        self.parameters_of = nn.ModuleDict({
            str(index): nn.ParameterList([
                nn.Parameter(torch.from_numpy(np.ascontiguousarray(values)).to(dtype), requires_grad=False)
                for values in (layer.weights, layer.bias)
            ])
            for index, layer in enumerate(graph.layers) if isinstance(layer, Convolution | Linear)
        })

    def forward(self, x: Tensor) -> Tensor:
        """Outputs ``(n, n_outputs)`` of normalised samples ``(n, *input_shape)``."""
        nodes = [x.reshape(len(x), self.graph.input.channels, *self.graph.input.sides)]
        for index, (layer, shape) in enumerate(zip(self.graph.layers, self.graph.shapes[1:], strict=True)):
            y = self._outputs(index, layer, nodes)
            assert tuple(y.shape[1:]) == (shape.channels, *shape.sides), (layer, y.shape, shape)
            nodes.append(y)
        return nodes[-1].flatten(1)

    def _outputs(self, index: int, layer: Layer, nodes: list[Tensor]) -> Tensor:
        match layer:
            case Addition():
                return torch.stack([nodes[source] for source in layer.sources]).sum(dim=0)
            case Concatenation():
                return torch.cat([nodes[source] for source in layer.sources], dim=1)
            case Zeros():
                return nodes[0].new_zeros(len(nodes[0]), layer.shape.channels, *layer.shape.sides)
        x = nodes[layer.source]
        match layer:
            case Relu():
                return x.relu()
            case Clip():
                return x.clamp(layer.least, layer.most)
            case Flatten():
                return x.reshape(len(x), -1, *(1,) * (x.ndim - 2))
            case GlobalAverage():
                return x.mean(dim=tuple(range(2, x.ndim)), keepdim=True) if x.ndim > 2 else x
            case Convolution() | Linear():
                return self._weighted(index, layer, x)
            case AveragePool():
                total = _pooled(layer.window, x, 1.0)
                if layer.counts_padding:
                    return total / prod(layer.window.kernel)
                return total / _pooled(layer.window, torch.ones_like(x), 1.0)
            case MaxPool():
                pool = functional.max_pool1d if x.ndim == 3 else functional.max_pool2d
                window = layer.window
                return pool(_padded(x, window, -torch.inf), window.kernel, window.stride, 0, window.dilation)
        raise AssertionError(layer)

    def _weighted(self, index: int, layer: Convolution | Linear, x: Tensor) -> Tensor:
        parameters = self.parameters_of[str(index)]
        assert isinstance(parameters, nn.ParameterList)
        weights, bias = parameters
        if isinstance(layer, Linear):
            y = functional.linear(x.flatten(1), weights, bias)
            return y.reshape(*y.shape, *(1,) * (x.ndim - 2))
        if x.ndim == 2:  # features without places: one place
            return functional.conv1d(x[..., None], weights[..., None], bias, groups=layer.groups)[..., 0]
        convolve, window = functional.conv1d if x.ndim == 3 else functional.conv2d, layer.window
        return convolve(
            _padded(x, window, 0.0), weights, bias, stride=window.stride, dilation=window.dilation, groups=layer.groups
        )


def _padded(x: Tensor, window: Window, value: float) -> Tensor:
    return functional.pad(x, [end for padding in reversed(window.padding) for end in padding], value=value)


def _pooled(window: Window, x: Tensor, weight: float) -> Tensor:
    """Weighted sums over windows.

    Args:
        window: The windows.
        x: Input, ``(n, channels, *places)``.
        weight: Weight of each value.
    """
    convolve = functional.conv1d if x.ndim == 3 else functional.conv2d
    weights = torch.full((x.shape[1], 1, *window.kernel), weight, dtype=x.dtype)
    return convolve(
        _padded(x, window, 0.0), weights, stride=window.stride, dilation=window.dilation, groups=x.shape[1]
    )
