"""Check of the test samples at the start of a run; nothing that is read of them is kept.

The samples are read as :mod:`evonas.data.test_split` reads them: otherwise an unknown label, a missing value or a short
row would be found only when the search is over. Large arrays are mapped, so that memory holds little of them at a time.
"""

from __future__ import annotations

import warnings
from itertools import combinations
from pathlib import Path

import numpy as np

from evonas.data.archives import array_shapes
from evonas.data.arrays import Kind, RawSamples, check_task
from evonas.data.axes import channels_first
from evonas.data.locating import expanded
from evonas.data.npy_files import SUFFIX as NPY
from evonas.data.own_files import ARRAYS, FileOptions, array_names, is_own_file, is_table
from evonas.data.own_sources import own_source
from evonas.data.own_tables import no_column
from evonas.data.room import check_size
from evonas.data.samples import Splits
from evonas.data.sources import Part
from evonas.data.table_files import read_columns
from evonas.types import DataError


def check_test_set(splits: Splits, options: FileOptions, task: Kind | None = None) -> None:
    """Check that test samples in the user's own files, if there are any, fit the samples of the run.

    Args:
        splits: Training and validation samples.
        options: Options of the files.
        task: Kind of task as the user gave it.

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
        _check_arrays(path, splits, options, task)


def check_apart(name: str | Path, options: FileOptions) -> None:
    """Check that no file of samples is that of two parts of the user's own data set; a link is the file it leads to.

    Args:
        name: Name or path of the data set.
        options: Name the files of validation and test samples.

    Raises:
        DataError: The training samples would be those of validation or test, too, or these the same.
    """
    path = expanded(name)
    if not is_own_file(name) or not path.is_file():
        return
    files: dict[Part, Path] = {"train": path}
    others: tuple[Part, ...] = ("validation", "test")
    for part in others:
        other, names = getattr(options, part), ARRAYS[part]
        if isinstance(other, Path) and other.is_file():
            # An archive of all parts names each, so that it can be given for any of them.
            if is_table(other) or other.suffix == NPY or not array_shapes(other, names):
                files[part] = other
        elif other is None and path.suffix == NPY and len(array_shapes(path, names)) == len(names):
            files[part] = path.with_name(names[0] + NPY)
    for (second, two), (first, one) in combinations(reversed(files.items()), 2):
        if one.samefile(two):
            kind = "training" if first == "train" else first
            raise DataError(f"{second} (--{second}): expected other samples than those of {kind}, got {two}: these are "
                            f"the {kind} samples; give a file of others")


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


def _check_arrays(path: Path, splits: Splits, options: FileOptions, task: Kind | None) -> None:
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
        raw = own_source(path, options).read(path.parent, "test", task=task, like=_like(splits))
    check_task(raw, splits.task, origin, complete=False)


def _check_shape(shape: tuple[int, ...], origin: str, splits: Splits) -> None:
    """Refuse samples of another shape before any is read."""
    check_size(shape, None, origin)
    one, _ = channels_first(np.zeros((1, *shape), np.uint8), origin, splits.axes)
    if one.shape[1:] != splits.task.input_shape:
        raise DataError(f"x of {origin}: expected samples of shape {splits.task.input_shape}, got {one.shape[1:]}; "
                        f"store the arrays as in the training set of this data set")
