"""Standardisation of inputs and targets by the statistics of the training rows."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from evonas.data.arrays import RawSamples
from evonas.data.samples import LARGEST_LOSS, InputType, Samples, Scaling
from evonas.types import DataError, Doubles, Floats, Ints

#: Number of values converted to float64 at a time: 2 MB, so that they stay in cache and no full float64 copy is held.
BLOCK = 2**18
#: Divisor of inputs that are constant in training: other values in later samples become 0, because the network could
#: not learn their meaning. Finite, since JSON has no infinity.
CONSTANT_STD = 1e30
#: Divisor of a target that is constant in training, as a share of it: small, so that the prediction is the constant,
#: but large enough for float32 to hold the sum.
CONSTANT_TARGET = 1e-4


def normalised(raw: RawSamples, rows: Ints, scaling: Scaling, weight: Floats | None = None) -> Samples:
    """The given rows, normalised, in the given order.

    Args:
        raw: All samples.
        rows: The wanted rows.
        scaling: See :func:`training_statistics`.
        weight: Weights of all samples, see :func:`evonas.data.weights.of_mean_one`.
    """
    x = np.empty((len(rows), *raw.x.shape[1:]), np.float32)
    for block in _blocks(raw, len(rows)):
        x[block] = scaling.normalise(raw.x[rows[block]])
    if raw.is_classification:
        y: Ints | Floats = raw.y[rows].astype(np.int64, copy=False)
    else:
        y = scaling.normalise_targets(raw.y[rows])
    return Samples(x, y, weight=None if weight is None else weight[rows])


def training_statistics(raw: RawSamples, rows: Ints, origin: str) -> Scaling:
    """The scaling that gives each channel or feature, and each target, mean 0 and deviation 1 over the given rows.

    Args:
        raw: All samples.
        rows: Rows of the training samples.
        origin: Description of the data for messages.

    Raises:
        DataError: If these rows' regression targets are all equal.
    """
    mean, std = _moments(raw, rows)
    std[std < np.finfo(np.float32).tiny] = CONSTANT_STD
    per_channel = (-1, *[1] * (raw.x.ndim - 2))
    scaling = Scaling(
        mean.reshape(per_channel).tolist(), std.reshape(per_channel).tolist(),
        input_type=_input_type(raw, mean, std, origin),
    )
    if raw.is_classification:
        return scaling
    targets = raw.y[rows]
    is_constant = np.ptp(targets, axis=0) == 0
    if is_constant.all():
        raise DataError(f"{origin}: expected training targets that differ, got the same in all {len(rows)} training "
                        f"samples; use more samples")
    target_mean = np.where(is_constant, targets[0], targets.mean(axis=0))
    constant_std = CONSTANT_TARGET * np.where(target_mean == 0, 1.0, np.abs(target_mean))
    target_std = np.where(is_constant, constant_std, np.sqrt(targets.var(axis=0)))
    return replace(scaling, target_mean=target_mean.tolist(), target_std=target_std.tolist())


def _input_type(raw: RawSamples, mean: Doubles, std: Doubles, origin: str) -> InputType:
    """The narrowest type that holds the inputs, with a warning if float64 does not.

    Args:
        raw: All samples.
        mean: Means of the inputs.
        std: Standard deviations of the inputs.
        origin: Description of the data for messages.
    """
    kind, size = raw.x.dtype.kind, raw.x.dtype.itemsize
    if raw.x.dtype == np.uint8:
        return "uint8"
    if size <= 2 or (kind == "f" and size == 4):
        return "float32"
    if kind in "iu":
        _tell_losses(raw, mean, origin)
    lossy = [
        int(column) for column in np.flatnonzero(np.abs(mean) / std * 2.0**-24 > LARGEST_LOSS)
        if not np.array_equal(raw.x[:, column].astype(np.float32), raw.x[:, column])
    ]
    return "float64" if lossy else "float32"


def _tell_losses(raw: RawSamples, mean: Doubles, origin: str) -> None:
    """Warn of the first column of integers, like nanoseconds since 1970, whose deviations float64 cannot hold.

    Args:
        raw: All samples.
        mean: Means of the inputs.
        origin: Description of the data for messages.
    """
    for column in np.flatnonzero(np.abs(mean) > 2.0**52):
        values = raw.x[:, column].ravel().astype(np.int64)  # unsigned ones wrap around, but their differences are right
        deviation = float((values - values[0]).std())
        if 0 < deviation * LARGEST_LOSS < abs(mean[column]) * 2.0**-53:
            which = f"{'column' if raw.x.ndim == 2 else 'channel'} {column}"
            warnings.warn(f"x of {origin}: float64, in which it is normalised, has no room for the deviations of "
                          f"{deviation:.3g} of {which} beside its mean of {mean[column]:.6g}; subtract an offset from "
                          f"it in the file", stacklevel=4)
            return


def _moments(raw: RawSamples, rows: Ints) -> tuple[Doubles, Doubles]:
    """Mean and standard deviation of each channel or feature over the rows.

    The method is one pass over differences to the first row: exact for constants and for bytes, and, since the first
    row is itself one of the values, free of the cancellation of the textbook formula.
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
