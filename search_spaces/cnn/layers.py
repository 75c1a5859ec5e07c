"""Layers of a genotype with all their sizes and costs."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

from evonas.space import InvalidGenotype
from evonas.types import Metrics, Task
from search_spaces.cnn.genotype import CnnGenotype, Head

#: Bounds of the genes: networks of this family are small.
MOST_CONVOLUTIONS, MOST_POOL, MOST_STRIDE, KERNELS = 4, 4, 3, (1, 3, 5)


class Filter(NamedTuple):
    """Convolution in a network.

    Attributes:
        in_channels: Channels of its input.
        channels: Channels of its output.
        kernel: Pixels along either side.
        stride: Pixels between two places of the kernel.
        groups: Groups of channels that stay apart.
        size: Height and width of its output.
    """

    in_channels: int
    channels: int
    kernel: int
    stride: int
    groups: int
    size: tuple[int, int]

    @property
    def weights(self) -> int:
        """Values of the kernel."""
        return self.channels * (self.in_channels // self.groups) * self.kernel**2

    @property
    def products(self) -> int:
        """Multiply-adds per image; padded places count, as in the tables of the literature."""
        return self.weights * self.size[0] * self.size[1]


class Layers(NamedTuple):
    """Layers that multiply.

    Attributes:
        filters: Convolutions in their order; a separable one counts as two.
        linear: Inputs and outputs of the layers after the head.
    """

    filters: Sequence[Filter]
    linear: Sequence[tuple[int, int]]


def lay_out(genotype: CnnGenotype, task: Task) -> Layers:
    """Return the layers of a network for the images of a task.

    Raises:
        InvalidGenotype: There is no such network for these images.
    """
    channels, *image = task.input_shape
    _check_genes(genotype)
    size = (image[0] // genotype.pool, image[1] // genotype.pool)
    filters: list[Filter] = []
    for index, genes in enumerate(genotype.convolutions):
        if genes.kernel > min(size):
            raise InvalidGenotype(f"convolution {index} has a kernel of {genes.kernel} pixels on a map of "
                                  f"{size[0]} x {size[1]}: expected at most as many")
        size = ((size[0] - 1) // genes.stride + 1, (size[1] - 1) // genes.stride + 1)
        if genes.separable:
            filters.append(Filter(channels, channels, genes.kernel, genes.stride, channels, size))
            filters.append(Filter(channels, genes.channels, 1, 1, 1, size))
        else:
            filters.append(Filter(channels, genes.channels, genes.kernel, genes.stride, 1, size))
        channels = genes.channels
    n_features = channels * _places(genotype.head, size)
    widths = [n_features, *([genotype.hidden] if genotype.hidden else []), task.n_outputs]
    return Layers(filters, list(pairwise(widths)))


def _check_genes(genotype: CnnGenotype) -> None:
    if not 1 <= genotype.pool <= MOST_POOL or genotype.hidden < 0:
        raise InvalidGenotype(f"expected a pool of 1 to {MOST_POOL} pixels and no negative number of hidden neurons, "
                              f"got {genotype.pool} and {genotype.hidden}")
    if not 1 <= len(genotype.convolutions) <= MOST_CONVOLUTIONS:
        raise InvalidGenotype(f"expected 1 to {MOST_CONVOLUTIONS} convolutions, got {len(genotype.convolutions)}")
    for genes in genotype.convolutions:
        if genes.channels < 1 or genes.kernel not in KERNELS or not 1 <= genes.stride <= MOST_STRIDE:
            raise InvalidGenotype(f"expected 1 channel or more, a kernel of {', '.join(map(str, KERNELS))} pixels and "
                                  f"a stride of 1 to {MOST_STRIDE}, got {genes}")


def _places(head: Head, size: tuple[int, int]) -> int:
    """Return the number of values that a head leaves of a channel."""
    if head in ("quarters", "max") and min(size) < 2:
        raise InvalidGenotype(f"the head {head!r} needs a map of 2 x 2 pixels or more, got {size[0]} x {size[1]}")
    return {
        "flat": size[0] * size[1], "average": 1, "quarters": 4, "max": (size[0] // 2) * (size[1] // 2)
    }[head]


def cost(genotype: CnnGenotype, task: Task) -> Metrics:
    """Count the costs per image.

    Returns:
        ``params``: all trained values, BatchNorm's gains and shifts included; ``edges``: multiply-adds of convolutions
            and linear layers, which is the number of edges of the same network in single neurons; ``flops``: twice that
            (averages, maxima, BatchNorm and activations are not counted); ``depth``: layers with weights.
    """
    filters, linear = lay_out(genotype, task)
    edges = sum(f.products for f in filters) + sum(n * m for n, m in linear)
    params = sum(f.weights + 2 * f.channels for f in filters) + sum(n * m + m for n, m in linear)
    return {
        "params": float(params), "flops": 2.0 * edges, "depth": float(len(filters) + len(linear)),
        "edges": float(edges),
    }
