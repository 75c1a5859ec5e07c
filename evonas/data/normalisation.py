"""Standardisation of inputs and targets by the statistics of the training rows."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from evonas.data.arrays import RawSamples
from evonas.data.errors import DataError
from evonas.data.samples import Samples
from evonas.types import Doubles, Ints

#: Values that are converted to float64 at a time: 2 MB, so that they stay in cache and no float64 copy is ever held.
BLOCK = 2**18


@dataclass(frozen=True, eq=False)
class Normalisation:
    """``(x - mean) * factor``, by channel of an image or by feature; targets likewise.

    Attributes:
        mean: Mean of each channel or feature, shape ``(n_channels,)``, in the units of the files.
        factor: 1 / standard deviation, shape ``(n_channels,)``; 0 where the value is constant.
        target_mean: Mean of each regression target, shape ``(n_outputs,)``; empty for labels.
        target_scale: Root mean square of the targets' standard deviations: one scale, so that an error in standardised
            units times ``target_scale`` is the error in the data's own units; 1 for labels.
    """

    mean: Doubles
    factor: Doubles
    target_mean: Doubles
    target_scale: float

    def apply(self, raw: RawSamples, rows: Ints) -> Samples:
        """The given rows, normalised, in the given order."""
        x = np.empty((len(rows), *raw.x.shape[1:]), np.float32)
        per_channel = (-1, *[1] * (raw.x.ndim - 2))
        mean, factor = self.mean.reshape(per_channel), self.factor.reshape(per_channel)
        for block in _blocks(raw, len(rows)):
            np.multiply(raw.x[rows[block]] - mean, factor, out=x[block], casting="same_kind")
        if raw.is_classification:
            return Samples(x, raw.y[rows].astype(np.int64, copy=False))
        return Samples(x, ((raw.y[rows] - self.target_mean) / self.target_scale).astype(np.float32))


def training_statistics(raw: RawSamples, rows: Ints, origin: str) -> Normalisation:
    """The normalisation that gives the given rows mean 0 and standard deviation 1.

    Raises:
        DataError: If these rows' regression targets are all equal.
    """
    mean, std = _moments(raw, rows)
    factor = np.divide(1.0, std, out=np.zeros_like(std), where=std > np.finfo(np.float32).tiny)
    if raw.is_classification:
        return Normalisation(mean, factor, np.empty(0), 1.0)
    targets = raw.y[rows]
    scale = float(np.sqrt(targets.var(axis=0).mean()))
    if not np.ptp(targets, axis=0).any():
        raise DataError(f"{origin}: expected training targets that differ, got the same in all {len(rows)} training "
                        f"samples; use more samples")
    return Normalisation(mean, factor, targets.mean(axis=0), scale)


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
