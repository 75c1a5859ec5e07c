"""Modules of the operations and of the parts around the cells; images are ``(n, channels, height, width)``.

Operations with convolutions expect the output of :class:`torch.nn.ReLU`: the operations on the edges from one node
share it. No module works in place, so that hooks see the values that were computed.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from evonas.training.batch_norm import Norm
from search_spaces.cell.primitives import Convolution, Operation, Pool, Skip


class Halve(nn.Module):
    """Two 1x1 convolutions of stride 2, shifted by a pixel and concatenated, then BatchNorm: they halve an image."""

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__()
        self.even = nn.Conv2d(in_channels, out_channels // 2, 1, stride=2, bias=False)
        self.odd = nn.Conv2d(in_channels, out_channels - out_channels // 2, 1, stride=2, bias=False)
        self.norm = Norm(out_channels)

    def forward(self, x: Tensor) -> Tensor:
        """Map ``(n, in_channels, h, w)`` to ``(n, out_channels, ceil(h / 2), ceil(w / 2))``."""
        height, width = x.shape[-2:]
        shifted = nn.functional.pad(x, (-1, width % 2, -1, height % 2))  # an odd side is padded with a row of zeros
        normalized: Tensor = self.norm(torch.cat([self.even(x), self.odd(shifted)], dim=1))
        return normalized


def convolve(
    in_channels: int, out_channels: int, kernel: int, *, stride: int = 1, dilation: int = 1, groups: int = 1
) -> nn.Conv2d:
    """Build a convolution without bias that keeps the size of the image except for its stride.

    Args:
        in_channels: Channels of the input.
        out_channels: Channels of the output.
        kernel: Side in pixels.
        stride: Pixels between two places of the kernel.
        dilation: Distance between the kernel's pixels.
        groups: Groups of channels that stay apart.
    """
    padding = dilation * (kernel // 2)
    return nn.Conv2d(
        in_channels, out_channels, kernel, stride=stride, padding=padding, dilation=dilation, groups=groups, bias=False
    )


def build(operation: Operation, channels: int, stride: int) -> nn.Module:
    """Build the module of an operation, without the ReLU that it may begin with (see :func:`rectifies`).

    Args:
        operation: The operation.
        channels: Channels of its input and output.
        stride: 2 halves the image.
    """
    match operation:
        case Convolution():
            layers: list[nn.Module] = []
            for repeat in range(operation.repeats):
                layers += [nn.ReLU()] if repeat else []
                layers += _convolutions(operation, channels, 1 if repeat else stride)
            return nn.Sequential(*layers)
        case Pool():
            pool = (
                nn.MaxPool2d(3, stride, padding=1) if operation.kind == "max"
                else nn.AvgPool2d(3, stride, padding=1, count_include_pad=False)
            )
            return nn.Sequential(pool, Norm(channels, affine=False)) if operation.norm else pool
        case Skip():
            return nn.Identity() if stride == 1 else Halve(channels, channels)


def rectifies(operation: Operation, stride: int) -> bool:
    """Return whether an operation begins with ReLU."""
    return isinstance(operation, Convolution) or (isinstance(operation, Skip) and stride == 2)


def _convolutions(operation: Convolution, channels: int, stride: int) -> list[nn.Module]:
    kernel, dilation = operation.kernel, operation.dilation
    groups = channels if operation.depthwise else 1
    first = convolve(channels, channels, kernel, stride=stride, dilation=dilation, groups=groups)
    return [first, *([convolve(channels, channels, 1)] if operation.mixes else []), Norm(channels)]


class Residual(nn.Module):
    """Block between stages of NAS-Bench-201: two 3x3 convolutions beside an average; it halves the image."""

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.ReLU(), convolve(in_channels, out_channels, 3, stride=2), Norm(out_channels),
            nn.ReLU(), convolve(out_channels, out_channels, 3), Norm(out_channels),
        )
        self.shortcut = nn.Sequential(
            nn.AvgPool2d(2, 2, ceil_mode=True, count_include_pad=False), convolve(in_channels, out_channels, 1)
        )

    def forward(self, x: Tensor) -> Tensor:
        """Map ``(n, in_channels, h, w)`` to ``(n, out_channels, ceil(h / 2), ceil(w / 2))``."""
        halved: Tensor = self.body(x) + self.shortcut(x)
        return halved
