"""Modules for use: a network with inputs and outputs in the data's own units, and several networks as one."""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from evonas.data.samples import LARGEST_LOSS, Scaling
from evonas.export.data_units import lossy_columns


class InDataUnits(nn.Module):
    """Normalisation of inputs, the network, and inversion of the normalisation of regression targets.

    Both conversions are computed in float64 (in float32 on devices without it), regardless of the type of the network,
    which alone ``float()``, ``double()`` and ``half()`` change. Inputs should be given as they are, integers or
    float64: beside a large offset float32 has no room for the deviations. For the same reason predictions of targets
    far from 0 are float64. A warning names the columns that inputs of fewer bits cannot hold.

    Args:
        network: Maps normalised inputs to logits or standardised targets.
        scaling: Scaling whose ``mean`` and ``std`` broadcast over one sample, as does ``fill``, which replaces NaN.
    """

    def __init__(self, network: nn.Module, scaling: Scaling) -> None:
        super().__init__()
        self.network = network
        # Not buffers, which would be rounded with the network.
        self._mean, self._std, self._target_mean, self._target_std = (
            torch.tensor(value, dtype=torch.float64)
            for value in (scaling.mean, scaling.std, scaling.target_mean, scaling.target_std)
        )
        self._fill = None if scaling.fill is None else torch.tensor(scaling.fill, dtype=torch.float64)
        self._is_regression = (scaling.target_mean, scaling.target_std) != (0.0, 1.0)
        self._gives_doubles = bool((scaling.float32_target_losses > LARGEST_LOSS).any())
        self._lossy = lossy_columns(scaling)

    def forward(self, x: Tensor) -> Tensor:
        """Outputs ``(n, n_outputs)`` of samples ``(n, *input_shape)`` of any real dtype."""
        if self._lossy and x.is_floating_point() and x.dtype != torch.float64:
            warnings.warn(f"inputs are {x.dtype}, and have lost deviations of {self._lossy}: give float64, or the "
                          f"integers that they were", stacklevel=2)
        parameter = next(self.network.parameters(), self._mean)
        wide = torch.float32 if x.device.type == "mps" else torch.float64
        mean, std = self._mean.to(x.device, wide), self._std.to(x.device, wide)
        x = x.to(wide)
        if self._fill is not None:
            x = torch.where(x.isnan(), self._fill.to(x.device, wide), x)
        outputs: Tensor = self.network(((x - mean) / std).to(parameter.dtype))
        if not self._is_regression:
            return outputs
        target_mean, target_std = self._target_mean.to(x.device, wide), self._target_std.to(x.device, wide)
        restored = outputs.to(wide) * target_std + target_mean
        return restored if self._gives_doubles else restored.to(outputs.dtype)


class Averaged(nn.Module):
    """Several networks as one: the mean of their probabilities, as logarithms, or of their targets.

    Args:
        members: Modules with the same inputs and outputs, ``(n, n_outputs)``.
        is_classifier: Whether outputs are logits.
    """

    def __init__(self, members: Sequence[nn.Module], *, is_classifier: bool) -> None:
        super().__init__()
        self.members, self._is_classifier = nn.ModuleList(members), is_classifier

    def forward(self, x: Tensor) -> Tensor:
        """Outputs ``(n, n_outputs)``; for classes their softmax is the mean of the members' softmax."""
        outputs = torch.stack([member(x) for member in self.members])
        if not self._is_classifier:
            return outputs.mean(0)
        return outputs.log_softmax(-1).logsumexp(0) - math.log(len(self.members))
