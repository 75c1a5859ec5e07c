"""Files of tables with a header, CSV and Parquet: every error names the line of the file."""

from __future__ import annotations

import csv
import importlib.util
import io
import re
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np

from evonas.data.columns import named_columns
from evonas.data.formats import read_bytes
from evonas.data.room import check_room
from evonas.data.tables import Table, is_number
from evonas.types import DataError

if TYPE_CHECKING:
    import pandas as pd

#: Suffixes of files that are tables.
TABLE_SUFFIXES = (".csv", ".csv.gz", ".tsv", ".parquet")
#: Possible separators of the values in a line.
SEPARATORS = ",;\t"
#: Texts that mean a missing value; pandas also accepts None, which is as often the name of a class.
MISSING = ["", "#N/A", "#N/A N/A", "#NA", "<NA>", "N/A", "NA", "NULL", "NaN", "n/a", "nan", "null"]
#: Errors that pyarrow raises for damaged files: its errors are subclasses of these.
_DAMAGE = (ValueError, OSError, TypeError, LookupError, NotImplementedError, MemoryError)


def read_table(path: Path, texts: tuple[str, ...] = ()) -> Table:
    """A table from a file.

    Args:
        path: Path of a CSV file, whose values commas, semicolons or tabs separate, or of a Parquet file.
        texts: Columns that are read as texts, as :func:`evonas.data.columns.named_columns` takes them.

    Raises:
        DataError: The file cannot be read, has no rows, rows of unequal length, or columns without a name of their own.
    """
    return _read_parquet(path) if path.suffix == ".parquet" else _read_csv(path, texts)


def read_columns(path: Path) -> list[str]:
    """The names of a table's columns; no values are read.

    Raises:
        DataError: See :func:`read_table`.
    """
    if path.suffix != ".parquet":
        return _structure(_decoded(path), path)[0]
    return list(_parquet(path, columns=True).columns)


def _decoded(path: Path) -> str:
    content = read_bytes(path)
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = 1 + content.count(b"\n", 0, error.start)
        raise DataError(f"{path}: expected text in UTF-8, got the byte {content[error.start]:#04x} in line {line}; "
                        f"save the file as UTF-8") from None


def _structure(text: str, path: Path) -> tuple[list[str], list[int], str]:
    """The names of the columns, the line of each row, and the separator."""
    first = next((line for line in text.splitlines() if line.strip()), "")
    separator = max(SEPARATORS, key=first.count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, skipinitialspace=True, strict=True)
    header: list[str] = []
    lines: list[int] = []
    line = 1
    try:
        for row in reader:
            if row and not header:
                header = _header(row, path)
            elif row:
                if len(row) != len(header):
                    raise DataError(f"{path}: expected {len(header)} values in line {line}, as many as the header has "
                                    f"names, got {len(row)}; complete or remove the line")
                lines.append(line)
            line = reader.line_num + 1
    except csv.Error as error:
        raise DataError(f"{path}: expected values between separators, got something else from line {line} on "
                        f"({error}); close the quotation marks there") from None
    if not header:
        raise DataError(f"{path}: expected a header and rows, got an empty file; write the table again")
    if not lines:
        raise DataError(f"{path}: expected rows below the header, got none; add the samples")
    return header, lines, separator


def _header(row: list[str], path: Path) -> list[str]:
    """The names of the columns; a column without one, like an index that pandas wrote, gets the name of pandas."""
    names = [name.strip() or f"Unnamed: {column}" for column, name in enumerate(row)]
    if all(is_number(name) for name in names):
        raise DataError(f"{path}: expected the names of the columns in the first line, got numbers; add a header")
    return _different(names, path)


def _different(names: list[str], path: Path) -> list[str]:
    seen: dict[str, int] = {}
    for column, name in enumerate(names, 1):
        if name in seen:
            raise DataError(f"{path}: expected columns with different names, got {name!r} for the columns "
                            f"{seen[name]} and {column}; rename one of them")
        seen[name] = column
    return names


def _read_csv(path: Path, texts: tuple[str, ...]) -> Table:
    import pandas as pd

    text = _decoded(path)
    header, lines, separator = _structure(text, path)
    check_room(8 * len(lines) * len(header), path)
    as_texts = dict.fromkeys({*named_columns(texts, header)} & {*header}, str)
    try:
        frame = pd.read_csv(
            io.StringIO(text, newline=""), sep=separator, header=0, names=header, index_col=False,
            dtype=as_texts, keep_default_na=False, na_values=MISSING,
            skipinitialspace=True, float_precision=_exactly(pd.__version__), low_memory=False,
        )
    except (ValueError, OverflowError) as error:  # pandas' ParserError is a ValueError
        raise DataError(f"{path}: expected a table of values, got one that pandas cannot read ({error}); write it "
                        f"again") from error
    if len(frame) != len(lines):
        raise DataError(f"{path}: expected {len(lines)} rows, got {len(frame)}; write the file again without lines of "
                        f"blanks")
    return Table(path, frame, np.array(lines, np.int64))


def _exactly(version: str) -> Literal["round_trip"] | None:
    """The option that makes pandas read floats like Python; None for newer versions, which do so by default."""
    major, minor = (int(re.sub(r"\D.*", "", part) or 0) for part in version.split(".")[:2])
    return "round_trip" if (major, minor) < (3, 1) else None


def _read_parquet(path: Path) -> Table:
    frame = _parquet(path)
    if not len(frame):
        raise DataError(f"{path}: expected rows, got none; add the samples")
    return Table(path, frame.reset_index(drop=True))


def _parquet(path: Path, *, columns: bool = False) -> pd.DataFrame:
    """The table, or only its columns without rows."""
    import pandas as pd

    if importlib.util.find_spec("pyarrow") is None:
        raise DataError(f"{path}: reading Parquet needs the package pyarrow, which is not installed; install it with "
                        f"pip install 'evonas[parquet]', or save the table as CSV")
    content = io.BytesIO(read_bytes(path))
    try:
        frame = pd.read_parquet(content, engine="pyarrow")
    except _DAMAGE as error:
        raise DataError(f"{path}: expected a Parquet file, got one that pyarrow cannot read ({error}); write it "
                        f"again") from error
    frame.columns = _different([str(name) for name in frame.columns], path)
    return frame.iloc[:0] if columns else frame
