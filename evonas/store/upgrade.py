"""Runs of earlier formats, in the present form: for a reader in memory, for a writer in the run's database.

- Format 2 has a file of weights for every evaluation and no table ``weights``. The files stay and are read; what
  is added goes into the table.
- The formats 2 and 3 have no table ``origins``. A run's own evaluations ended after more than 0 seconds; those of 0
  seconds came from the runs that seeded it, whose founders are its first individuals, in the order of the header.
"""

from __future__ import annotations

import sqlite3

from evonas.store import rows
from evonas.store.directory import FORMAT, ORIGINS, WEIGHTS
from evonas.store.records import RunInfo

#: The first format with the table ``origins``.
WITH_ORIGINS = 4


def complete(connection: sqlite3.Connection, info: RunInfo) -> None:
    """Give a connection the table of origins that an old run lacks, in memory; the run's files stay as they are.

    Raises:
        BadRow: The run has rows that evonas does not write.
    """
    if info.format >= WITH_ORIGINS:
        return
    came = [(source.run, id) for source in info.seeds for id in source.ids]
    query = "SELECT id, budget FROM evaluations WHERE elapsed = 0.0 AND id < ? ORDER BY id, budget"
    found = connection.execute(query, (len(came),)).fetchall()
    keys = [(rows.whole(id, "an id"), rows.whole(budget, "a budget")) for id, budget in found]
    connection.execute("PRAGMA temp_store=MEMORY")
    with connection:
        connection.execute(ORIGINS.replace("CREATE TABLE", "CREATE TEMP TABLE"))
        connection.executemany("INSERT INTO temp.origins VALUES (?, ?, ?, ?)", [(*key, *came[key[0]]) for key in keys])


def convert(connection: sqlite3.Connection) -> None:
    """Keep what :func:`complete` found, and the present format, in the database; inside a transaction of the caller's.
    """
    # First: only a change of rows begins a transaction, the making of a table alone does not.
    connection.execute("UPDATE meta SET value = ? WHERE key = 'format'", (str(FORMAT),))
    connection.execute(WEIGHTS)
    connection.execute(ORIGINS)
    connection.execute("INSERT OR IGNORE INTO main.origins SELECT id, budget, run, id_there FROM temp.origins")
    connection.execute("DROP TABLE temp.origins")
