"""fisher: the change of the loss if a channel is removed (Turner 2020, https://arxiv.org/abs/1906.04113; as a proxy in
Abdelfattah 2021, https://arxiv.org/abs/2101.08134). Higher is better.
"""

from __future__ import annotations

import torch
from torch import nn

from evonas.evaluation.proxies.networks import Batch, weight_layers, weighted_sums


def score(network: nn.Module, batch: Batch) -> float:
    """Half the mean over samples of (sum of a * dL/da over a channel's pixels) squared, a being weighted sums.

    A channel counts once for each weight into it, as in the published scores.
    """
    with weighted_sums(weight_layers(network)) as found:
        loss = batch.loss(network(batch.x))
    gradients = torch.autograd.grad(loss, [a for _, a in found], allow_unused=True)
    total = 0.0
    for (layer, a), g in zip(found, gradients, strict=True):
        if g is not None:
            product = (a.detach() * g).flatten(1).view(len(a), a.shape[1], -1).sum(2)
            total += float((product.square().mean(0) / 2 * layer.fan_in).sum())
    return total
