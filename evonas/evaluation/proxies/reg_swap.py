"""reg_swap: swap with a preference for a size (Peng 2024, https://arxiv.org/abs/2403.04161), as its logarithm, since
the preference itself underflows quickly. Higher is better.
"""

from __future__ import annotations

import math

from torch import nn

from evonas.evaluation.proxies import params, swap
from evonas.evaluation.proxies.networks import Batch

#: Preferred number of parameters in thousands, and width of the preference: those of the authors' searches for small
#: networks.
MU, SIGMA = 40.0, 40.0


def score(network: nn.Module, batch: Batch, *, mu: float = MU, sigma: float = SIGMA) -> float:
    """ln of swap * exp(-(size - mu)^2 / sigma), the size being thousands of parameters.

    Args:
        network: The network.
        batch: The samples.
        mu: Preferred size.
        sigma: Width of the preference.
    """
    size = params.score(network, batch) / 1000
    return math.log(swap.score(network, batch)) - (size - mu) ** 2 / sigma
