"""naswot: how well patterns of active ReLUs tell samples apart (Mellor 2021, https://arxiv.org/abs/2006.04647). Higher
is better.
"""

from __future__ import annotations

import torch
from torch import nn

from evonas.evaluation.proxies.networks import Batch, active, log_determinant

#: Samples at most: fewer ReLUs than these cannot tell them all apart, and the determinant is 0 then.
MOST = 16


def score(network: nn.Module, batch: Batch) -> float:
    """ln det K, where K counts the ReLUs in which two samples agree."""
    x = batch.x[:MOST]
    K = torch.zeros(len(x), len(x), dtype=torch.float64)
    for pattern in active(network, x):
        on = pattern.float()
        K += (on @ on.t() + (1 - on) @ (1 - on).t()).double()
    return log_determinant(K)
