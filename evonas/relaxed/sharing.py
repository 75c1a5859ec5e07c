"""Weight sharing without relaxation: paths through a supernet, and what a path is worth.

SPOS (Guo 2019, https://arxiv.org/abs/1904.00420) and FairNAS (Chu 2019, https://arxiv.org/abs/1907.01845). A path is
one operation a row: columns of ``arch``, shape ``(n_choices,)``.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import torch
from torch import Tensor, nn

from evonas.types import Floats, Ints


def uniform_path(n_choices: int, n_operations: int, rng: np.random.Generator) -> Ints:
    """Every operation of every row with equal probability (SPOS)."""
    return rng.integers(n_operations, size=n_choices)


def fair_paths(n_choices: int, n_operations: int, rng: np.random.Generator) -> Ints:
    """Paths of one training step, ``(n_operations, n_choices)``: of every row each operation once (FairNAS)."""
    ordered = np.tile(np.arange(n_operations), (n_choices, 1))
    return rng.permuted(ordered, axis=1).T


def one_hot(path: Ints, n_operations: int) -> Floats:
    """Rows of ``arch`` that run a path, ``(n_choices, n_operations)``."""
    return np.eye(n_operations, dtype=np.float32)[path]


@torch.no_grad()
def recalibrate(supernet: nn.Module, arch: Tensor, batches: Iterable[Tensor]) -> None:
    """Statistics of BatchNorm, in place, for one architecture: those that training left behind are of all paths.

    Args:
        arch: Shape ``(n_choices, n_operations)``.
        batches: Inputs, the more the better; the statistics are their mean.
    """
    norms = [m for m in supernet.modules() if isinstance(m, nn.modules.batchnorm._BatchNorm)]
    momenta = [norm.momentum for norm in norms]
    was_training = supernet.training
    supernet.eval()
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum = None  # the mean over all batches, not an exponential one
        norm.train()
    for batch in batches:
        supernet(batch, arch)
    for norm, momentum in zip(norms, momenta, strict=True):
        norm.momentum = momentum
    supernet.train(was_training)
