"""naswot: how well patterns of active ReLUs distinguish samples (Mellor 2021, https://arxiv.org/abs/2006.04647). Higher
is better.
"""

from __future__ import annotations

import torch
from torch import nn

from evonas.evaluation.proxies.networks import Batch, active, log_determinant

#: Largest number of samples: the published batch.
MOST = 128


def score(network: nn.Module, batch: Batch) -> float:
    """ln det K; K counts the ReLUs in which two samples agree, each as often as there are operations behind it.

    Fewer ReLUs than samples, as small networks have, cannot tell all of them apart: K is singular, and the score counts
    above all how many they do, see :func:`evonas.evaluation.proxies.networks.log_determinant`. A network whose ReLUs
    are the same for all samples has no score.
    """
    x = batch.x[:MOST]
    K = torch.zeros(len(x), len(x), dtype=torch.float64)
    for pattern, n_uses in active(network, x):
        on = pattern.float()
        K += n_uses * (on @ on.t() + (1 - on) @ (1 - on).t()).double()
    return log_determinant(K)
