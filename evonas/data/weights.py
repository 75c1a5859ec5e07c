"""Weights of samples: validation, and scaling for training."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from evonas.data.arrays import RawSamples
from evonas.types import DataError, Doubles, Floats, Ints

#: Function from the number of a sample to its description in messages.
Place = Callable[[int], str]


def check_weights(
    weights: NDArray[Any], n_samples: int, what: str, *, place: Place = lambda row: f"sample {row}"
) -> Doubles:
    """Weights as float64 ``(n,)``.

    Args:
        weights: Weights as given by the user.
        n_samples: Number of samples.
        what: Description of the weights for messages, e.g. ``"sample_weight"``.
        place: Describes a sample by its number.

    Raises:
        DataError: They are no numbers, do not match the samples, are negative or not finite, or all are 0.
    """
    if weights.dtype.kind not in "buif":
        raise DataError(f"{what}: expected numbers, got {_strange(weights, place)}")
    if weights.shape != (n_samples,):
        raise DataError(f"{what}: expected one weight for each of {n_samples} samples, got an array of shape "
                        f"{weights.shape}; give as many weights as samples")
    with np.errstate(over="ignore"):
        values = weights.astype(np.float64)
    bad = ~(np.isfinite(values) & (values >= 0))
    if bad.any():
        row, n = int(bad.argmax()), int(bad.sum())
        more = "" if n == 1 else f", the first of {n} such weights"
        raise DataError(f"{what}: expected finite weights that are not negative, got {values[row]:g} for {place(row)}"
                        f"{more}; correct them or remove the samples")
    if not values.any():
        raise DataError(f"{what}: expected a positive weight for some sample, got zero for all of them; give weights "
                        f"that differ")
    return values


def _strange(weights: NDArray[Any], place: Place) -> str:
    """The first of some weights that is no number, and what to do."""
    for row, value in enumerate(weights.ravel().tolist()):
        try:
            float(value)
        except (TypeError, ValueError):
            return f"{value!r:.40} for {place(row)}; correct it, or give other weights"
    return f"dtype {weights.dtype}; convert them to float64"


def weighted(raw: RawSamples, weights: Doubles, what: str) -> RawSamples:
    """The samples with their weights, without those of weight 0.

    Args:
        raw: All samples.
        weights: Result of :func:`check_weights`.
        what: Description of the weights for messages.

    Raises:
        DataError: A class is left without samples.
    """
    kept = weights > 0
    if raw.is_classification and (lost := np.setdiff1d(raw.y, raw.y[kept])).size:
        label = raw.classes[lost[0]] if raw.classes else lost[0]
        raise DataError(f"{what}: expected a positive weight for some sample of every class, got 0 for all of class "
                        f"{label!s:.40}; remove its samples or give them weight")
    if kept.all():
        return replace(raw, weights=weights)
    groups = None if raw.groups is None else raw.groups[kept]
    return replace(raw, x=raw.x[kept], y=raw.y[kept], groups=groups, weights=weights[kept])


def of_mean_one(weights: Doubles, rows: Ints) -> Floats | None:
    """Positive weights ``(n,)`` scaled for training, float32; None if all are equal, or there are none.

    All are in one unit, so that samples for training and for validation can be joined later.

    Args:
        weights: Weights of all samples.
        rows: Rows of the training samples, over which the mean is 1.
    """
    if not len(weights) or (weights == weights[0]).all():
        return None
    largest = weights[rows].max()  # so that no sum overflows
    with np.errstate(over="ignore"):
        shares = weights / largest / (weights[rows] / largest).mean()
    scaled: Floats = np.minimum(shares, np.finfo(np.float32).max).astype(np.float32)
    return scaled
