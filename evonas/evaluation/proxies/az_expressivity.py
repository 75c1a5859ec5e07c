"""az_expressivity: how evenly the features of every layer use their channels (Lee 2024,
https://arxiv.org/abs/2403.19232). Higher is better.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from evonas.evaluation.proxies.networks import Batch, drawn_again, features


def score(network: nn.Module, batch: Batch) -> float:
    """Sum of the entropies of the layers' features."""
    return float(entropies(network, batch).sum())


def entropies(network: nn.Module, batch: Batch) -> Tensor:
    """Entropies of the eigenvalues of the covariance of each layer's channels, normalised to sum 1, ``(n_layers,)``.

    Weights are drawn anew in place, inputs are normally distributed.
    """
    drawn_again(network, batch.generator, kaiming=True)
    with torch.no_grad():
        found = [_entropy(y) for y in features(network, batch.noise(len(batch.x)))]
    return torch.stack(found)


def _entropy(y: Tensor) -> Tensor:
    """Entropy of features ``(n, channels, ...)``."""
    rows = y.movedim(1, -1).reshape(-1, y.shape[1]).double()
    rows = rows - rows.mean(0)
    values = torch.linalg.eigvalsh(rows.t() @ rows / len(rows)).clamp(min=0)
    shares = values / values.sum()
    entropy: Tensor = -(shares * (shares + 1e-8).log()).sum()
    return entropy
