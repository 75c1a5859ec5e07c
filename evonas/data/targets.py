"""Interpretation of the array ``y`` of a file as labels or quantities, and the names of classes in an archive."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from evonas.data.archives import array_shapes, read_named
from evonas.types import DataError, Doubles, Ints

#: Samples per distinct value from which whole numbers look like labels; with fewer they look like quantities.
SAMPLES_A_VALUE = 10
#: Number of distinct integers up to which they are labels, however few samples there are.
MANY_VALUES = 20
#: The array of an archive with the names of the classes, in the order of their numbers.
CLASSES = "classes"


def read_targets(
    y: NDArray[Any], origin: str, task: Literal["classification", "regression"] | None = None
) -> Ints | Doubles:
    """Labels ``(n,)`` or targets ``(n, n_outputs)``; a warning is given if the other was as likely meant.

    Args:
        y: Integers ``(n,)``, or floats ``(n,)`` or ``(n, n_outputs)``.
        origin: Description of the data for messages.
        task: Classification takes whole numbers of any type, and one-hot rows; regression takes integers, too. None:
            integers are labels, floats are targets.

    Raises:
        DataError: Another shape, or labels that are no whole numbers.
    """
    floats = y.dtype.kind == "f"
    if task is None and y.ndim in (1, 2):
        _tell(y, origin)
    if task == "classification":
        return _labels(y, origin)
    if (task == "regression" or floats) and y.ndim in (1, 2):
        return np.ascontiguousarray(y.reshape(len(y), -1), np.float64)
    if not floats and y.ndim == 1:
        return np.ascontiguousarray(y, np.int64)
    raise DataError(f"y of {origin}: expected integer labels of shape (n,), or float targets of shape (n,) or (n, "
                    f"n_outputs), got {y.dtype} of shape {y.shape}; reshape or convert it"
                    + (", or give the task (--task) classification" if _is_one_hot(y) else ""))


def _labels(y: NDArray[Any], origin: str) -> Ints:
    if _is_one_hot(y):
        return np.ascontiguousarray(y.argmax(axis=1), np.int64)
    column = y[:, 0] if y.ndim == 2 and y.shape[1] == 1 else y
    if column.ndim != 1:
        raise DataError(f"y of {origin}: expected labels of shape (n,), or rows of 0 with one 1, got {y.dtype} of "
                        f"shape {y.shape}; reshape or convert it, or give the task (--task) regression")
    if column.dtype.kind == "f" and (broken := column[column != np.rint(column)]).size:
        raise DataError(f"y of {origin}: expected labels that are whole numbers, got {broken[0]:g}; number the classes "
                        f"from 0, or give the task (--task) regression")
    return np.ascontiguousarray(column, np.int64)


def _tell(y: NDArray[Any], origin: str) -> None:
    """Warn of floats that look like labels, and of integers that look like quantities."""
    if y.ndim == 2 and y.shape[1] > 1:
        if y.dtype.kind == "f" and _is_one_hot(y):
            warnings.warn(f"y of {origin} has rows of 0 with one 1, and is taken for {y.shape[1]} targets of a "
                          f"regression, since it is an array of floats; give the task (--task) classification where "
                          f"these are classes", stacklevel=4)
        return
    values = np.unique(y)
    is_whole = y.dtype.kind != "f" or bool((values == np.rint(values)).all())
    looks_like_labels = is_whole and 2 <= len(values) <= max(2, len(y) // SAMPLES_A_VALUE)
    span = f"{len(values)} different whole numbers, {values[0]:g} to {values[-1]:g}"
    what = f"y of {origin} holds {span}, and is taken for"
    if y.dtype.kind == "f" and looks_like_labels:
        warnings.warn(f"{what} the target of a regression, since they are floats; give the task (--task) "
                      f"classification where these are classes, regression to silence this", stacklevel=4)
    if y.dtype.kind in "iu" and not looks_like_labels and len(values) > MANY_VALUES:
        warnings.warn(f"{what} as many classes, since they are integers; give the task (--task) regression where these "
                      f"are quantities, classification to silence this", stacklevel=4)


def _is_one_hot(y: NDArray[Any]) -> bool:
    return y.ndim == 2 and y.shape[1] > 1 and bool(((y == 0) | (y == 1)).all() and (y.sum(axis=1) == 1).all())


def numbered(
    labels: NDArray[Any], classes: tuple[str, ...], origin: str, where: Callable[[NDArray[np.bool_]], str]
) -> tuple[Ints, tuple[str, ...]]:
    """Numbers of labels, ``(n,)``, in the order of their classes, and the names of the classes.

    Args:
        labels: Texts or numbers, ``(n,)``.
        classes: Known classes; empty takes the labels' own, in order.
        origin: Description of the data for messages.
        where: Describes the position of rows, given a mask ``(n,)``.

    Raises:
        DataError: A label is none of the classes.
    """
    found, y = np.unique(labels, return_inverse=True)
    known = [str(label) for label in found]
    if not classes:
        return y.astype(np.int64), tuple(known)
    number_of = {label: number for number, label in enumerate(classes)}
    for number, label in enumerate(known):
        if label not in number_of:
            raise DataError(f"{origin}: expected the classes {', '.join(classes[:20])}, got {label[:40]!r} "
                            f"{where(y == number)}; correct the label or remove the rows")
    return np.array([number_of[label] for label in known], np.int64)[y], classes


def read_names(path: Path) -> tuple[str, ...]:
    """The names of the classes in an archive; empty if it has none, or, with a warning, none that can be used."""
    shapes = array_shapes(path, [CLASSES])
    if CLASSES not in shapes:
        return ()
    if shapes[CLASSES] is None:
        return _unused(path, "an array of objects, which is not read; store it with .astype(str)")
    (array,) = read_named(path, [CLASSES])
    names = tuple(_text(name) for name in array.ravel().tolist())
    if array.ndim != 1 or len(set(names)) != len(names):
        return _unused(path, f"{len(names)} names in an array of shape {array.shape}; give each class one of its own")
    return names


def fitting_names(names: tuple[str, ...], n_classes: int, path: Path) -> tuple[str, ...]:
    """The names of the classes in an archive; empty, with a warning, if their number differs.

    Args:
        names: Names in the archive.
        n_classes: Number of classes.
        path: The archive.
    """
    if names and len(names) != n_classes:
        return _unused(path, f"{len(names)} names for {n_classes} classes; give each class one")
    return names


def _text(value: object) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)


def _unused(path: Path, reason: str) -> tuple[str, ...]:
    warnings.warn(f"the array {CLASSES} of {path} is not used: it is {reason}", stacklevel=4)
    return ()
