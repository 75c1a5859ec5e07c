"""Validation of arrays that were read: they become checked raw samples and a task."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from evonas.data.axes import Axes, channels_first
from evonas.data.npy_files import NUMBERING
from evonas.data.room import check_size
from evonas.data.targets import read_targets
from evonas.types import DataError, Doubles, Ints, Task

Kind: TypeAlias = Literal["classification", "regression"]


@dataclass(frozen=True, eq=False)
class RawSamples:
    """Samples as stored, not normalised.

    Attributes:
        x: C-contiguous, shape ``(n, *input_shape)``, channels first; of the type in the file.
        y: int64 labels of shape ``(n,)``, or float64 targets of shape ``(n, n_outputs)``.
        axes: Axes of the file's array; None for a table.
        columns: Names of the feature columns of a table; empty if they have no names.
        classes: Names of the classes, if labels have names.
        groups: Group of each sample, any values ``(n,)``; None without groups.
        categories: Categories by column of a table, for columns that are encoded as one feature per category, in order.
        targets: Names of the targets of a table.
        weights: Weight of each sample, positive float64 ``(n,)``; None if all weigh the same.
    """

    x: NDArray[Any]
    y: Ints | Doubles
    axes: Axes | None = None
    columns: tuple[str, ...] = ()
    classes: tuple[str, ...] = ()
    groups: NDArray[Any] | None = None
    categories: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    targets: tuple[str, ...] = ()
    weights: Doubles | None = None

    @property
    def is_classification(self) -> bool:
        """Whether ``y`` holds labels."""
        return self.y.dtype.kind == "i"


def raw_samples(
    x: NDArray[Any], y: NDArray[Any], origin: str, *, axes: Axes | None = None, task: Kind | None = None,
    missing: bool = False,
) -> RawSamples:
    """Check one part of a data set and convert it to raw samples.

    Args:
        x: Features ``(n, n_features)``, or signals or images whose axes :mod:`evonas.data.axes` describes.
        y: Integer labels ``(n,)``, or float targets ``(n,)`` or ``(n, n_outputs)``.
        origin: Description of the data for messages, e.g. ``"mnist (train)"``.
        axes: Axes of ``x``; None infers them from its shape.
        task: Kind of task, see :func:`evonas.data.targets.read_targets`; None infers it from the type of ``y``.
        missing: Whether features may be NaN, to be imputed.

    Raises:
        DataError: If an array is empty, not numeric, not finite or of another shape, or if the lengths differ.
    """
    for name, array in (("x", x), ("y", y)):
        if name == "y" and array.dtype.kind in "US" and task != "regression":
            raise DataError(f"y of {origin}: expected numbers, got dtype {array.dtype}; {NUMBERING}")
        _check_numbers(array, f"{name} of {origin}", missing=missing and name == "x" and x.ndim == 2)
    if len(x) != len(y):
        raise DataError(f"{origin}: expected as many samples as targets, got {len(x)} in x and {len(y)} in y; "
                        f"the two belong to different sets or one is cut short")
    x, axes = channels_first(x, origin, axes)
    if y.dtype.kind in "iu" and y.size and task != "regression":
        check_size(x.shape[1:], int(y.max()) + 1, origin)
    return RawSamples(x, read_targets(y, origin, task), axes)


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
    """Check that samples fit a task.

    Args:
        raw: The samples.
        task: The task.
        origin: Description of the data for messages.
        complete: Whether there must be samples of every class.

    Raises:
        DataError: The samples have another shape, kind or class, or a class is missing.
    """
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
                        f"{len(present)} classes and none of class {absent}; number the classes without gaps, "
                        f"or give the task (--task) regression where these are quantities")


def _check_numbers(array: NDArray[Any], name: str, *, missing: bool) -> None:
    if array.dtype.kind not in "buif":
        raise DataError(f"{name}: expected numbers, got dtype {array.dtype}; convert it to uint8, int64 or float32")
    if array.ndim == 0 or array.size == 0:
        raise DataError(f"{name}: expected at least one sample and one value, got an array of shape {array.shape}; "
                        f"store the samples")
    if array.dtype.kind == "f":
        limit = float(np.finfo(np.float32).max)
        with np.errstate(invalid="ignore"):
            largest = max(-float(array.min()), float(array.max()))
        if not largest <= limit and (bad := _unfit(array, limit, missing=missing)).any():  # NaN compares as false
            first = np.flatnonzero(bad.reshape(len(array), -1).any(axis=1))[0]
            raise DataError(f"{name}: expected finite float32 numbers, got {int(bad.sum())} NaN, infinite or larger "
                            f"values, the first in sample {first}; remove or impute them")


def _unfit(array: NDArray[Any], limit: float, *, missing: bool) -> NDArray[np.bool_]:
    with np.errstate(invalid="ignore"):
        bad: NDArray[np.bool_] = np.abs(array) > limit if missing else ~(np.abs(array) <= limit)
    return bad
