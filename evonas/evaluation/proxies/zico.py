"""zico: mean over deviation of gradients from batch to batch (Li 2023, https://arxiv.org/abs/2301.11300). Higher is
better.
"""

from __future__ import annotations

import torch
from torch import nn

from evonas.evaluation.proxies.networks import Batch, loss_gradients


def score(network: nn.Module, batch: Batch) -> float:
    """Sum over layers of ln(sum over weights of mean |g| / deviation of g), over two halves of the batch.

    Weights whose gradient does not differ, and layers of such weights, are left out.
    """
    halves = [loss_gradients(network, half)[1] for half in batch.halves()]
    total = 0.0
    for pair in zip(*halves, strict=True):
        g = torch.stack(pair)
        deviation = g.std(0, unbiased=False)
        differing = deviation > 0
        if differing.any():
            total += float((g.abs().mean(0)[differing] / deviation[differing]).sum().log())
    return total
