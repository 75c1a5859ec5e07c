"""plain: snip with its signs (Mozer 1988, https://papers.nips.cc/paper/1988/hash/07e1cd7dca89a1678042477183b7ac3f-Abstract.html;
as a proxy in Abdelfattah 2021, https://arxiv.org/abs/2101.08134). Higher is better, as published.

Weights before a normalisation add nothing: the loss does not depend on their scale. Published scores of NAS-Bench-201
correlate negatively with accuracy (-.35 on CIFAR-10).
"""

from __future__ import annotations

from torch import nn

from evonas.evaluation.proxies.networks import Batch, loss_gradients


def score(network: nn.Module, batch: Batch) -> float:
    """Sum of g * w over all weights."""
    layers, found = loss_gradients(network, batch)
    return float(sum((g * layer.weights).sum() for layer, g in zip(layers, found, strict=True)))
