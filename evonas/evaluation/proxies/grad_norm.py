"""grad_norm: the sum over layers of the norm of the loss gradient (Abdelfattah 2021,
https://arxiv.org/abs/2101.08134). Higher is better.
"""

from __future__ import annotations

from torch import nn

from evonas.evaluation.proxies.networks import Batch, loss_gradients


def score(network: nn.Module, batch: Batch) -> float:
    """Sum of ||g_l||."""
    _, found = loss_gradients(network, batch)
    return float(sum(g.norm() for g in found))
