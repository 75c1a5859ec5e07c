"""reg_swap: swap with a preference for a size (Peng 2024, https://arxiv.org/abs/2403.04161), as its logarithm, since
the preference itself underflows quickly. Higher is better.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from torch import nn

from evonas.evaluation.proxies import params, swap
from evonas.evaluation.proxies.networks import Batch

#: Published for searches of cells on CIFAR-10, whose networks are scored with few channels: preferred thousands of
#: parameters, and width of the preference. For NAS-Bench-201 no values are published.
PUBLISHED = (40.0, 40.0)
#: Width of the preference by the space, as a share of the square of the preferred size. On 39 networks of
#: NAS-Bench-201 and CIFAR-10, Spearman's correlation with the accuracy is .86, .86, .87, .81, .77 for shares of .03,
#: .1, .3, 1, 3, and -.85 for the published values (the authors report .88).
WIDTH = 0.3


def sizes_of(params: Sequence[float]) -> tuple[float, float]:
    """Preference for a space: the largest of some of its networks, and a width by which all sizes matter.

    Args:
        params: Numbers of parameters of random networks of the space.
    """
    largest = max(params) / 1000
    return largest, WIDTH * largest**2


def score(network: nn.Module, batch: Batch, *, mu: float | None = None, sigma: float | None = None) -> float:
    """ln of swap * exp(-(size - mu)^2 / sigma), the size being thousands of parameters.

    Args:
        network: The network.
        batch: The samples.
        mu: Preferred size; None is the batch's, or the published one.
        sigma: Width of the preference; None likewise.
    """
    preferred, width = batch.sizes or PUBLISHED
    size = params.score(network, batch) / 1000
    distance = size - (preferred if mu is None else mu)
    return math.log(swap.score(network, batch)) - distance**2 / (width if sigma is None else sigma)
