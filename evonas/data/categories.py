"""One-hot encoding of text columns: a feature for each category, 1 if the row has it and else 0."""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterable, Mapping, Sequence
from typing import TypeAlias

import numpy as np

from evonas.data.room import check_room
from evonas.data.tables import Table, is_decimal_comma
from evonas.types import DataError, Doubles

#: The categories in the order of their features, by column of a table.
Categories: TypeAlias = Mapping[str, tuple[str, ...]]
#: Largest number of different texts with which a column is categorical by default; a column with more, or with a text
#: for nearly every row, holds names, addresses or dates.
MOST_CATEGORIES = 50
#: Dates like 2024-01-31, 31.1.2024 or 1/31/24, with any suffix: they are quantities in a special format.
_DATE = re.compile(r"\s*(\d{4}-\d{1,2}-\d{1,2}|\d{1,2}[./]\d{1,2}[./]\d{2,4})\b")


def find_categories(table: Table, columns: Iterable[str], wanted: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """The categories of the columns that hold only texts, and of the wanted columns.

    Args:
        table: The training samples.
        columns: Names of the feature columns.
        wanted: Columns whose values are categories, whatever their type and number.

    Raises:
        DataError: A column of texts has too many different ones, or a wanted one has no value.
    """
    found: dict[str, tuple[str, ...]] = {}
    for name in columns:
        if name in wanted or _holds_texts(table, name):
            codes, labels = table.coded(name)
            most = max(2, min(MOST_CATEGORIES, len(codes) // 2))
            if name not in wanted and len(labels) > most:
                raise DataError(f"column {name} of {table.path}: expected numbers, or up to {most} different texts as "
                                f"categories, got {len(labels)}, like {labels[0][:40]!r} {table.where(codes == 0)}; "
                                f"encode it as numbers, leave it out (--ignore {name!r}), or take all for categories "
                                f"(--categorical {name!r})")
            if not labels:
                raise DataError(f"column {name} of {table.path}: expected categories, got a column without values; "
                                f"leave it out (--ignore {name!r})")
            found[name] = tuple(labels)
    return found


def _holds_texts(table: Table, name: str) -> bool:
    """Whether a column has texts, and no value that is a number or a date.

    A number with a decimal comma counts as a number that is badly written.
    """
    import pandas as pd

    values = table.frame[name].dropna()
    if pd.api.types.is_numeric_dtype(values.dtype) or not len(values):
        return False
    if not values.map(lambda value: isinstance(value, str)).all():
        return False
    return not any(is_decimal_comma(text) or _DATE.match(text) for text in values.unique()) and bool(
        pd.to_numeric(values.astype(object), errors="coerce").isna().all()
    )


def feature_names(columns: Sequence[str], categories: Categories) -> tuple[str, ...]:
    """Names of the features of a table: its columns, and ``column=category`` for each category."""
    return tuple(
        feature for name in columns
        for feature in ([f"{name}={each}" for each in categories[name]] if name in categories else [name])
    )


def encode_features(table: Table, columns: tuple[str, ...], categories: Categories, *, missing: bool) -> Doubles:
    """The features of a table's rows, ``(n, n_features)``, in the order of :func:`feature_names`.

    An unknown category is 0 in all features of its column, with a warning; a missing value is NaN in all of them.

    Args:
        table: The table.
        columns: Names of columns of the table.
        categories: Categories of some of them; the others hold numbers.
        missing: Whether values may be missing.

    Raises:
        DataError: See :meth:`evonas.data.tables.Table.numbers`.
    """
    if not categories:
        return table.numbers(columns, missing=missing)
    widths = [len(categories[name]) if name in categories else 1 for name in columns]
    check_room(8 * len(table.frame) * sum(widths), table.path)
    values = np.empty((len(table.frame), sum(widths)))
    for name, width, end in zip(columns, widths, np.cumsum(widths), strict=True):
        block = _one_hot(table, name, categories[name], missing=missing) if name in categories else table.numbers(
            (name,), missing=missing
        )
        values[:, end - width : end] = block
    return values


def _one_hot(table: Table, name: str, categories: Sequence[str], *, missing: bool) -> Doubles:
    codes, labels = table.coded(name)
    if not missing:
        table.check_complete(name, codes < 0, "a category")
    place = {category: number for number, category in enumerate(categories)}
    places = np.array([*(place.get(label, len(place)) for label in labels), -1], np.int64)[codes]
    if (strange := places == len(place)).any():
        label = labels[codes[strange.argmax()]]
        named = ", ".join(map(repr, categories[:20])) + (", ..." if len(categories) > 20 else "")
        warnings.warn(f"column {name} of {table.path}: {label[:40]!r} {table.where(strange)} is none of the categories "
                      f"{named} of the training samples, and counts as none of them", stacklevel=4)
    values: Doubles = (places[:, None] == np.arange(len(place))).astype(np.float64)
    values[places < 0] = np.nan
    return values
