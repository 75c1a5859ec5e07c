"""Remedies against the collapse of a differentiable search into skip connections.

Skips help the training of the supernet itself, whatever the network that is wanted, so their logits outgrow the others.
"""

from __future__ import annotations

import torch
from torch import Tensor


def with_auxiliary_skip(arch: Tensor, skip: int | None, progress: float) -> Tensor:
    """Rows with ``1 - progress`` added to the skip: training needs no skip of the architecture's own (DARTS-).

    Chu 2020, https://arxiv.org/abs/2009.01027.

    Args:
        skip: Its column; None where there is no such operation, and nothing is added.
    """
    if skip is None:
        return arch
    auxiliary = torch.zeros(arch.shape[-1])
    auxiliary[skip] = 1.0 - progress
    return arch + auxiliary


def beta_decay(logits: Tensor) -> Tensor:
    """Mean over the rows of ``logsumexp(logits)``, to be added to the validation loss (beta-DARTS).

    It keeps the softmax from growing sharp before its time. Ye 2022, https://arxiv.org/abs/2203.01665.
    """
    return logits.logsumexp(-1).mean()
