"""Outputs of layers, by torch: the reference for spaces that give layers and for those that take them."""

from __future__ import annotations

import numpy as np
import torch

from evonas.capabilities.layers import LayerGraph
from evonas.export.layers.module import LayerModule
from evonas.types import Doubles, Floats


def outputs_of(graph: LayerGraph, x: Floats) -> Doubles:
    """Outputs ``(n, channels)`` of samples ``(n, *input)``, in float64."""
    with torch.no_grad():
        outputs: Doubles = LayerModule(graph, torch.float64)(torch.from_numpy(x.astype(np.float64))).numpy()
    return outputs
