"""Torch module of a genotype."""

from __future__ import annotations

from collections.abc import Iterator

from torch import nn

from evonas.training.batch_norm import Norm
from evonas.types import Task
from search_spaces.cnn.genotype import CnnGenotype
from search_spaces.cnn.layers import lay_out


class Network(nn.Sequential):
    """Module that gives outputs before softmax, ``(n, n_outputs)``, for images ``(n, channels, height, width)``.

    Memory stays channels-first: measured on one thread of a CPU, a training step of such small networks is no faster
    with channels last, and two to four times slower with convolutions written as products of gathered patches.
    """

    def __init__(self, genotype: CnnGenotype, task: Task) -> None:
        super().__init__(*_modules(genotype, task))


def _modules(genotype: CnnGenotype, task: Task) -> Iterator[nn.Module]:
    filters, linear = lay_out(genotype, task)
    if genotype.pool > 1:
        yield nn.AvgPool2d(genotype.pool)
    for f in filters:
        yield nn.Conv2d(
            f.in_channels, f.channels, f.kernel, f.stride, f.kernel // 2, groups=f.groups, bias=False
        )
        yield Norm(f.channels)
        yield nn.ReLU()
    match genotype.head:
        case "average":
            yield nn.AdaptiveAvgPool2d(1)
        case "quarters":
            yield nn.AdaptiveAvgPool2d(2)
        case "max":
            yield nn.MaxPool2d(2)
    yield nn.Flatten()
    first, *others = [nn.Linear(n, m) for n, m in linear]
    yield first
    for layer in others:
        yield nn.ReLU()
        yield layer
