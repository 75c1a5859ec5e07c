"""Options of data sets in the user's own files, and what their names say: archives and tables.

A second file may hold the validation or the test samples. :mod:`evonas.data.own_archives` and
:mod:`evonas.data.own_tables` read them, :mod:`evonas.data.own_sources` chooses between these.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, TypeAlias

import numpy as np

from evonas.data.archives import array_shapes
from evonas.data.arrays import RawSamples
from evonas.data.categories import Categories, feature_names
from evonas.data.npy_files import SUFFIX as NPY
from evonas.data.sources import Part
from evonas.data.table_files import TABLE_SUFFIXES
from evonas.types import DataError, Doubles, Ints

#: Replacement of missing values: a statistic of each feature over the training samples.
Imputation: TypeAlias = Literal["mean", "median"]
#: Suffixes of files that users can give instead of the name of a data set.
SUFFIXES = (".npz", NPY, *TABLE_SUFFIXES)
#: Names of a part's arrays in the archive of the training samples, and in a file that holds one part only.
ARRAYS = {"train": ("x_train", "y_train"), "validation": ("x_val", "y_val"), "test": ("x_test", "y_test")}
PLAIN_ARRAYS = ("x", "y")


@dataclass(frozen=True)
class FileOptions:
    """Options for reading the user's own files, beside ``axes`` and ``task``.

    Attributes:
        target: Column of a table that is to be predicted; several of a regression, or their names with commas.
        groups: Column of a table, or array of an archive: samples with the same value are never on both sides of the
            split into training and validation samples.
        weights: Column of a table, or array of an archive: what each sample counts, in training and in the error on
            the validation samples; samples that count 0 are left out. Test samples all count alike; where they have
            weights, too (the column, or ``w_test`` beside ``w_train``), they are measured both ways.
        ignore: Columns of a table that are no features.
        impute: Replacement of missing values of features; None refuses them.
        validation: A file with the validation samples; ``"split"`` holds some of the training samples back even where
            an archive has ``x_val`` and ``y_val``, which None takes.
        test: A file with the test samples; None: an archive may have ``x_test`` and ``y_test``.
        columns: The features of a table in their order; empty are all that are nothing else.
        classes: Names of the classes in the order of the outputs; empty are those of a table's target, in order, or
            those in the array ``classes`` of an archive.
        categorical: Columns of a table whose values are categories, also where they are numbers or many.
        categories: Categories by columns of a table, each of which becomes a feature; empty are those of the columns
            of texts.
    """

    target: str | tuple[str, ...] | None = None
    groups: str | None = None
    weights: str | None = None
    ignore: tuple[str, ...] = ()
    impute: Imputation | None = None
    validation: Path | Literal["split"] | None = None
    test: Path | None = None
    columns: tuple[str, ...] = ()
    classes: tuple[str, ...] = ()
    categorical: tuple[str, ...] = ()
    categories: Categories = field(default_factory=dict)


NO_OPTIONS = FileOptions()


def is_own_file(name: str | Path) -> bool:
    """Whether the name of a data set is the path of a file."""
    return str(name).endswith(SUFFIXES)


def has_validation(path: Path, options: FileOptions) -> bool:
    """Whether the user's own files hold validation samples."""
    if options.validation is not None:
        return isinstance(options.validation, Path)
    return not is_table(path) and len(array_shapes(path, ARRAYS["validation"])) > 0


def is_table(path: Path) -> bool:
    """Whether a file is a table, according to its name."""
    return str(path).endswith(TABLE_SUFFIXES)


def in_folder(folder: Path, part: Part = "train") -> str:
    """The file of samples in a folder as advice, ``"; give FILE"``: that of the part, or the only one; else nothing."""
    usual = folder / (ARRAYS[part][0] + NPY)
    if usual.is_file():
        return f"; give {usual}"
    there: list[Path] = []
    if folder.is_dir():
        with suppress(OSError):
            there = [file for file in folder.iterdir() if is_own_file(file) and file.is_file()]
    named = [file for file in there if file.suffix != NPY or file.stem.startswith("x")]
    return f"; give {named[0]}" if len(named) == 1 else ""


def file_of(path: Path, options: FileOptions, part: Part) -> Path:
    """The file that holds a part of the data set.

    Args:
        path: File with the training samples.
        options: Name the files of validation and test samples.
        part: The part.
    """
    other = {"train": None, "validation": options.validation, "test": options.test}[part]
    return other if isinstance(other, Path) else path


def array_names(path: Path, part: Part, *, own: bool) -> tuple[str, ...]:
    """Names of a part's arrays in a file, or of the ``.npy`` files beside one: samples and targets.

    Args:
        path: The archive, or the file with the samples.
        part: The part.
        own: Whether the file holds this part only.

    Raises:
        DataError: The name of an ``.npy`` file of samples does not tell that of its targets.
    """
    if path.suffix == NPY and (own or part == "train"):
        if not path.stem.startswith("x"):
            samples = path.with_name(f"x{path.stem[1:]}{NPY}")
            if path.stem.startswith("y") and samples.is_file():
                raise DataError(f"{path}: expected the file of samples, got that of the targets beside it: give "
                                f"{samples}")
            raise DataError(f"{path}: expected a name that begins with x, like x_train.npy beside y_train.npy, got "
                            f"{path.name}; rename it, and its targets")
        return path.stem, f"y{path.stem[1:]}"
    plain = own and not array_shapes(path, ARRAYS[part])
    return PLAIN_ARRAYS if plain else ARRAYS[part]


def imputation(raw: RawSamples, rows: Ints, kind: Imputation, origin: str) -> Doubles:
    """Replacements of missing values, ``(n_features,)``: a statistic over the given rows.

    Args:
        raw: All samples.
        rows: Rows of the training samples.
        kind: Name of the statistic.
        origin: Description of the data for messages.

    Raises:
        DataError: A feature has no value in these rows.
    """
    x = raw.x[rows].astype(np.float64)
    empty = np.isnan(x).all(axis=0)
    if empty.any():
        column = int(empty.argmax())
        name = feature_names(raw.columns, raw.categories)[column] if raw.columns else str(column)
        raise DataError(f"column {name} of {origin}: expected a value in some training sample, got none; leave the "
                        f"column out")
    fill: Doubles = np.nanmean(x, axis=0) if kind == "mean" else np.nanmedian(x, axis=0)
    return fill
