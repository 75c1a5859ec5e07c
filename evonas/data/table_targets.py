"""The target of a table: names of classes, numbers of classes, or quantities."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from evonas.data.arrays import Kind
from evonas.data.errors import DataError
from evonas.data.tables import Table, check_finite
from evonas.data.targets import read_targets
from evonas.types import Doubles, Ints


def table_targets(
    table: Table, name: str, task: Kind | None, classes: tuple[str, ...]
) -> tuple[Ints | Doubles, tuple[str, ...]]:
    """Labels ``(n,)``, numbered in the order of their classes, and these; or targets ``(n, 1)`` of a regression.

    Numbers are read as :func:`evonas.data.targets.read_targets` reads them, all else is the name of a class.

    Args:
        table: Was read with the column as texts.
        name: Of the column.
        task: None lets the values decide.
        classes: Those that there are; empty takes the column's own, in order.

    Raises:
        DataError: A value is missing, infinite or none of a regression's, or a class is none of those that there are.
    """
    import pandas as pd

    origin = f"{table.path}, column {name}"
    texts = table.texts(name, "a label or a number")
    numbers = pd.to_numeric(pd.Series(texts), errors="coerce")
    strange = numbers.isna().to_numpy()
    labels: NDArray[Any] = texts
    if not strange.any():
        values = numbers.to_numpy() if numbers.dtype.kind in "iuf" else numbers.to_numpy(np.float64)
        check_finite(values.astype(np.float64), table, name)
        y = read_targets(values, origin, task)
        if y.dtype.kind == "f":
            return y, ()
        labels = y
    elif task == "regression":
        raise DataError(f"column {name} of {table.path}: expected numbers for a regression, got "
                        f"{str(texts[strange.argmax()])[:40]!r} {table.where(strange)}; correct the rows, or leave out "
                        f"task (--task)")
    found, y = np.unique(labels, return_inverse=True)
    known = [str(label) for label in found]
    if not classes:
        return y.astype(np.int64), tuple(known)
    number_of = {label: number for number, label in enumerate(classes)}
    for number, label in enumerate(known):
        if label not in number_of:
            raise DataError(f"column {name} of {table.path}: expected the classes {', '.join(classes[:20])}, got "
                            f"{label[:40]!r} {table.where(y == number)}; correct the label or remove the rows")
    return np.array([number_of[label] for label in known], np.int64)[y], classes


def check_varied(y: Ints | Doubles, classes: tuple[str, ...], table: Table, name: str) -> None:
    """Raises :class:`DataError` for a target that is always the same, or a class with one sample."""
    if (y == y[0]).all():
        value = classes[int(y[0])] if classes else f"{float(y[0, 0]):g}"
        raise DataError(f"column {name} of {table.path}: expected a target that differs, got {value[:40]!r} in all "
                        f"{len(y)} rows; there is nothing to learn, name another column")
    counts = np.bincount(y) if classes else np.zeros(0)
    if (alone := counts == 1).any():
        label, n = int(alone.argmax()), int(alone.sum())
        more = "" if n == 1 else f", the first of {n} such classes"
        number = classes[label].lstrip("-").isdigit()
        quantities = ", or give the task (--task) regression where these are quantities" if number else ""
        raise DataError(f"column {name} of {table.path}: expected at least 2 samples of every class, got 1 of "
                        f"{classes[label][:40]!r} {table.where(y == label)}{more}; add samples, or merge or remove the "
                        f"class{quantities}")
