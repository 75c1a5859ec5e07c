"""l2_norm: the sum over layers of the norm of the fresh weights, a baseline without data (Abdelfattah 2021,
https://arxiv.org/abs/2101.08134). Higher is better.
"""

from __future__ import annotations

from torch import nn

from evonas.evaluation.proxies.networks import Batch, weight_layers


def score(network: nn.Module, batch: Batch) -> float:
    """Sum of ||w_l||."""
    return float(sum(layer.weights.norm() for layer in weight_layers(network)))
