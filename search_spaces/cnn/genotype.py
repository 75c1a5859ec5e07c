"""Genotype: a stem that averages, convolutions, a head."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, fields
from functools import cached_property
from typing import Literal, TypeAlias, get_args

import numpy as np

from evonas.space import Encoded, InvalidGenotype

#: Head: it leaves the last map as it is, averages it (as a whole or by quarter), or reduces it to the largest of 2 x 2
#: pixels.
Head: TypeAlias = Literal["flat", "average", "quarters", "max"]


@dataclass(frozen=True)
class Convolution:
    """Genes of a convolution, which is padded so that a stride of 1 keeps the size of a map.

    Attributes:
        channels: Channels of its output.
        kernel: Pixels along either side; odd.
        stride: Pixels between two places of the kernel.
        separable: Whether a convolution of each channel by itself is followed by one of 1 x 1 pixels (both with
            BatchNorm and ReLU).
    """

    channels: int
    kernel: int
    stride: int
    separable: bool


_HEADS: tuple[Head, ...] = get_args(Head)
_GENES = tuple(field.name for field in fields(Convolution))


@dataclass(frozen=True)
class CnnGenotype:
    """Genotype of a network; BatchNorm and ReLU follow every convolution.

    Attributes:
        pool: Pixels along either side of the squares that are averaged first; 1 leaves images as they are.
        convolutions: Convolutions from the image to the head.
        head: Reduction of the last map, see :data:`Head`.
        hidden: Neurons between the head and the outputs; 0 is no such layer.
    """

    pool: int
    convolutions: tuple[Convolution, ...]
    head: Head
    hidden: int

    @cached_property
    def digest(self) -> str:
        """Return the hex digest of the content."""
        return hashlib.blake2b(repr(self).encode(), digest_size=16).hexdigest()


def encode(genotype: CnnGenotype) -> Encoded:
    """Return convolutions as rows of an array, and the other genes as the header."""
    rows = [[int(getattr(convolution, gene)) for gene in _GENES] for convolution in genotype.convolutions]
    header = {"pool": genotype.pool, "head": genotype.head, "hidden": genotype.hidden}
    return Encoded(header, {"convolutions": np.array(rows, np.int64)})


def decode(data: Encoded) -> CnnGenotype:
    """Invert :func:`encode`; raise :class:`InvalidGenotype` for damaged data."""
    try:
        rows, header = np.asarray(data.arrays["convolutions"]), data.header
        pool, head, hidden = header["pool"], header["head"], header["hidden"]
    except (KeyError, TypeError) as error:
        raise InvalidGenotype(f"a network needs pool, convolutions, head and hidden, {error} is missing") from None
    if rows.ndim != 2 or rows.shape[1] != len(_GENES) or not np.issubdtype(rows.dtype, np.integer):
        raise InvalidGenotype(f"convolutions must be rows of {', '.join(_GENES)}, got {rows.dtype} {rows.shape}")
    if not isinstance(pool, int) or not isinstance(hidden, int) or head not in _HEADS:
        raise InvalidGenotype(
            f"pool and hidden must be whole numbers, head one of {', '.join(_HEADS)}, "
            f"got {pool!r}, {hidden!r}, {head!r}"
        )
    convolutions = tuple(
        Convolution(int(channels), int(kernel), int(stride), bool(separable))
        for channels, kernel, stride, separable in rows
    )
    return CnnGenotype(pool, convolutions, head, hidden)
