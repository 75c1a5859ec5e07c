"""Check of the test samples at the start of a run; nothing that is read of them is kept.

The samples are read as :mod:`evonas.data.test_split` reads them: otherwise an unknown label, a missing value or a short
row would be found only when the search is over. Large arrays are mapped, so that memory holds little of them at a time.
"""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np

from evonas.data.archives import array_shapes
from evonas.data.arrays import RawSamples, check_task
from evonas.data.axes import channels_first
from evonas.data.locating import expanded
from evonas.data.own_files import FileOptions, array_names, is_own_file, is_table
from evonas.data.own_sources import own_source
from evonas.data.own_tables import no_column
from evonas.data.room import check_size
from evonas.data.samples import Splits
from evonas.data.table_files import read_columns
from evonas.types import DataError


def check_test_set(splits: Splits, options: FileOptions) -> None:
    """Check that test samples in the user's own files, if there are any, fit the samples of the run.

    Raises:
        DataError: They have another shape, an array or a column is missing, or the test could not use a label or a
            value.
    """
    if not is_own_file(splits.name):
        return
    path = expanded(splits.name)
    if is_table(path):
        _check_table(path, splits, options)
    else:
        _check_arrays(path, splits, options)


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


def _check_arrays(path: Path, splits: Splits, options: FileOptions) -> None:
    file = options.test or path
    names = array_names(file, "test", own=file != path)
    shapes = array_shapes(file, names)
    if options.test is None and not shapes:
        return
    if len(shapes) < 2:
        raise DataError(f"{file}: expected the arrays {' and '.join(names)} for the test, or none of them, got "
                        f"{f'only {next(iter(shapes))}' if shapes else 'neither'}; store the other, too")
    origin, x = f"{file} (test)", shapes[names[0]]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # axes and kind of task are known, of the training samples
        if x and 0 not in x:
            _check_shape(x[1:], origin, splits)
        raw = own_source(path, options).read(path.parent, "test", like=_like(splits))
    check_task(raw, splits.task, origin, complete=False)


def _check_shape(shape: tuple[int, ...], origin: str, splits: Splits) -> None:
    """Refuse samples of another shape before any is read."""
    check_size(shape, None, origin)
    one, _ = channels_first(np.zeros((1, *shape), np.uint8), origin, splits.axes)
    if one.shape[1:] != splits.task.input_shape:
        raise DataError(f"x of {origin}: expected samples of shape {splits.task.input_shape}, got {one.shape[1:]}; "
                        f"store the arrays as in the training set of this data set")
