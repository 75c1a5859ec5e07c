"""Windows of convolutions and pools, from the arguments that torch takes."""

from __future__ import annotations

from typing import Any, TypeAlias

from evonas.capabilities.layers import Sides, Window

#: Zeros (before, after) each side.
Padding: TypeAlias = tuple[tuple[int, int], ...]


def each_side(value: Any, n: int) -> tuple[Any, ...]:
    """A number for each side; None where one is missing."""
    values: tuple[Any, ...] = (value,) * n if isinstance(value, int) or value is None else tuple(value)
    return values * n if len(values) == 1 else values


def padding_of(padding: Any, kernel: tuple[int, ...], dilation: tuple[int, ...]) -> Padding:
    """Zeros around each side of a convolution; by name ``same`` has one more behind than before.

    Args:
        padding: As torch takes it: a number, one for each side, or a name.
        kernel: Sides of the kernel.
        dilation: Dilation of each side.
    """
    if padding == "valid":
        return ((0, 0),) * len(kernel)
    if padding == "same":
        totals = [d * (k - 1) for k, d in zip(kernel, dilation, strict=True)]
        return tuple((total // 2, total - total // 2) for total in totals)
    return tuple((p, p) for p in each_side(padding, len(kernel)))


def pool_window(sides: Sides, kernel: Any, stride: Any, padding: Any, dilation: Any, ceil_mode: bool) -> Window:
    """The window of a pool; in ceil_mode it reaches past the end, but never begins there.

    Args:
        sides: Sides of the image.
        kernel, stride, padding, dilation: As torch takes them.
        ceil_mode: Whether a rest of places has a window.
    """
    n = len(sides)
    kernels, pads, dilations = (each_side(value, n) for value in (kernel, padding, dilation))
    strides = kernels if stride is None or stride == [] else each_side(stride, n)
    ends = []
    for side, k, s, p, d in zip(sides, kernels, strides, pads, dilations, strict=True):
        span = d * (k - 1) + 1
        rest = side + 2 * p - span
        size = (-(rest // -s) if ceil_mode else rest // s) + 1
        if ceil_mode and (size - 1) * s >= side + p:
            size -= 1
        ends.append((p, (size - 1) * s + span - side - p))
    return Window(kernels, strides, tuple(ends), dilations)
