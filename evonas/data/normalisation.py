"""Standardisation of inputs and targets by the statistics of the training rows."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from evonas.data.arrays import RawSamples
from evonas.data.errors import DataError
from evonas.data.samples import Samples, Scaling
from evonas.types import Doubles, Ints

#: Values that are converted to float64 at a time: 2 MB, so that they stay in cache and no float64 copy is ever held.
BLOCK = 2**18
#: Divisor of what is constant in training: whatever a later sample has there becomes 0 for a network that could not
#: learn its meaning. Finite, since JSON has no infinity.
CONSTANT_STD = 1e30


def normalised(raw: RawSamples, rows: Ints, scaling: Scaling) -> Samples:
    """The given rows, normalised, in the given order."""
    x = np.empty((len(rows), *raw.x.shape[1:]), np.float32)
    mean, std = np.array(scaling.mean), np.array(scaling.std)
    for block in _blocks(raw, len(rows)):
        np.divide(raw.x[rows[block]] - mean, std, out=x[block], casting="same_kind")
    if raw.is_classification:
        return Samples(x, raw.y[rows].astype(np.int64, copy=False))
    return Samples(x, ((raw.y[rows] - np.array(scaling.target_mean)) / scaling.target_std).astype(np.float32))


def training_statistics(raw: RawSamples, rows: Ints, origin: str) -> Scaling:
    """The scaling that gives each channel or feature mean 0 and standard deviation 1 over the given rows.

    All regression targets are divided by one number, the root mean square of their standard deviations, so that an
    error can be given back in the data's own units.

    Raises:
        DataError: If these rows' regression targets are all equal.
    """
    mean, std = _moments(raw, rows)
    std[std < np.finfo(np.float32).tiny] = CONSTANT_STD
    per_channel = (-1, *[1] * (raw.x.ndim - 2))
    scaling = Scaling(mean.reshape(per_channel).tolist(), std.reshape(per_channel).tolist())
    if raw.is_classification:
        return scaling
    targets = raw.y[rows]
    if not np.ptp(targets, axis=0).any():
        raise DataError(f"{origin}: expected training targets that differ, got the same in all {len(rows)} training "
                        f"samples; use more samples")
    target_std = float(np.sqrt(targets.var(axis=0).mean()))
    return replace(scaling, target_mean=targets.mean(axis=0).tolist(), target_std=target_std)


def _moments(raw: RawSamples, rows: Ints) -> tuple[Doubles, Doubles]:
    """Mean and standard deviation of each channel or feature over the rows.

    One pass over differences to the first row: exact for constants and for bytes, and, since the first row is itself
    one of the values, free of the cancellation of the textbook formula.
    """
    n_channels = raw.x.shape[1]
    shift = raw.x[rows[0]].reshape(n_channels, -1)[:, :1].astype(np.float64)
    total, squares = np.zeros(n_channels), np.zeros(n_channels)
    for block in _blocks(raw, len(rows)):
        x = raw.x[rows[block]]
        difference = x.reshape(len(x), n_channels, -1) - shift
        total += difference.sum(axis=(0, 2))
        squares += np.einsum("ncp,ncp->c", difference, difference)
    n = raw.x[0].size // n_channels * len(rows)
    mean = total / n
    return shift[:, 0] + mean, np.sqrt(np.maximum(squares / n - mean**2, 0.0))


def _blocks(raw: RawSamples, n_rows: int) -> Iterator[slice]:
    step = max(1, BLOCK // raw.x[0].size)
    return (slice(start, start + step) for start in range(0, n_rows, step))
