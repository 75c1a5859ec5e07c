"""epe_nas: correlation of the gradients at the inputs among the samples of a class (Lopes 2021,
https://arxiv.org/abs/2102.08099). Higher is better. For classification only.
"""

from __future__ import annotations

from torch import nn

from evonas.evaluation.proxies.networks import Batch, correlations, input_gradients

#: Constant k that keeps the logarithm finite.
K = 1e-5


def score(network: nn.Module, batch: Batch) -> float:
    """Sum over classes of |sum of ln(|correlation| + k) over pairs of samples|."""
    found = input_gradients(network, batch)
    rows = (found[batch.y == label] for label in range(batch.task.n_outputs))
    classes = (correlations(of_class) for of_class in rows if len(of_class))
    return float(sum((c.abs() + K).log().sum().abs() for c in classes))
