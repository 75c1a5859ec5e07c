"""Operations of a cell's edges, with exact counts of parameters and FLOPs.

An operation is plain data; :mod:`search_spaces.cell.operations` builds the module. All operations keep the number of
channels.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal, NamedTuple, TypeAlias

#: Name of the operation that cuts an edge.
NONE = "none"
#: Name of the identity; if the image is halved, two strided 1x1 convolutions side by side.
SKIP = "skip"


class Counts(NamedTuple):
    """Costs of a part of a network.

    Attributes:
        params: Trained values: weights, biases, gains and shifts of BatchNorm.
        flops: Twice the multiply-adds of convolutions and matrices, per sample; padding counts as pixels.
        depth: Layers with weights on its longest path.
    """

    params: int
    flops: int
    depth: int


def convolution_counts(kernel: int, in_channels: int, out_channels: int, pixels: int, *, norm: bool = True) -> Counts:
    """Count the costs of a dense convolution without bias.

    Args:
        kernel: Side in pixels.
        in_channels: Channels of the input.
        out_channels: Channels of the output.
        pixels: Pixels of the output.
        norm: Whether BatchNorm follows.
    """
    weights = kernel * kernel * in_channels * out_channels
    return Counts(weights + 2 * out_channels * norm, 2 * pixels * weights, 1)


@dataclass(frozen=True)
class Convolution:
    """ReLU, convolution, BatchNorm.

    Attributes:
        kernel: Side in pixels.
        depthwise: Whether each channel has its own convolution; if ``pointwise``, a 1x1 convolution across them
            follows.
        dilation: Distance between the kernel's pixels.
        repeats: Number of times that the three follow each other; the first halves the image if that is asked for.
        pointwise: See ``depthwise``; without it, channels stay apart.
    """

    kernel: int
    depthwise: bool = False
    dilation: int = 1
    repeats: int = 1
    pointwise: bool = True

    @property
    def mixes(self) -> bool:
        """Return whether a 1x1 convolution follows the depthwise one."""
        return self.depthwise and self.pointwise

    def counts(self, channels: int, stride: int, pixels: int) -> Counts:
        """Count the costs.

        Args:
            channels: Channels of the image.
            stride: 2 if the image is halved.
            pixels: Pixels of the output.
        """
        weights = self.kernel**2 * channels * (1 if self.depthwise else channels) + channels**2 * self.mixes
        once = Counts(weights + 2 * channels, 2 * pixels * weights, 1 + self.mixes)
        return Counts(*(self.repeats * count for count in once))


@dataclass(frozen=True)
class Pool:
    """3x3 pooling.

    Attributes:
        kind: Maximum or average.
        norm: Whether BatchNorm without gains and shifts follows.
    """

    kind: Literal["max", "avg"]
    norm: bool = True

    def counts(self, channels: int, stride: int, pixels: int) -> Counts:
        """Return zeros: no value is trained and none is multiplied by weights.

        Args:
            channels: Not used.
            stride: Not used.
            pixels: Not used.
        """
        return Counts(0, 0, 0)


@dataclass(frozen=True)
class Skip:
    """Identity, or two 1x1 convolutions of stride 2, shifted by a pixel, each for half of the channels."""

    def counts(self, channels: int, stride: int, pixels: int) -> Counts:
        """Count the costs.

        Args:
            channels: Channels of the image.
            stride: 2 if the image is halved, else the identity.
            pixels: Pixels of the output.
        """
        return Counts(0, 0, 0) if stride == 1 else convolution_counts(1, channels, channels, pixels)


Operation: TypeAlias = Convolution | Pool | Skip


@dataclass(frozen=True)
class OperationSet:
    """Operations that edges choose from, and the cell and network in which they were published.

    Attributes:
        names: Names in the order of the columns of an architecture.
        operations: All of ``names`` but the null operation.
        skeleton: ``"darts"``: cells with two inputs, the outputs of the two cells before; a cell's output is the
            concatenation of its nodes (Liu 2019, https://arxiv.org/abs/1806.09055). ``"nasbench201"``: cells with one
            input whose last node is the output, in stages with a residual block between them (Dong 2020,
            https://arxiv.org/abs/2001.00326).
        n_nodes: Nodes that are not inputs, by default.
        edges: Default of the edges that have an operation: every one (``"all"``), or the two strongest into each node
            (``"two"``).
        stem: Channels of the first convolution by default, as a multiple of a node's.
    """

    names: tuple[str, ...]
    operations: Mapping[str, Operation]
    skeleton: Literal["darts", "nasbench201"]
    n_nodes: int
    edges: Literal["all", "two"]
    stem: int

    @property
    def n_inputs(self) -> int:
        """Input nodes of a cell."""
        return 2 if self.skeleton == "darts" else 1

    @property
    def none(self) -> int | None:
        """Column of the null operation."""
        return self.names.index(NONE) if NONE in self.names else None


def _set(
    operations: dict[str, Operation], *, none: bool, skeleton: Literal["darts", "nasbench201"] = "darts",
    n_nodes: int = 4, edges: Literal["all", "two"] = "all", stem: int = 3,
) -> OperationSet:
    names = (*([NONE] if none else []), *operations)
    return OperationSet(names, MappingProxyType(operations), skeleton, n_nodes, edges, stem)


#: Sets by name. ``firsov`` is that of the vector hypernetwork (Firsov 2025); the scalar one (Yakovlev 2022) was
#: published with ``darts``. ``tiny`` is for small devices: no dense 3x3 convolution, and no max-pooling, so that all
#: can be lowered to single neurons.
OPERATION_SETS: Mapping[str, OperationSet] = MappingProxyType({
    "firsov": _set({"max_pool_3x3": Pool("max"), SKIP: Skip(), "conv_3x3": Convolution(3)}, none=False),
    "darts": _set({
        "max_pool_3x3": Pool("max"),
        "avg_pool_3x3": Pool("avg"),
        SKIP: Skip(),
        "sep_conv_3x3": Convolution(3, depthwise=True, repeats=2),
        "sep_conv_5x5": Convolution(5, depthwise=True, repeats=2),
        "dil_conv_3x3": Convolution(3, depthwise=True, dilation=2),
        "dil_conv_5x5": Convolution(5, depthwise=True, dilation=2),
    }, none=True, edges="two"),
    "nasbench201": _set({
        SKIP: Skip(),
        "conv_1x1": Convolution(1),
        "conv_3x3": Convolution(3),
        "avg_pool_3x3": Pool("avg", norm=False),
    }, none=True, skeleton="nasbench201", n_nodes=3, stem=1),
    "tiny": _set({
        SKIP: Skip(),
        "avg_pool_3x3": Pool("avg"),
        "conv_1x1": Convolution(1),
        "depthwise_3x3": Convolution(3, depthwise=True, pointwise=False),
        "separable_3x3": Convolution(3, depthwise=True),
    }, none=True, n_nodes=2, edges="two", stem=1),
})
