"""Check of the test samples at the start of a run; nothing that is read of them is kept.

Only the headers of arrays are read. A table has only the names of its columns as a header, so it is read completely:
otherwise an unknown label or a short row would be found only when the search is over.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from evonas.data.archives import array_shapes
from evonas.data.arrays import RawSamples
from evonas.data.axes import Axes, channels_first
from evonas.data.locating import expanded
from evonas.data.own_files import FileOptions, array_names, is_own_file, is_table
from evonas.data.own_sources import own_source
from evonas.data.own_tables import no_column
from evonas.data.room import check_size
from evonas.data.samples import Splits
from evonas.data.table_files import read_columns
from evonas.types import DataError, Task


def check_test_set(splits: Splits, options: FileOptions) -> None:
    """Check that test samples in the user's own files, if there are any, fit the samples of the run.

    Raises:
        DataError: They have another shape, an array or a column is missing, or a table has a label or a value that the
            test could not use.
    """
    if not is_own_file(splits.name):
        return
    path = expanded(splits.name)
    if is_table(path):
        _check_table(path, splits, options)
    else:
        _check_arrays(path, options, splits.task, splits.axes)


def _like(splits: Splits) -> RawSamples:
    """Training samples without rows, which determine how test samples are read."""
    labels = splits.task.kind == "classification"
    y = np.empty(0, np.int64) if labels else np.empty((0, splits.task.n_outputs))
    return RawSamples(
        np.empty((0, *splits.task.input_shape)), y, splits.axes, splits.columns, splits.classes,
        categories=splits.categories, targets=splits.targets,
    )


def _check_table(path: Path, splits: Splits, options: FileOptions) -> None:
    if options.test is None:
        return
    there = read_columns(options.test)
    for name in (*splits.columns, *splits.targets):
        if name not in there:
            raise no_column(name, options.test, there)
    own_source(path, options).read(path.parent, "test", like=_like(splits))


def _check_arrays(path: Path, options: FileOptions, task: Task, axes: Axes | None) -> None:
    file = options.test or path
    names = array_names(file, "test", own=options.test is not None)
    shapes = array_shapes(file, names)
    if options.test is None and not shapes:
        return
    if len(shapes) < 2:
        raise DataError(f"{file}: expected the arrays {' and '.join(names)} for the test, or none of them, got only "
                        f"{''.join(shapes)}; store the other, too")
    x, y = (shapes[name] for name in names)
    if not x or not y or 0 in (x[0], y[0]):  # there are no readable test samples
        return
    _check_shapes(x, y, f"{file} (test)", task, axes)


def _check_shapes(
    x: tuple[int, ...], y: tuple[int, ...], origin: str, task: Task, axes: Axes | None
) -> None:
    check_size(x[1:], None, origin)
    one, _ = channels_first(np.zeros((1, *x[1:]), np.uint8), origin, axes)
    if one.shape[1:] != task.input_shape:
        raise DataError(f"x of {origin}: expected samples of shape {task.input_shape}, got {one.shape[1:]}; store the "
                        f"arrays as in the training set of this data set")
    if x[0] != y[0]:
        raise DataError(f"{origin}: expected as many samples as targets, got {x[0]} in x and {y[0]} in y; the two "
                        f"belong to different sets or one is cut short")
    n_targets = int(np.prod(y[1:]))
    if task.kind == "regression" and n_targets != task.n_outputs:
        raise DataError(f"y of {origin}: expected {task.n_outputs} targets a sample, got {n_targets}; store the arrays "
                        f"as in the training set of this data set")
