"""A network between values in the data's own units."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from evonas.data.samples import Scaling


class InDataUnits(nn.Module):
    """Normalises inputs, runs the network, and undoes the normalisation of regression targets.

    Args:
        network: Maps normalised inputs to logits or standardised targets.
        scaling: Its ``mean`` and ``std`` broadcast over one sample.
    """

    mean: Tensor
    std: Tensor
    target_mean: Tensor

    def __init__(self, network: nn.Module, scaling: Scaling) -> None:
        super().__init__()
        self.network = network
        self.target_std = scaling.target_std
        for name in ("mean", "std", "target_mean"):
            self.register_buffer(name, torch.tensor(getattr(scaling, name), dtype=torch.float32))

    def forward(self, x: Tensor) -> Tensor:
        """Outputs ``(n, n_outputs)`` of samples ``(n, *input_shape)`` of any real dtype."""
        outputs: Tensor = self.network((x.to(self.mean.dtype) - self.mean) / self.std)
        return outputs * self.target_std + self.target_mean
