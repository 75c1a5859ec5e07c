"""The border: arrays as they were read become checked raw samples, and a task."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from evonas.data.errors import DataError
from evonas.data.room import check_size
from evonas.types import Doubles, Ints, Task

#: Numbers of channels by which the channel axis of an image array is recognised: grey and RGB.
CHANNELS = (1, 3)


@dataclass(frozen=True, eq=False)
class RawSamples:
    """Samples as stored, not normalised.

    Attributes:
        x: C-contiguous, shape ``(n, *input_shape)``, channels first; uint8 where the file holds uint8.
        y: int64 labels of shape ``(n,)``, or float64 targets of shape ``(n, n_outputs)``.
    """

    x: NDArray[Any]
    y: Ints | Doubles

    @property
    def is_classification(self) -> bool:
        """Whether ``y`` holds labels."""
        return self.y.dtype.kind == "i"


def raw_samples(x: NDArray[Any], y: NDArray[Any], origin: str) -> RawSamples:
    """Checks and canonicalises one part of a data set.

    Args:
        x: Images ``(n, height, width)``, ``(n, height, width, channels)`` with 1 or 3 channels, or ``(n, channels,
            height, width)``; or features ``(n, n_features)``.
        y: Integer labels ``(n,)``, or float targets ``(n,)`` or ``(n, n_outputs)``.
        origin: What the messages name, e.g. ``"mnist (train)"``.

    Raises:
        DataError: If an array is empty, not numeric, not finite or of another shape, or if the lengths differ.
    """
    for name, array in (("x", x), ("y", y)):
        _check_numbers(array, f"{name} of {origin}")
    if len(x) != len(y):
        raise DataError(f"{origin}: expected as many samples as targets, got {len(x)} in x and {len(y)} in y; "
                        f"the two belong to different sets or one is cut short")
    return RawSamples(channels_first(x, origin), _targets(y, origin))


def infer_task(raw: RawSamples, origin: str) -> Task:
    """The task a training set defines: labels 0..k-1 make k classes, floats a regression.

    Raises:
        DataError: If a class is missing or if there is only one.
    """
    shape = raw.x.shape[1:]
    if raw.is_classification:
        task = Task("classification", shape, int(raw.y.max()) + 1)
        _check_labels(raw, task.n_outputs, origin, complete=True)
        check_size(shape, task.n_outputs, origin)
        return task
    check_size(shape, None, origin)
    return Task("regression", shape, raw.y.shape[1])


def check_task(raw: RawSamples, task: Task, origin: str, *, complete: bool) -> None:
    """Raises :class:`DataError` unless ``raw`` fits the task and, if ``complete``, has samples of every class."""
    kind = "classification" if raw.is_classification else "regression"
    if (kind, raw.x.shape[1:]) != (task.kind, task.input_shape):
        raise DataError(f"{origin}: expected {task.kind} of samples of shape {task.input_shape}, got {kind} of shape "
                        f"{raw.x.shape[1:]}; store the arrays as in the training set of this data set")
    if raw.is_classification:
        _check_labels(raw, task.n_outputs, origin, complete=complete)
    elif raw.y.shape[1] != task.n_outputs:
        raise DataError(f"{origin}: expected {task.n_outputs} targets a sample, got {raw.y.shape[1]}; store the arrays "
                        f"as in the training set of this data set")


def _check_labels(raw: RawSamples, n_classes: int, origin: str, *, complete: bool) -> None:
    low, high = int(raw.y.min()), int(raw.y.max())
    if low < 0 or high >= n_classes:
        raise DataError(f"labels of {origin}: expected classes 0 to {n_classes - 1}, got {low} to {high}; renumber or "
                        f"remove the others")
    if not complete:
        return
    if low == high:
        raise DataError(f"labels of {origin}: expected at least two classes, got only class {low}; there is nothing to "
                        f"tell apart")
    present = np.unique(raw.y)
    if len(present) < n_classes:
        absent = np.setdiff1d(np.arange(min(n_classes, len(present) + 1)), present)[0]
        raise DataError(f"labels of {origin}: expected samples of every class from 0 to {n_classes - 1}, got "
                        f"{len(present)} classes and none of class {absent}; number the classes without gaps")


def _check_numbers(array: NDArray[Any], name: str) -> None:
    if array.dtype.kind not in "buif":
        raise DataError(f"{name}: expected numbers, got dtype {array.dtype}; convert it to uint8, int64 or float32")
    if array.ndim == 0 or array.size == 0:
        raise DataError(f"{name}: expected at least one sample and one value, got an array of shape {array.shape}; "
                        f"store the samples")
    if array.dtype.kind == "f":
        limit = float(np.finfo(np.float32).max)
        with np.errstate(invalid="ignore"):
            largest = max(-float(array.min()), float(array.max()))
        if not largest <= limit:  # so written because NaN compares false
            bad = ~(np.abs(array) <= limit)
            first = np.flatnonzero(bad.reshape(len(array), -1).any(axis=1))[0]
            raise DataError(f"{name}: expected finite float32 numbers, got {int(bad.sum())} NaN, infinite or larger "
                            f"values, the first in sample {first}; remove or impute them")


def channels_first(x: NDArray[Any], origin: str) -> NDArray[Any]:
    """``x`` of :func:`raw_samples` as :class:`RawSamples` holds it; raises :class:`DataError` for another shape."""
    if x.ndim == 2:
        return np.ascontiguousarray(x)
    if x.ndim == 3:
        return np.ascontiguousarray(x[:, None])
    if x.ndim == 4:
        first, last = x.shape[1] in CHANNELS, x.shape[3] in CHANNELS
        if first != last:
            return np.ascontiguousarray(x if first else np.moveaxis(x, 3, 1))
    raise DataError(
        f"x of {origin}: expected (n, n_features), (n, height, width), or (n, height, width, channels) or (n, "
        f"channels, height, width) with 1 or 3 channels on one side only, got shape {x.shape}; reshape it"
    )


def _targets(y: NDArray[Any], origin: str) -> Ints | Doubles:
    if y.dtype.kind == "f" and y.ndim in (1, 2):
        return np.ascontiguousarray(y.reshape(len(y), -1), np.float64)
    if y.dtype.kind != "f" and y.ndim == 1:
        return np.ascontiguousarray(y, np.int64)
    raise DataError(f"y of {origin}: expected integer labels of shape (n,), or float targets of shape (n,) or (n, "
                    f"n_outputs), got {y.dtype} of shape {y.shape}; reshape or convert it")
