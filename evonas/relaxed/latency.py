"""What every operation of a supernet costs in time on this machine."""

from __future__ import annotations

import time

import numpy as np
import torch
from torch import Tensor, nn

from evonas.relaxed.sharing import one_hot
from evonas.space import Choices
from evonas.types import Floats

#: Measurements of every operation; the median is free of what else the machine did.
REPEATS = 7
#: No operation costs less, in microseconds: the noise would make some negative.
LEAST = 1.0


@torch.inference_mode()
def latency_table(supernet: nn.Module, choices: Choices, x: Tensor) -> Floats:
    """Microseconds that an operation on a row adds to a forward pass of ``x``, ``(n_choices, n_operations)``.

    Args:
        x: A batch, usually of one sample.
    """
    cheapest = choices.costs["flops"].argmin(axis=1)
    n_operations = len(choices.operations)
    was_training = supernet.training
    supernet.eval()
    table = np.full((choices.n_choices, n_operations), LEAST, np.float32)
    for row in range(choices.n_choices):
        times = []
        for column in range(n_operations):
            path = cheapest.copy()
            path[row] = column
            times.append(_median_time(supernet, x, torch.from_numpy(one_hot(path, n_operations))))
        table[row] = np.maximum(LEAST, LEAST + np.array(times) - times[cheapest[row]])
    supernet.train(was_training)
    return table


def _median_time(supernet: nn.Module, x: Tensor, arch: Tensor) -> float:
    """Microseconds."""
    times = []
    for _ in range(REPEATS):
        begin = time.perf_counter()
        supernet(x, arch)
        times.append(1e6 * (time.perf_counter() - begin))
    return float(np.median(times))
