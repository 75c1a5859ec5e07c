"""jacob_cov: how differently a network responds to changes of different samples (Mellor 2020, first version of
https://arxiv.org/abs/2006.04647). Higher is better.
"""

from __future__ import annotations

import torch
from torch import nn

from evonas.evaluation.proxies.networks import Batch, correlations, input_gradients

#: Constant k that keeps logarithm and quotient finite.
K = 1e-5


def score(network: nn.Module, batch: Batch) -> float:
    """Minus the sum of ln(v + k) + 1 / (v + k), v being eigenvalues of the correlation of the samples' gradients."""
    v = torch.linalg.eigvalsh(correlations(input_gradients(network, batch)).nan_to_num(nan=torch.inf))
    return -float(((v + K).log() + 1 / (v + K)).sum())
