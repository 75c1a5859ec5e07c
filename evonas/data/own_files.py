"""Data sets in the user's own files: archives and tables; a second file may hold the validation or the test samples."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from evonas.data.archives import array_shapes, read_npz
from evonas.data.arrays import Kind, RawSamples, raw_samples
from evonas.data.axes import Axes
from evonas.data.categories import Categories, encode_features, feature_names, find_categories
from evonas.data.columns import column_hint, listed, named_columns
from evonas.data.sources import Part, Source
from evonas.data.table_targets import check_varied, given_targets, several_targets, table_targets, target_columns
from evonas.data.tables import TABLE_SUFFIXES, Table, read_table
from evonas.data.targets import fitting_names, read_names
from evonas.data.weights import check_weights, weighted
from evonas.types import DataError, Doubles, Ints, Task

#: Replacement of missing values: a statistic of each feature over the training samples.
Imputation: TypeAlias = Literal["mean", "median"]
#: Suffixes of files that users can give instead of the name of a data set.
SUFFIXES = (".npz", *TABLE_SUFFIXES)
#: Names of a part's arrays in the archive of the training samples, and in a file that holds one part only.
ARRAYS = {"train": ("x_train", "y_train"), "validation": ("x_val", "y_val"), "test": ("x_test", "y_test")}
PLAIN_ARRAYS = ("x", "y")


@dataclass(frozen=True)
class FileOptions:
    """How files of the user's are read, beside ``axes`` and ``task``.

    Attributes:
        target: Column of a table that is to be predicted; several of a regression, or their names with commas.
        groups: Column of a table, or array of an archive: samples with the same value are never on both sides of the
            split into training and validation samples.
        weights: Column of a table, or array of an archive: what each sample counts, in training and in the error on
            the validation samples; samples that count 0 are left out. Test samples all count alike; where they have
            weights, too (the column, or ``w_test`` beside ``w_train``), they are measured both ways.
        ignore: Columns of a table that are no features.
        impute: What missing values of features are replaced with; None refuses them.
        validation: A file with the validation samples; ``"split"`` holds some of the training samples back even where
            an archive has ``x_val`` and ``y_val``, which None takes.
        test: A file with the test samples; None: an archive may have ``x_test`` and ``y_test``.
        columns: The features of a table in their order; empty are all that are nothing else.
        classes: Names of the classes in the order of the outputs; empty are those of a table's target, in order, or
            those in the array ``classes`` of an archive.
        categorical: Columns of a table whose values are categories, also where they are numbers or many.
        categories: Of columns of a table, each of which becomes a feature; empty are those of the columns of texts.
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


def own_source(path: Path, options: FileOptions) -> Source:
    """The data set in the user's own file.

    Raises:
        DataError: Options do not fit the kind of file.
    """
    if not is_table(path):
        for name in ("target", "ignore", "categorical"):
            value = getattr(options, name)
            if value:
                raise DataError(f"{name} (--{name}): expected none for {path}, which has no columns; leave it out")
    for kind, other in (("validation", options.validation), ("test", options.test)):
        if isinstance(other, Path) and is_table(other) != is_table(path):
            raise DataError(f"{kind} (--{kind}): expected a file of the same kind as {path}, got {other}; store both "
                            f"as tables or both as .npz")
        if isinstance(other, Path) and not other.is_file():
            raise DataError(f"{kind} (--{kind}): expected the path of a file, got {other}, which is no file; check the "
                            f"path (it counts from {Path.cwd()})")
    if isinstance(options.test, Path) and options.test == options.validation:
        raise DataError(f"test (--test): expected other samples than those of validation (--validation), got "
                        f"{options.test} for both; what networks are chosen by says nothing about new samples")
    read = _read_table if is_table(path) else _read_arrays
    return Source(
        name=str(path), task=None, files={path.name: None}, read=partial(read, path, options), origin="check the path"
    )


def has_validation(path: Path, options: FileOptions) -> bool:
    """Whether the user's own files hold validation samples."""
    if options.validation is not None:
        return isinstance(options.validation, Path)
    return not is_table(path) and len(array_shapes(path, ARRAYS["validation"])) > 0


def is_table(path: Path) -> bool:
    """Whether a file is a table, according to its name."""
    return str(path).endswith(TABLE_SUFFIXES)


def _file_of(path: Path, options: FileOptions, part: Part) -> Path:
    other = {"train": None, "validation": options.validation, "test": options.test}[part]
    return other if isinstance(other, Path) else path


