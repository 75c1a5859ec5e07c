"""Samples in memory that hold something else than finite numbers: a message names the column and the sample."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import islice
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from evonas.types import DataError

#: Columns that a message names.
MOST_NAMED = 5
#: Remedies for text and for other values that are no numbers.
ENCODE = (
    "encode it as numbers, as sklearn.preprocessing.OneHotEncoder does, leave it out, or give evonas.evolve the path "
    "of a table, whose texts it encodes itself"
)
CONVERT = "convert it to numbers, or leave it out"
COMPLETE = "complete or remove the samples, or impute them, as sklearn.impute.SimpleImputer does"


class Strange(NamedTuple):
    """The first value of a column that is no finite number."""

    column: str
    row: int
    value: object


@contextmanager
def names_columns(x: Any, y: Any = None) -> Iterator[None]:
    """Names the column and the sample in what scikit-learn's checks raise meanwhile, where one is to blame.

    Args:
        x: Samples as they were given to an estimator, ``(n, ...)``: an array, a frame, a list.
        y: Targets that must be numbers, ``(n,)`` or ``(n, n_outputs)``; None where they need not be.

    Raises:
        DataError: A value is text, missing or infinite.
        TypeError: A value is something else, and scikit-learn raises that.
    """
    try:
        yield
    except (TypeError, ValueError) as error:
        found, name = strange_values(x), "X"
        if not found and y is not None:
            found, name = strange_values(y), "y"
        if not found:
            raise
        if isinstance(error, TypeError):
            raise TypeError(f"{strange_sentence(found, name)} ({error})") from error
        raise DataError(strange_sentence(found, name)) from error


def as_numbers(x: Any, name: str) -> NDArray[Any]:
    """An array of the samples, in which a frame or list of numbers of several kinds has one type.

    Args:
        x: Samples ``(n, ...)``.
        name: Name of the argument, for the message.

    Raises:
        DataError: A value is text or no number at all. Missing and infinite ones are left as they are.
    """
    array = np.asarray(x)
    if array.dtype.kind in "buifc" or array.ndim == 0:
        return array
    found = [each for each in strange_values(x) if not _is_missing(each.value)]
    if found:
        raise DataError(strange_sentence(found, name))
    try:
        numbers: NDArray[Any] = array.astype(np.float64)
    except (TypeError, ValueError):
        return array
    return numbers


def strange_sentence(found: Sequence[Strange], name: str) -> str:
    """Message about columns with strange values.

    Args:
        found: The first of each.
        name: Name of the argument.
    """
    column, row, value = found[0]
    place = f"in {column}, sample {row}" if column else f"for sample {row}"
    if len(found) > 1:
        columns = ", ".join(each.column.removeprefix("column ") for each in islice(found, MOST_NAMED))
        place += f", the first of {len(found)} such columns ({columns}{', ...' if len(found) > MOST_NAMED else ''})"
    if _is_missing(value):
        return f"{name}: expected a finite number for every sample, got NaN {place}; {COMPLETE}"
    if isinstance(value, float | np.floating):
        return f"{name}: expected finite float64 numbers, got infinity {place}; correct or remove the samples"
    what, remedy = ("text", ENCODE if name.lower() == "x" else CONVERT) if _is_text(value) else ("a value", CONVERT)
    return f"{name}: expected numbers, got {what}, {_short(value)}, {place}; {remedy}"


def strange_values(x: Any) -> list[Strange]:
    """The first value of each column that is text, missing, infinite or no number; empty where all is well.

    Args:
        x: Samples ``(n, ...)``. Axes after the first two have no columns: then it is the first of all.
    """
    try:
        columns = list(_columns(x))
    except (TypeError, ValueError):  # no array, which is another matter
        return []
    found = [Strange(name, *first) for name, values in columns if (first := _first(values)) is not None]
    texts = [Strange(name, 0, values.ravel()[0].item()) for name, values in columns if values.dtype.kind in "US"]
    return found or texts  # scikit-learn takes no array of texts, though each may be a number


def _columns(x: Any) -> Iterator[tuple[str, NDArray[Any]]]:
    if hasattr(x, "columns") and hasattr(x, "iloc"):  # a frame of pandas, whose columns have types of their own
        for place, label in enumerate(x.columns):
            yield f"column {label!r}", np.asarray(x.iloc[:, place])
        return
    array = np.asarray(x)
    if array.dtype.kind in "US" and not isinstance(x, np.ndarray):  # numbers of a list have become texts beside others
        array = np.array(x, object)
    if array.ndim == 2:
        labels = getattr(x, "columns", range(array.shape[1]))
        yield from ((f"column {label!r}", array[:, place]) for place, label in enumerate(labels))
    elif array.ndim:
        yield "", array


def _first(values: NDArray[Any]) -> tuple[int, object] | None:
    """Row and value of the first that is no finite number."""
    if values.dtype.kind in "bui":
        return None
    if values.dtype.kind == "f":
        bad = ~np.isfinite(values).reshape(len(values), -1).all(axis=1)
        if not bad.any():
            return None
        row = int(bad.argmax())
        inside = np.ravel(values[row])
        return row, float(inside[~np.isfinite(inside)][0])
    if values.dtype.kind not in "OUS":
        return (0, values[0]) if values.size and values.dtype.kind in "Mm" else None
    for row, each in enumerate(values.reshape(len(values), -1)):
        for value in each.tolist():
            if _is_missing(value) or not (_is_number(value) and math.isfinite(float(value))):
                return row, value
    return None


def _is_number(value: Any) -> bool:
    try:
        float(value)
    except (TypeError, ValueError, OverflowError):
        return False
    return True


def _is_missing(value: object) -> bool:
    """None, NaN, and what pandas has for missing values; those are not equal to themselves, or do not say."""
    if value is None or type(value).__name__ in ("NAType", "NaTType"):
        return True
    return isinstance(value, float | np.floating) and math.isnan(value)


def _is_text(value: object) -> bool:
    return isinstance(value, str | bytes)


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 40 else f"{text[:40]}..."
