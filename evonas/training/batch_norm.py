"""BatchNorm in the form in which networks of convolutions are stored."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional


class Norm(nn.BatchNorm2d):
    """BatchNorm whose state is float32 only: its count of batches is not part of it.

    A single value a channel (one sample, a map of one pixel) has no variance: it is normalised by the statistics of
    other batches, as in evaluation mode, where BatchNorm refuses it.
    """

    def __init__(self, channels: int, *, affine: bool = True) -> None:
        super().__init__(channels, affine=affine)
        self.register_buffer("num_batches_tracked", torch.tensor(0), persistent=False)

    def learns_from(self, x: Tensor) -> bool:
        """Whether the statistics of images ``(n, channels, height, width)`` are taken: in training, if they have any.
        """
        return self.training and x.numel() > x.shape[1]

    def forward(self, x: Tensor) -> Tensor:
        """Images ``(n, channels, height, width)`` to the same."""
        if self.training and not self.learns_from(x):
            return functional.batch_norm(
                x, self.running_mean, self.running_var, self.weight, self.bias, training=False, eps=self.eps
            )
        return super().forward(x)

    def _load_from_state_dict(self, state_dict: Mapping[str, Any], *args: Any) -> None:
        nn.Module._load_from_state_dict(self, state_dict, *args)  # BatchNorm's own method requires the count
