"""Tables of the user's own: columns of features, targets, groups and weights."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from evonas.data.arrays import Kind, RawSamples, raw_samples
from evonas.data.axes import Axes
from evonas.data.categories import encode_features, find_categories
from evonas.data.columns import column_hint, listed, named_columns
from evonas.data.own_files import FileOptions, file_of
from evonas.data.sources import Part
from evonas.data.table_files import read_table
from evonas.data.table_targets import check_varied, given_targets, several_targets, table_targets, target_columns
from evonas.data.tables import Table
from evonas.data.weights import check_weights, weighted
from evonas.types import DataError


def read_part(
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
    file = file_of(path, options, part)
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


def wanted_columns(table: Table, names: tuple[str, ...]) -> tuple[str, ...]:
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
        return wanted_columns(table, wanted)
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
