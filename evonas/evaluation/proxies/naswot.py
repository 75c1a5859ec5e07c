"""naswot: how well patterns of active ReLUs distinguish samples (Mellor 2021, https://arxiv.org/abs/2006.04647). Higher
is better.
"""

from __future__ import annotations

import torch
from torch import nn

from evonas.evaluation.proxies.networks import Batch, active, log_determinant

#: Largest number of samples: fewer ReLUs than samples cannot distinguish them all, and the determinant is 0.
MOST = 16


def score(network: nn.Module, batch: Batch) -> float:
    """ln det K; K counts the ReLUs in which two samples agree."""
    x = batch.x[:MOST]
    K = torch.zeros(len(x), len(x), dtype=torch.float64)
    for pattern in active(network, x):
        on = pattern.float()
        K += (on @ on.t() + (1 - on) @ (1 - on).t()).double()
    return log_determinant(K)
