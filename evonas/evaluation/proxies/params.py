"""params: number of trained parameters, the baseline of all proxies (as in White 2022,
https://openreview.net/forum?id=E4p3r1uGMa). Higher is better.
"""

from __future__ import annotations

from torch import nn

from evonas.evaluation.proxies.networks import Batch


def score(network: nn.Module, batch: Batch) -> float:
    """Number of trained parameters."""
    return float(sum(p.numel() for p in network.parameters() if p.requires_grad))
