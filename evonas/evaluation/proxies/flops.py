"""flops: FLOPs per sample, 2 for each multiplication by a weight, the other baseline (Ning 2021,
https://arxiv.org/abs/2008.03064). Higher is better.
"""

from __future__ import annotations

import torch
from torch import nn

from evonas.evaluation.proxies.networks import Batch, weight_layers, weighted_sums


def score(network: nn.Module, batch: Batch) -> float:
    """Number of FLOPs per sample of all layers that run."""
    with torch.no_grad(), weighted_sums(weight_layers(network)) as found:
        network(batch.x[:2])
    return sum(2.0 * sums[0, 0].numel() * float(layer.fan_in.sum()) for layer, sums in found)
