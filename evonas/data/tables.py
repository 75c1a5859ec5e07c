"""Tables in memory: columns as numbers, categories and texts; every error names the column and the line of the file."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from evonas.data.columns import column_hint
from evonas.data.room import check_room
from evonas.types import DataError, Doubles, Ints

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, eq=False)
class Table:
    """Columns of equal length.

    Attributes:
        path: Path of the file, for messages.
        frame: The columns by their names, which are all different.
        lines: The line of each row in the file, ``(n,)``; None where a file has no lines.
        is_settled: Whether a run has settled what each column is: then none can be left out or be made another.
    """

    path: Path
    frame: pd.DataFrame
    lines: Ints | None = None
    is_settled: bool = False

    def place(self, row: int) -> str:
        """The position of a row, counted from 0, in the file."""
        return f"row {row + 1}" if self.lines is None else f"line {self.lines[row]}"

    def where(self, rows: NDArray[np.bool_]) -> str:
        """The position of the first of the rows for which ``rows``, ``(n,)``, is true, and their number."""
        n, first = int(rows.sum()), self.place(int(rows.argmax()))
        return f"in {first}" if n == 1 else f"in {first}, the first of {n} of {len(rows)} rows"

    def check_column(self, name: str, option: str) -> None:
        """Check that there is a column of this name.

        Args:
            name: Name given by the user.
            option: Option by which it was given, e.g. ``"target (--target)"``.

        Raises:
            DataError: There is none.
        """
        if name not in self.frame.columns:
            raise DataError(f"{option}: expected a column of {self.path}, got {name!r}"
                            f"{column_hint(name, list(self.frame.columns))}")

    def numbers(self, names: tuple[str, ...], *, missing: bool) -> Doubles:
        """Columns of numbers, ``(n, len(names))``.

        Args:
            names: Names of the columns.
            missing: Whether missing values are allowed; they are NaN.

        Raises:
            DataError: A column holds something else, infinite values, or missing ones that are not allowed.
        """
        check_room(8 * len(self.frame) * len(names), self.path)
        values = np.empty((len(self.frame), len(names)))
        for column, name in enumerate(names):
            values[:, column] = self._numbers(name)
        if not missing:
            for name, absent in zip(names, np.isnan(values).T, strict=True):
                self.check_complete(name, absent, "a number")
        return values

    def check_complete(self, name: str, absent: NDArray[np.bool_], what: str) -> None:
        """Check that no value of a feature is missing.

        Args:
            name: Name of the column.
            absent: Whether the value of a row is missing, ``(n,)``.
            what: Description of a value, for a sentence.

        Raises:
            DataError: A value is missing.
        """
        if absent.any():
            raise DataError(f"column {name} of {self.path}: expected {what} in every row, got none "
                            f"{self.where(absent)}; complete or remove the rows, or begin a run with impute (--impute) "
                            f"mean or median")

    def weights(self, name: str) -> Doubles:
        """A column that says what each row counts, ``(n,)``, whatever its numbers are.

        Raises:
            DataError: A row holds no number.
        """
        origin, column = f"column {name} of {self.path}", self.frame[name]
        nested = column.map(_is_nested).to_numpy(bool)  # lists, which Parquet allows
        values, bad = self._parsed(column.mask(nested) if nested.any() else column)
        bad |= nested
        if bad.any():
            text = str(column[bad.argmax()])
            remedy = "write decimals with a point" if is_decimal_comma(text) else "correct the rows"
            raise DataError(f"{origin}: expected numbers, which weights (--weights) must be, got {text[:40]!r} "
                            f"{self.where(bad)}; {remedy}, or name another column")
        if (absent := np.isnan(values)).any():
            raise DataError(f"{origin}: expected a number in every row, got none {self.where(absent)}; complete or "
                            f"remove the rows, or name other weights (--weights)")
        return values

    def _numbers(self, name: str) -> Doubles:
        column = self._plain(name)
        values, bad = self._parsed(column)
        if bad.any() and column.dtype.kind not in "OUST":
            out = "" if self.is_settled else f", or leave it out (--ignore {name!r})"
            raise DataError(f"column {name} of {self.path}: expected numbers, got {column.dtype}; convert the column"
                            f"{out}")
        if bad.any():
            text = str(column[bad.argmax()])
            raise DataError(f"column {name} of {self.path}: expected numbers, got {text[:40]!r} {self.where(bad)}; "
                            f"{self._remedy(name, text)}")
        check_finite(values, self, name)
        return values

    def _remedy(self, name: str, text: str) -> str:
        """Remedy for a column of numbers that holds a text."""
        if self.is_settled:
            return "write decimals with a point" if is_decimal_comma(text) else "correct the rows: training had numbers"
        remedy = f"correct the rows, or take its values for categories (--categorical {name!r})"
        if is_decimal_comma(text):
            remedy = "write decimals with a point"
        return f"{remedy}, or leave the column out (--ignore {name!r})"

    def _parsed(self, column: pd.Series[Any]) -> tuple[Doubles, NDArray[np.bool_]]:
        """Values of a column as numbers, ``(n,)``, NaN without one; and which rows hold something else."""
        import pandas as pd

        there = column.notna().to_numpy(bool)
        plain = column.astype(object) if column.dtype == "category" else column
        numeric = pd.to_numeric(plain, errors="coerce") if plain.dtype.kind in "OUST" else plain
        if numeric.dtype.kind not in "biuf":
            return np.full(len(column), np.nan), there
        values: Doubles = numeric.to_numpy(np.float64, na_value=np.nan)
        return values, np.isnan(values) & there

    def _plain(self, name: str) -> pd.Series[Any]:
        """A column without nested values, which Parquet allows; a categorical one gets the type of its categories."""
        column = self.frame[name]
        if column.dtype == "category":
            column = column.astype(column.cat.categories.dtype if column.notna().all() else object)
        if column.dtype.kind == "O" and (nested := column.map(_is_nested).to_numpy(bool)).any():
            raise DataError(f"column {name} of {self.path}: expected one value in every row, got several "
                            f"{self.where(nested)}; make a column of each, or leave this one out (--ignore {name!r})")
        return column

    def coded(self, name: str) -> tuple[Ints, list[str]]:
        """The number of each row's label, ``(n,)``, -1 for a missing one, and the sorted labels of a column.

        Labels are texts without surrounding spaces; whole numbers are written without a point.
        """
        import pandas as pd

        codes, values = pd.factorize(self._plain(name).astype(object))
        texts = [_label(value) for value in values]
        labels = sorted(set(texts))
        number_of = {label: number for number, label in enumerate(labels)}
        numbers = np.array([*(number_of[text] for text in texts), -1], np.int64)
        return numbers[codes], labels

    def texts(self, name: str, what: str) -> NDArray[Any]:
        """A column as texts without surrounding spaces, object ``(n,)``.

        Args:
            name: Name of the column.
            what: Description of a value, for a sentence.

        Raises:
            DataError: A value is missing.
        """
        absent = self.frame[name].isna().to_numpy()
        if absent.any():
            raise DataError(f"column {name} of {self.path}: expected {what} in every row, got none "
                            f"{self.where(absent)}; complete or remove the rows")
        texts: NDArray[Any] = self.frame[name].astype(str).str.strip().to_numpy(object)
        return texts


def check_finite(values: Doubles, table: Table, name: str) -> None:
    """Check that the values of a column are in the range of float32; NaN is allowed.

    Args:
        values: Values of the column, ``(n,)``.
        table: The table.
        name: Name of the column.

    Raises:
        DataError: A value is infinite or too large.
    """
    with np.errstate(invalid="ignore"):
        bad = np.abs(values) > float(np.finfo(np.float32).max)
    if bad.any():
        raise DataError(f"column {name} of {table.path}: expected finite float32 numbers, got "
                        f"{values[bad.argmax()]:g} {table.where(bad)}; correct or remove the rows")


def _is_nested(value: object) -> bool:
    return isinstance(value, list | tuple | dict | set | np.ndarray)


def _label(value: object) -> str:
    return str(int(value) if isinstance(value, float) and value.is_integer() else value).strip()


def is_decimal_comma(text: str) -> bool:
    """Whether a text is a number once its comma is a point."""
    return text.count(",") == 1 and is_number(text.replace(",", "."))


def is_number(text: str) -> bool:
    """Whether a text is a number."""
    try:
        float(text)
    except ValueError:
        return False
    return True
