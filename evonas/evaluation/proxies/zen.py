"""zen: how far features move with a small change of random inputs, under random weights (Lin 2021,
https://arxiv.org/abs/2102.01063). Higher is better.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from evonas.evaluation.proxies.networks import NORMS, Batch, drawn_again, features, heard

#: Number of draws of weights and inputs, number of inputs per draw, and size of the change.
REPEATS, SAMPLES, CHANGE = 32, 16, 0.01


def score(network: nn.Module, batch: Batch) -> float:
    """Mean over draws of ln mean ||f(x) - f(x + .01 e)||_1 plus 1/2 ln of the mean variance before each norm.

    f are the last features; x, e and the weights are normally distributed. The variances cancel the effect of the norms
    on the scale.
    """
    generator = batch.generator
    return float(torch.stack([_drawn_score(network, batch, generator) for _ in range(REPEATS)]).mean())


def _drawn_score(network: nn.Module, batch: Batch, generator: torch.Generator) -> Tensor:
    drawn_again(network, generator, kaiming=False)
    x, e = torch.randn(2, SAMPLES, *batch.task.input_shape, generator=generator)
    norms = [module for module in network.modules() if isinstance(module, NORMS)]
    variances: list[Tensor] = []
    with torch.no_grad():
        with heard(norms, lambda z, _: variances.append(_variance(z))):
            still = features(network, x)[-1]
        moved = features(network, x + CHANGE * e)[-1]
    distance = (still - moved).abs().flatten(1).sum(1).mean().double()
    return distance.log() + sum(variance.double().log() / 2 for variance in variances)


def _variance(z: Tensor) -> Tensor:
    """Mean variance of the channels of images ``(n, channels, ...)``; for layers of neurons, of each sample."""
    return z.var([0, *range(2, z.ndim)], unbiased=False).mean() if z.ndim > 2 else z.var(1, unbiased=False).mean()
