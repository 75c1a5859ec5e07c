"""Data sets in the user's own files as sources, and samples without targets."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from evonas.data.archives import read_named
from evonas.data.arrays import raw_samples
from evonas.data.axes import Axes
from evonas.data.categories import encode_features
from evonas.data.npy_files import SUFFIX, check_ending
from evonas.data.own_archives import read_arrays
from evonas.data.own_files import FileOptions, array_names, in_folder, is_table
from evonas.data.own_tables import read_part, wanted_columns
from evonas.data.sources import Part, Source
from evonas.data.table_files import read_table
from evonas.types import DataError, Task


def own_source(path: Path, options: FileOptions) -> Source:
    """The data set in the user's own file.

    Raises:
        DataError: Options do not fit the kind of file.
    """
    if not is_table(path):
        for name in ("target", "ignore", "categorical"):
            value = getattr(options, name)
            if value:
                raise DataError(f"{name} (--{name}): expected none for {path}, which has no columns, got "
                                f"{value if isinstance(value, str) else ', '.join(value)}; leave it out")
    others: tuple[tuple[Part, object], ...] = (("validation", options.validation), ("test", options.test))
    check_ending(path)
    for kind, other in others:
        if isinstance(other, Path) and is_table(other) != is_table(path):
            raise DataError(f"{kind} (--{kind}): expected a file of the same kind as {path}, got {other}; store both "
                            f"as tables, or both as arrays")
        if isinstance(other, Path) and not other.is_file():
            raise DataError(f"{kind} (--{kind}): expected the path of a file, got {other}, which is no file"
                            + (in_folder(other, kind) or f"; check the path (it counts from {Path.cwd()})"))
        if isinstance(other, Path):
            check_ending(other)
    if isinstance(options.test, Path) and options.test == options.validation:
        raise DataError(f"test (--test): expected other samples than those of validation (--validation), got "
                        f"{options.test} for both; what networks are chosen by says nothing about new samples")
    read = read_part if is_table(path) else read_arrays
    return Source(
        name=str(path), task=None, files={path.name: None}, read=partial(read, path, options), origin="check the path"
    )


def read_features(path: Path, options: FileOptions, task: Task, axes: Axes | None) -> NDArray[Any]:
    """Samples without targets, ``(n, *input_shape)``; missing values that are imputed are NaN.

    Args:
        path: A table with the columns of ``options``, an archive with ``x_test`` or ``x``, or an ``.npy`` file.
        options: Options of the training samples.
        task: Task of the samples.
        axes: Axes of the training samples.

    Raises:
        DataError: The file cannot be read, or does not fit.
    """
    missing = options.impute is not None
    check_ending(path)
    if is_table(path):
        table = replace(read_table(path, tuple(options.categories)), is_settled=True)
        if not options.columns:
            raise DataError(f"{path}: expected an array, as the training samples were, got a table; store the samples "
                            f"as an array x with numpy.savez")
        x = encode_features(table, wanted_columns(table, options.columns), options.categories, missing=missing)
    else:
        name = path.stem if path.suffix == SUFFIX else array_names(path, "test", own=True)[0]
        (x,) = read_named(path, [name])
        nothing = np.zeros(len(x) if x.ndim else 0)
        x = raw_samples(x, nothing, str(path), axes=axes, task="regression", missing=missing).x
    if x.shape[1:] != task.input_shape:
        raise DataError(f"{path}: expected samples of shape {task.input_shape}, got {x.shape[1:]}; give what the "
                        f"training samples had")
    return x
