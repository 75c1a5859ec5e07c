"""The genotype: a stem that averages, convolutions, a head."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, fields
from functools import cached_property
from typing import Literal, TypeAlias, get_args

import numpy as np

from evonas.space import Encoded, InvalidGenotype

#: The last map is left as it is, averaged (as a whole or by quarter), or reduced to the largest of 2 x 2 pixels.
Head: TypeAlias = Literal["flat", "average", "quarters", "max"]


@dataclass(frozen=True)
class Convolution:
    """Genes of a convolution, which is padded so that a stride of 1 keeps the size of a map.

    Attributes:
        channels: That it gives.
        kernel: Pixels along either side; odd.
        stride: Pixels between two of its places.
        separable: A convolution of each channel by itself, then one of 1 x 1 pixels (both with BatchNorm and ReLU).
    """

    channels: int
    kernel: int
    stride: int
    separable: bool


_HEADS: tuple[Head, ...] = get_args(Head)
_GENES = tuple(field.name for field in fields(Convolution))


@dataclass(frozen=True)
class CnnGenotype:
    """A network; BatchNorm and ReLU follow every convolution.

    Attributes:
        pool: Pixels along either side of the squares that are averaged before anything else; 1 leaves images alone.
        convolutions: From the image to the head.
        head: How the last map is reduced, see :data:`Head`.
        hidden: Neurons between the head and the outputs; 0 is no such layer.
    """

    pool: int
    convolutions: tuple[Convolution, ...]
    head: Head
    hidden: int

    @cached_property
    def digest(self) -> str:
        """Hex digest of the content."""
        return hashlib.blake2b(repr(self).encode(), digest_size=16).hexdigest()


def encode(genotype: CnnGenotype) -> Encoded:
    """Convolutions as rows of an array, the rest as the header."""
    rows = [[int(getattr(convolution, gene)) for gene in _GENES] for convolution in genotype.convolutions]
    header = {"pool": genotype.pool, "head": genotype.head, "hidden": genotype.hidden}
    return Encoded(header, {"convolutions": np.array(rows, np.int64)})


def decode(data: Encoded) -> CnnGenotype:
    """The inverse of :func:`encode`; raises :class:`InvalidGenotype` on damaged data."""
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
