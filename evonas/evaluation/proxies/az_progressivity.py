"""az_progressivity: how much every layer adds to the expressivity of the features (Lee 2024,
https://arxiv.org/abs/2403.19232). Higher is better.
"""

from __future__ import annotations

from torch import nn

from evonas.evaluation.proxies.az_expressivity import entropies
from evonas.evaluation.proxies.networks import Batch, Unfit


def score(network: nn.Module, batch: Batch) -> float:
    """The smallest increase of the entropy from one layer's features to those of the next.

    Raises:
        Unfit: The network has less than two layers with features.
    """
    found = entropies(network, batch)
    if len(found) < 2:
        raise Unfit("it has no two layers with features")
    return float(found.diff().min())
