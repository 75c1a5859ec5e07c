"""snip: how the loss depends on each connection (Lee 2019, https://arxiv.org/abs/1810.02340). Higher is better."""

from __future__ import annotations

from torch import nn

from evonas.evaluation.proxies.networks import Batch, loss_gradients


def score(network: nn.Module, batch: Batch) -> float:
    """Sum of |g * w| over all weights."""
    layers, found = loss_gradients(network, batch)
    return float(sum((g * layer.weights).abs().sum() for layer, g in zip(layers, found, strict=True)))
