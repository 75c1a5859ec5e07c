"""synflow: flow from inputs to outputs along all paths (Tanaka 2020, https://arxiv.org/abs/2006.05467), as its
logarithm. Higher is better.
"""

from __future__ import annotations

import math

import torch
from torch import nn

from evonas.evaluation.proxies.networks import Batch, gradients, weight_layers, without_norms


def score(network: nn.Module, batch: Batch) -> float:
    """ln of the sum of |w * dR/dw|, R being the sum of the outputs for inputs of 1.

    The network has absolute weights and no normalisation, and is computed in float64.
    """
    network = network.double()
    without_norms(network)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.abs_()
    layers = weight_layers(network)
    ones = torch.ones(1, *batch.task.input_shape, dtype=torch.float64)
    found = gradients(network(ones).sum(), layers)
    total = float(sum((layer.weights * g).abs().sum() for layer, g in zip(layers, found, strict=True)))
    return math.log(total) if total > 0 else -math.inf
