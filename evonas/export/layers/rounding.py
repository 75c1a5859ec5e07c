"""Weights of layers as a device stores them: float32, or int8 with one scale for each channel of the output."""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

import numpy as np

from evonas.capabilities.export import Precision
from evonas.capabilities.layers import Convolution, Layer, LayerGraph, Linear
from evonas.export.layers.folding import is_scale
from evonas.export.quantisation import Stored, StoredType, store

#: Type of weights in each precision; biases, and factors of channels alone, are float32.
TYPES: dict[Precision, StoredType] = {"float32": np.float32, "int8-weights": np.int8}


class Rounded(NamedTuple):
    """Layers with stored weights.

    Attributes:
        graph: The layers with the weights that are represented.
        weights: What is stored of each layer with weights, in the layer's own order, by its node.
    """

    graph: LayerGraph
    weights: dict[int, Stored]


def rounded(graph: LayerGraph, precision: Precision) -> Rounded:
    """Layers with rounded weights.

    Args:
        graph: The layers, with their scales folded.
        precision: Precision of the weights.

    Raises:
        ValueError: A parameter is not finite, or too large for float32.
    """
    weights: dict[int, Stored] = {}
    layers: list[Layer] = []
    for node, layer in enumerate(graph.layers, 1):
        if isinstance(layer, Convolution | Linear):
            for name, values in (("weights", layer.weights), ("biases", layer.bias)):
                if not (np.abs(values) <= np.finfo(np.float32).max).all():
                    raise ValueError(f"{name} of layer {node} hold values that are not finite")
            own = np.float32 if is_scale(layer, graph.shapes[layer.source]) else TYPES[precision]
            n_channels = len(layer.bias)
            group = np.repeat(np.arange(n_channels), layer.weights.size // n_channels)
            weights[node] = store(layer.weights.ravel(), group, n_channels, own)
            layer = replace(
                layer, weights=weights[node].worth.reshape(layer.weights.shape),
                bias=layer.bias.astype(np.float32).astype(np.float64),
            )
        layers.append(layer)
    return Rounded(replace(graph, layers=tuple(layers)), weights)