def array_names(path: Path, part: Part, *, own: bool) -> tuple[str, ...]:
    """Names of a part's arrays in a file.

    Args:
        path: The archive.
        part: The part.
        own: Whether the file holds this part only.
    """
    plain = own and not array_shapes(path, ARRAYS[part])
    return PLAIN_ARRAYS if plain else ARRAYS[part]


def _read_arrays(
    path: Path, options: FileOptions, folder: Path, part: Part, *, axes: Axes | None = None, task: Kind | None = None,
    like: RawSamples | None = None,
) -> RawSamples:
    """One part of an archive; the axes and the kind of task are those of the training samples, ``like``.

    Args:
        path: The archive of the training samples.
        options: Options of the user's files.
        folder: Not used.
        part: The part to read.
        axes: Axes of ``x``; None infers them.
        task: Kind of task; None infers it.
        like: The training samples, if another part is read.
    """
    file = _file_of(path, options, part)
    own = file != path
    names = list(array_names(file, part, own=own))
    extras = _test_weights(options, file, own=own) if part == "test" else _extras(options, "train" if own else part)
    x, y, *further = read_npz(file, [*names, *extras.values()])
    given = dict(zip(extras, further, strict=True))
    if like is not None:
        axes, task = like.axes, task if like.is_classification else "regression"
    origin = f"{file} ({part})"
    raw = raw_samples(x, y, origin, axes=axes, task=task, missing=options.impute is not None)
    if options.impute is not None and raw.x.ndim > 2:
        raise DataError(f"impute (--impute): expected rows of features, got {raw.x.ndim - 1}-dimensional samples in "
                        f"{origin}; leave it out")
    if "groups" in given:
        if given["groups"].shape != (len(y),):
            raise DataError(f"groups (--groups): expected one value of {options.groups} for each of {len(y)} samples "
                            f"of {origin}, got an array of shape {given['groups'].shape}; store it with the samples")
        raw = replace(raw, groups=given["groups"])
    if raw.is_classification:
        known = options.classes if like is None else like.classes
        if like is None and not known:
            known = fitting_names(read_names(file), int(raw.y.max()) + 1, file)
        raw = replace(raw, classes=known)
    if "weights" not in given:
        return raw
    what = f"{extras['weights']} of {origin}"
    weights = check_weights(given["weights"], len(y), what)
    return replace(raw, weights=weights) if part == "test" else weighted(raw, weights, what)


def _extras(options: FileOptions, part: Part) -> dict[str, str]:
    """Names of an archive's groups and weights for a part: ``w_val`` for validation if ``w_train`` is given."""
    named = {kind: name for kind in ("groups", "weights") if (name := getattr(options, kind)) is not None}
    if part == "validation":
        return {kind: re.sub("_train$", "_val", name) for kind, name in named.items()}
    return named


def _test_weights(options: FileOptions, file: Path, *, own: bool) -> dict[str, str]:
    """The array with the weights of the test samples, where there is one: ``w_test`` where ``w_train`` is given."""
    if options.weights is None:
        return {}
    name = re.sub("_train$", "_test", options.weights)
    names = dict.fromkeys(([name] if name != options.weights else []) + ([options.weights] if own else []))
    return {"weights": there[0]} if (there := list(array_shapes(file, list(names)))) else {}


def _read_table(
    path: Path, options: FileOptions, folder: Path, part: Part, *, axes: Axes | None = None, task: Kind | None = None,
    like: RawSamples | None = None,
) -> RawSamples:
    """One part of a data set of tables; columns and classes are those of the training samples, ``like``.

    Args:
        path: The table of the training samples.
        options: Options of the user's files.
        folder: Not used.
        part: The part to read.
        axes: Axes, which must be None.
        task: Kind of task; None infers it.
        like: The training samples, if another part is read.
    """
    file = _file_of(path, options, part)
    if part == "test" and options.test is None:
        raise DataError(f"{path}: expected a table with test samples beside it, got none; name one by test (--test)")
    if axes is not None:
        raise DataError(f"axes (--axes): expected none for {path}, a table of features, got {axes}; leave them out")
    kept = (options if like is None else like).categories
    groups_column = () if options.groups is None else (options.groups,)
    weights_column = () if options.weights is None else (options.weights,)
    table = read_table(file, (*given_targets(options.target), *groups_column, *options.categorical, *kept))
    columns = list(table.frame.columns)
    options = replace(
        options, ignore=named_columns(options.ignore, columns), categorical=named_columns(options.categorical, columns)
    )
    targets = target_columns(options.target, columns) if like is None or not like.targets else like.targets
    if not targets:
        raise DataError(f"target (--target): expected the column of {path} that is to be predicted, got none; the "
                        f"columns are {listed(columns)}")
    for name in targets:
        table.check_column(name, "target (--target)")
    groups = None
    if options.groups is not None and part != "test":
        table.check_column(options.groups, "groups (--groups)")
        groups = table.texts(options.groups, "a group")
    names = _features(table, options, (*targets, *groups_column, *weights_column), like)
    classes = options.classes
    if like is not None:
        task, classes = "classification" if like.is_classification else "regression", like.classes
    weights = None
    if options.weights is not None and (part != "test" or options.weights in columns):
        table.check_column(options.weights, "weights (--weights)")
        column = table.weights(options.weights)
        weights = check_weights(column, len(column), f"column {options.weights} of {file}", place=table.place)
    y, classes = (
        table_targets(table, targets[0], task, classes) if len(targets) == 1
        else (several_targets(table, targets, task), ())
    )
    if part == "train":
        check_varied(y, classes, table, targets)
        kept = {**find_categories(table, [name for name in names if name not in kept], options.categorical), **kept}
    x = encode_features(table, names, kept, missing=options.impute is not None)
    kind: Kind = "classification" if y.dtype.kind == "i" else "regression"
    raw = raw_samples(x, y, f"{file} ({part})", task=kind, missing=options.impute is not None)
    raw = replace(raw, columns=names, classes=classes, groups=groups, categories=kept, targets=targets)
    if weights is None or part == "test":
        return replace(raw, weights=weights)
    return weighted(raw, weights, f"column {options.weights} of {file}")


