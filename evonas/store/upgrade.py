"""Runs of earlier formats, in the present form: for a reader in memory, for a writer in the run's database.

- Format 2 has a file of weights for every evaluation and no table ``weights``. The files stay and are read; what
  is added goes into the table.
- The formats 2 and 3 have no table ``origins``. A run's own evaluations ended after more than 0 seconds; those of 0
  seconds came from the runs that seeded it, whose founders are its first individuals, in the order of the header.
- The formats 2 to 4 have the names of :mod:`evonas.serialization.renamed`: of settings, metrics and mutations, and of
  the column ``birth``. The header is renamed when it is read, see :func:`evonas.store.rows.info_of`.
"""

from __future__ import annotations

import json
import sqlite3

from evonas.serialization import renamed
from evonas.store import rows
from evonas.store.directory import FORMAT, ORIGINS, WEIGHTS
from evonas.store.records import Record, RunInfo
from evonas.store.rows import WITH_NAMES
from evonas.types import Json

#: The first format with the table ``origins``.
WITH_ORIGINS = 4
#: The table of individuals under its present names. It takes the columns by their order: a reader goes on reading while
#: a writer renames one.
_INDIVIDUALS = """
CREATE TEMP VIEW individuals (id, generation, operator, parents, digest, genotype) AS SELECT * FROM main.individuals
"""


def complete(connection: sqlite3.Connection, info: RunInfo) -> None:
    """Give a connection what an old run lacks, in memory; the run's files stay as they are.

    This is the table of origins, and the column of generations. Values keep their former names: see
    :func:`present_record`, :func:`present_metrics` and :func:`present_state`.

    Raises:
        BadRow: The run has rows that evonas does not write.
    """
    if info.format >= WITH_NAMES:
        return
    connection.execute("PRAGMA temp_store=MEMORY")
    came = [(source.run, id) for source in info.seeds for id in source.ids]
    query = "SELECT id, budget FROM evaluations WHERE elapsed = 0.0 AND id < ? ORDER BY id, budget"
    found = connection.execute(query, (len(came),)).fetchall() if info.format < WITH_ORIGINS else []
    keys = [(rows.whole(id, "an id"), rows.whole(budget, "a budget")) for id, budget in found]
    with connection:
        connection.execute(_INDIVIDUALS)
        if info.format < WITH_ORIGINS:
            connection.execute(ORIGINS.replace("CREATE TABLE", "CREATE TEMP TABLE"))
            origins = [(*key, *came[key[0]]) for key in keys]
            connection.executemany("INSERT INTO temp.origins VALUES (?, ?, ?, ?)", origins)


def present_record(record: Record, info: RunInfo) -> Record:
    """An evaluation of an old run with the present names of its operator and metrics."""
    operator = present_operator(record.operator, info)
    return record._replace(operator=operator, metrics=present_metrics(record.metrics))


def present_operator(operator: str, info: RunInfo) -> str:
    """The present name of an operator of an old run."""
    return renamed.operator(info.config.get("space"), operator)


def present_metrics(metrics: dict[str, float]) -> dict[str, float]:
    """Metrics of an old run by their present names."""
    return rows.by_present_names(metrics, renamed.METRICS)


def present_state(state: Json, info: RunInfo) -> Json:
    """A searcher's state of an old run; the sums of its credit are by the names of operators."""
    credit = state.get("credit") if isinstance(state, dict) else None
    if not isinstance(credit, dict):
        return state
    sums = {
        name: {present_operator(key, info): value for key, value in each.items()} if isinstance(each, dict) else each
        for name, each in credit.items()
    }
    return {**state, "credit": sums}


def convert(connection: sqlite3.Connection) -> None:
    """Keep what :func:`complete` found, the present names and format in the database; in a transaction of the caller's.

    Raises:
        BadRow: The run has rows that evonas does not write.
    """
    info = rows.info_of(dict(connection.execute("SELECT key, value FROM meta LIMIT 100").fetchall()))
    # First: only a change of rows begins a transaction, the making of a table alone does not.
    connection.execute("UPDATE meta SET value = ? WHERE key = 'format'", (str(FORMAT),))
    if info.format < WITH_ORIGINS:
        connection.execute(WEIGHTS)
        connection.execute(ORIGINS)
        connection.execute("INSERT OR IGNORE INTO main.origins SELECT id, budget, run, id_there FROM temp.origins")
        connection.execute("DROP TABLE temp.origins")
    connection.execute("DROP VIEW temp.individuals")
    connection.execute("ALTER TABLE main.individuals RENAME COLUMN birth TO generation")
    _rename_values(connection, info)


def _rename_values(connection: sqlite3.Connection, info: RunInfo) -> None:
    """Rename the settings, goals, operators and metrics of a run, and the operators of its searcher's state."""
    header = [(json.dumps(info.config), "config"), (json.dumps(dict(info.goals)), "goals")]
    connection.executemany("UPDATE meta SET value = ? WHERE key = ?", header)
    for (operator,) in connection.execute("SELECT DISTINCT operator FROM individuals").fetchall():
        name = rows.name_of(operator, "an operator")
        if (new := present_operator(name, info)) != name:
            connection.execute("UPDATE individuals SET operator = ? WHERE operator = ?", (new, name))
    changed = []
    for id, budget, text in connection.execute("SELECT id, budget, metrics FROM evaluations").fetchall():
        metrics = rows.metrics_of(text)
        if not renamed.METRICS.keys().isdisjoint(metrics):
            changed.append((json.dumps(present_metrics(metrics)), id, budget))
    connection.executemany("UPDATE evaluations SET metrics = ? WHERE id = ? AND budget = ?", changed)
    for (text,) in connection.execute("SELECT state FROM states").fetchall():
        state = json.dumps(present_state(rows.state_of(text), info))
        connection.execute("UPDATE states SET state = ?", (state,))
