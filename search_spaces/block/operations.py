"""Operations of a block: kernels and inner widths, as the convolutions that they stand for. No torch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from search_spaces.cnn.layers import Filter

KERNELS = (3, 5, 7)


@dataclass(frozen=True)
class Place:
    """Place of a block.

    Attributes:
        in_channels, channels: Channels of the image before and after it.
        stride: 2 halves the image.
        in_size, size: Height and width of the image before and after it.
    """

    in_channels: int
    channels: int
    stride: int
    in_size: tuple[int, int]
    size: tuple[int, int]

    @property
    def keeps(self) -> bool:
        """Whether the image has the same shape before and after."""
        return self.stride == 1 and self.in_channels == self.channels


@dataclass(frozen=True)
class Operation:
    """An operation to choose.

    Attributes:
        kernel: Pixels along either side.
        factor: Inner channels as a multiple of those after the block (resnet), or of those before it (mbconv).
    """

    name: str
    kernel: int
    factor: float


@dataclass(frozen=True)
class OperationSet:
    """Operations by kernel, then by factor; the last is the widest, of which all others are slices.

    Attributes:
        factors: Ascending.
        inverted: Inverted bottlenecks (Sandler 2018, https://arxiv.org/abs/1801.04381): a 1x1 convolution that expands,
            a depthwise one, and a 1x1 convolution without activation; else the two convolutions of a basic ResNet
            block (He 2015, https://arxiv.org/abs/1512.03385).
    """

    operations: tuple[Operation, ...]
    factors: tuple[float, ...]
    inverted: bool

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the columns of an architecture."""
        return tuple(operation.name for operation in self.operations)

    def filters(self, operation: Operation, place: Place) -> tuple[Filter, ...]:
        """The convolutions of an operation, in order; all but the last give the inner channels."""
        kernel, stride = operation.kernel, place.stride
        if self.inverted:
            inner = round(place.in_channels * operation.factor)
            return (
                Filter(place.in_channels, inner, 1, 1, 1, place.in_size),
                Filter(inner, inner, kernel, stride, inner, place.size),
                Filter(inner, place.channels, 1, 1, 1, place.size),
            )
        inner = round(place.channels * operation.factor)
        return (
            Filter(place.in_channels, inner, kernel, stride, 1, place.size),
            Filter(inner, place.channels, kernel, 1, 1, place.size),
        )


def _set(form: str, factors: tuple[float, ...], *, inverted: bool) -> OperationSet:
    operations = tuple(Operation(form.format(k, f), k, f) for k in KERNELS for f in factors)
    return OperationSet(operations, factors, inverted)


#: Operation sets by name.
OPERATION_SETS: Mapping[str, OperationSet] = MappingProxyType({
    "resnet": _set("conv{}_x{:g}", (0.5, 1.0, 2.0), inverted=False),
    "mbconv": _set("mbconv{}_e{:g}", (3.0, 6.0), inverted=True),
})
