"""swap: number of different patterns of samples among all ReLUs (Peng 2024, https://arxiv.org/abs/2403.04161). Higher
is better.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import nn

from evonas.evaluation.proxies.networks import Batch, active

#: Number of samples in a pattern: each is a bit of a whole number.
MOST = 32


def score(network: nn.Module, batch: Batch) -> float:
    """The number of different columns of the signs of ReLU outputs ``(n, n_units)``."""
    powers = 2 ** torch.arange(len(batch.x[:MOST]))
    codes = [powers @ pattern.long() for pattern, _ in active(network, batch.x[:MOST])]
    return float(len(np.unique(torch.cat(codes).numpy())))