def read_features(path: Path, options: FileOptions, task: Task, axes: Axes | None) -> NDArray[Any]:
    """Samples without targets, ``(n, *input_shape)``; missing values that are imputed are NaN.

    Args:
        path: A table with the columns of ``options``, or an archive with ``x_test`` or ``x``.
        options: Options of the training samples.
        task: Task of the samples.
        axes: Axes of the training samples.

    Raises:
        DataError: The file cannot be read, or does not fit.
    """
    missing = options.impute is not None
    if is_table(path):
        table = replace(read_table(path, tuple(options.categories)), is_settled=True)
        if not options.columns:
            raise DataError(f"{path}: expected an .npz file, as the training samples were, got a table; store the "
                            f"samples as an array x with numpy.savez")
        x = encode_features(table, _wanted(table, options.columns), options.categories, missing=missing)
    else:
        name = array_names(path, "test", own=True)[0]
        (x,) = read_npz(path, [name])
        nothing = np.zeros(len(x) if x.ndim else 0)
        x = raw_samples(x, nothing, str(path), axes=axes, task="regression", missing=missing).x
    if x.shape[1:] != task.input_shape:
        raise DataError(f"{path}: expected samples of shape {task.input_shape}, got {x.shape[1:]}; give what the "
                        f"training samples had")
    return x


def _wanted(table: Table, names: tuple[str, ...]) -> tuple[str, ...]:
    """The names, checked.

    Raises:
        DataError: The table lacks one of these columns.
    """
    for name in names:
        if name not in table.frame.columns:
            raise no_column(name, table.path, list(table.frame.columns))
    return names


def _features(
    table: Table, options: FileOptions, other: tuple[str, ...], like: RawSamples | None
) -> tuple[str, ...]:
    wanted = options.columns if like is None else like.columns
    if wanted:
        return _wanted(table, wanted)
    for name in options.ignore:
        table.check_column(name, "ignore (--ignore)")
        if name in other:
            raise DataError(f"ignore (--ignore): expected a column of features of {table.path}, got {name!r}, which is "
                            f"the target, or says groups or weights; leave it out")
    for name in options.categorical:
        table.check_column(name, "categorical (--categorical)")
        if name in (*other, *options.ignore):
            raise DataError(f"categorical (--categorical): expected a column of features of {table.path}, got "
                            f"{name!r}, which is none; leave it out")
    names = tuple(name for name in table.frame.columns if name not in (*other, *options.ignore))
    if not names:
        raise DataError(f"{table.path}: expected a column of features beside {', '.join(other)}, got none; add one")
    for name in names:
        if name.startswith("Unnamed: "):
            raise DataError(f"{table.path}: expected a name for every column, got none for column "
                            f"{list(table.frame.columns).index(name) + 1}, which may be an index; leave it out "
                            f"(--ignore {name!r}), or name it")
    return names


def no_column(name: str, path: Path, there: list[str]) -> DataError:
    """The error for a table that lacks a column of the training samples.

    Args:
        name: Name of the column.
        path: The table.
        there: Names of its columns.
    """
    return DataError(f"{path}: expected the column {name}, as in the training samples, got none"
                     f"{column_hint(name, there)}")


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
