"""BatchNorm as networks of convolutions are stored with it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import nn


class Norm(nn.BatchNorm2d):
    """BatchNorm whose state is float32 only: its count of batches is not part of it."""

    def __init__(self, channels: int, *, affine: bool = True) -> None:
        super().__init__(channels, affine=affine)
        self.register_buffer("num_batches_tracked", torch.tensor(0), persistent=False)

    def _load_from_state_dict(self, state_dict: Mapping[str, Any], *args: Any) -> None:
        nn.Module._load_from_state_dict(self, state_dict, *args)  # BatchNorm's own demands the count
