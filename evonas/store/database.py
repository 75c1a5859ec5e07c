"""SQLite restricted so that a file from a third party can be opened: plain tables only, and a limit for every query."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from evonas.store.rows import BadRow

#: Steps of SQLite's virtual machine between two checks of their number.
STEP = 1_000_000
#: Steps that a query may take: a constant, plus a number for every byte of the database. A row of a hundred bytes
#: takes fifty.
FEWEST_STEPS, STEPS_A_BYTE = 20_000_000, 20
#: Largest size of one value or one row, in bytes.
MOST_BYTES = 2**28
#: Tables and indexes that are looked at: a run has nine tables and as many indexes.
MOST_TABLES = 100


class _Bounded(sqlite3.Connection):
    """A connection with bounded queries; it counts the steps of the latest."""

    path: Path
    steps = 0

    def execute(self, sql: str, parameters: Any = (), /) -> sqlite3.Cursor:
        """Execute with a new count of steps."""
        self.steps = 0
        return super().execute(sql, parameters)

    def executemany(self, sql: str, parameters: Iterable[Any], /) -> sqlite3.Cursor:
        """Execute with a new count of steps."""
        self.steps = 0
        return super().executemany(sql, parameters)

    def endless(self) -> bool:
        """Whether to interrupt the query; called every :data:`STEP` steps."""
        self.steps += STEP
        return self.steps > FEWEST_STEPS and self.steps > FEWEST_STEPS + STEPS_A_BYTE * self._size()

    def _size(self) -> int:
        files = [self.path, self.path.with_name(f"{self.path.name}-wal")]
        return sum(file.stat().st_size for file in files if file.exists())


def bounded(path: Path, *, immutable: bool = False) -> sqlite3.Connection:
    """An open connection to a database; committed transactions survive a power cut.

    Args:
        path: File of the database.
        immutable: Whether the file is in a place where nothing can be written, not even a file beside it.
    """
    uri = f"{path.resolve().as_uri()}?immutable={immutable:d}"
    connection = sqlite3.connect(uri, timeout=30, uri=True, factory=_Bounded)
    connection.path = path
    connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, MOST_BYTES)
    connection.setlimit(sqlite3.SQLITE_LIMIT_ATTACHED, 0)
    connection.set_progress_handler(connection.endless, STEP)
    for setting in ("trusted_schema=OFF", "cell_size_check=ON", "synchronous=FULL"):
        connection.execute(f"PRAGMA {setting}")
    return connection


def check_tables(connection: sqlite3.Connection, schema: str) -> None:
    """Check that a database has plain tables only, with the known columns.

    Args:
        connection: The database.
        schema: Statements that create the tables; of two for one table either will do. Tables may be missing, and there
            may be others.

    Raises:
        BadRow: The database has a view, a trigger or an index of its own, or a table with other columns.
    """
    statements = re.finditer(r"CREATE TABLE (?:IF NOT EXISTS )?(\w+) [^;]*", schema)
    known = {(match[1], _plain(match[0])) for match in statements}
    names = {name for name, _ in known}
    query = f"SELECT type, name, sql FROM sqlite_master LIMIT {MOST_TABLES + 1}"
    rows = connection.execute(query).fetchall()
    if len(rows) > MOST_TABLES:
        raise BadRow(f"it has more than {MOST_TABLES} tables")
    for kind, name, sql in rows:
        if kind == "index" and sql is None:  # the index of a primary key
            continue
        if kind != "table" or not isinstance(sql, str) or not sql.upper().startswith("CREATE TABLE "):
            raise BadRow(f"it has a {str(kind)[:20]} {str(name)[:60]!r}, expected plain tables only")
        if name in names and (name, _plain(sql)) not in known:
            raise BadRow(f"its table {name!r} has other columns than evonas gives it")


def _plain(sql: str) -> str:
    return re.sub(r"\s+", " ", sql.replace("IF NOT EXISTS ", "")).strip()
