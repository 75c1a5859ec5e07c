"""The target of a table: names or numbers of classes, or quantities; or several columns of quantities."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from evonas.data.arrays import Kind
from evonas.data.columns import named_columns
from evonas.data.tables import Table, check_finite
from evonas.data.targets import numbered, read_targets
from evonas.types import DataError, Doubles, Ints


def given_targets(target: str | tuple[str, ...] | None) -> tuple[str, ...]:
    """The texts by which a user names the targets."""
    return () if target is None else (target,) if isinstance(target, str) else target


def target_columns(target: str | tuple[str, ...] | None, there: Sequence[str]) -> tuple[str, ...]:
    """The columns that a user means, see :func:`evonas.data.columns.named_columns`.

    Args:
        target: Option as it was given.
        there: The columns that there are.

    Raises:
        DataError: One is named twice.
    """
    names = named_columns(given_targets(target), there)
    if twice := [name for name in dict.fromkeys(names) if names.count(name) > 1]:
        raise DataError(f"target (--target): expected different columns, got {twice[0]!r} twice; name it once")
    return names


def several_targets(table: Table, names: Sequence[str], task: Kind | None) -> Doubles:
    """The targets of a regression, ``(n, len(names))``.

    Args:
        table: The table.
        names: Names of the target columns.
        task: Kind of task given by the user.

    Raises:
        DataError: A column holds anything but numbers, or another task than a regression was asked for.
    """
    if task == "classification":
        raise DataError(f"target (--target): expected one column with the classes of {table.path}, got "
                        f"{', '.join(names)}; name one, or give the task (--task) regression")
    remedy = "correct the rows, or name no other target"
    columns = [_targets(table, name, "regression", (), remedy)[0] for name in names]
    return np.concatenate(columns, axis=1, dtype=np.float64)


def table_targets(
    table: Table, name: str, task: Kind | None, classes: tuple[str, ...]
) -> tuple[Ints | Doubles, tuple[str, ...]]:
    """Labels ``(n,)``, numbered in the order of their classes, with the classes; or targets ``(n, 1)`` of a regression.

    Numbers are read like in :func:`evonas.data.targets.read_targets`; any other value is the name of a class.

    Args:
        table: Table in which the column was read as texts.
        name: Name of the column.
        task: Kind of task; None infers it from the values.
        classes: Known classes; empty takes the column's own, in order.

    Raises:
        DataError: A value is missing, infinite or not valid for a regression, or a class is unknown.
    """
    return _targets(table, name, task, classes, "correct the rows, or leave out task (--task)")


def _targets(
    table: Table, name: str, task: Kind | None, classes: tuple[str, ...], remedy: str
) -> tuple[Ints | Doubles, tuple[str, ...]]:
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
                        f"{str(texts[strange.argmax()])[:40]!r} {table.where(strange)}; {remedy}")
    return numbered(labels, classes, f"column {name} of {table.path}", table.where)


def check_varied(y: Ints | Doubles, classes: tuple[str, ...], table: Table, names: Sequence[str]) -> None:
    """Check that targets differ and that every class has at least two samples.

    Args:
        y: Labels ``(n,)``, or targets ``(n, len(names))``.
        classes: Names of the classes; empty for a regression.
        table: The table.
        names: Names of the target columns.

    Raises:
        DataError: A target is always the same, or a class has one sample.
    """
    for column, name in zip(y.reshape(len(y), -1).T, names, strict=True):
        _check_varied(column, classes, table, name)


def _check_varied(y: NDArray[Any], classes: tuple[str, ...], table: Table, name: str) -> None:
    if (y == y[0]).all():
        value = classes[int(y[0])] if classes else f"{float(y[0]):g}"
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
