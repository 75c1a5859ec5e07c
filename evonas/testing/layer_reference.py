"""Outputs of layers, by torch: the reference for spaces that give layers and for those that take them."""

from __future__ import annotations

from math import prod

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

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
    Window,
    Zeros,
)
from evonas.types import Doubles, Floats


def outputs_of(graph: LayerGraph, x: Floats) -> Doubles:
    """Outputs ``(n, channels)`` of samples ``(n, *input)``, in float64."""
    nodes = [torch.from_numpy(x.reshape(len(x), graph.input.channels, *graph.input.sides).astype(np.float64))]
    for layer, shape in zip(graph.layers, graph.shapes[1:], strict=True):
        y = _outputs(layer, nodes)
        assert tuple(y.shape[1:]) == (shape.channels, *shape.sides), (layer, y.shape, shape)
        nodes.append(y)
    outputs: Doubles = nodes[-1].flatten(1).numpy()
    return outputs


def _outputs(layer: Layer, nodes: list[Tensor]) -> Tensor:
    match layer:
        case Addition():
            return torch.stack([nodes[source] for source in layer.sources]).sum(dim=0)
        case Concatenation():
            return torch.cat([nodes[source] for source in layer.sources], dim=1)
        case Zeros():
            return torch.zeros(len(nodes[0]), layer.shape.channels, *layer.shape.sides, dtype=torch.float64)
    x = nodes[layer.source]
    match layer:
        case Relu():
            return x.relu()
        case GlobalAverage():
            return x.mean(dim=tuple(range(2, x.ndim)), keepdim=True)
        case Linear():
            y = functional.linear(x.flatten(1), torch.from_numpy(layer.weights), torch.from_numpy(layer.bias))
            return y.reshape(*y.shape, *(1,) * (x.ndim - 2))
        case Convolution():
            convolve = functional.conv1d if x.ndim == 3 else functional.conv2d
            window = layer.window
            return convolve(
                _padded(x, window, 0.0), torch.from_numpy(layer.weights), torch.from_numpy(layer.bias),
                stride=window.stride, dilation=window.dilation, groups=layer.groups,
            )
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
    weights = torch.full((x.shape[1], 1, *window.kernel), weight, dtype=torch.float64)
    return convolve(
        _padded(x, window, 0.0), weights, stride=window.stride, dilation=window.dilation, groups=x.shape[1]
    )
