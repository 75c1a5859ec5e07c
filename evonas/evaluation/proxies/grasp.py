"""grasp: how the norm of the gradient would change with each connection (Wang 2020,
https://arxiv.org/abs/2002.07376). Higher is better, with the sign of Abdelfattah 2021 (https://arxiv.org/abs/2101.08134).
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from evonas.evaluation.proxies.networks import Batch, gradients, weight_layers


def score(network: nn.Module, batch: Batch) -> float:
    """Minus the sum of w * (H g), H being the Hessian of the loss."""
    layers = weight_layers(network)
    found = gradients(batch.loss(network(batch.x)), layers, create_graph=True)
    along = torch.stack([(g.detach() * g).sum() for g in found]).sum()
    products: list[Tensor] = gradients(along, layers)
    return -float(sum((layer.weights * product).sum() for layer, product in zip(layers, products, strict=True)))
