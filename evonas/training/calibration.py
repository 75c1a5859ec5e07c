"""Statistics of BatchNorm for a network whose weights were inherited or shared, computed before it is measured."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor, nn

#: Number of samples in a batch, and in all batches from which statistics are computed.
BATCH, MOST = 250, 1000


def batches_of(x: Tensor) -> list[tuple[Tensor]]:
    """The first :data:`MOST` samples as arguments of a network, for :func:`recalibrate`."""
    return [(batch,) for batch in torch.split(x[:MOST], BATCH) if len(batch) > 1]


@torch.no_grad()
def recalibrate(module: nn.Module, inputs: Iterable[tuple[Tensor, ...]]) -> None:
    """Set the statistics of BatchNorm, in place, to their mean over batches; all else is in evaluation mode meanwhile.

    The statistics left by training belong to other paths through a supernet, or to other weights.

    Args:
        module: The network.
        inputs: Arguments of the module, one tuple per batch of at least two samples.
    """
    norms = [m for m in module.modules() if isinstance(m, nn.modules.batchnorm._BatchNorm)]
    momenta = [norm.momentum for norm in norms]
    was_training = module.training
    module.eval()
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum = None  # the mean over all batches, not an exponential one
        norm.train()
    for arguments in inputs:
        module(*arguments)
    for norm, momentum in zip(norms, momenta, strict=True):
        norm.momentum = momentum
    module.train(was_training)
