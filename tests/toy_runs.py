"""Runs on the toy space: the type of their fixture, and all that one has found."""

from __future__ import annotations

import sqlite3
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeAlias

from evonas.store import RunStore
from evonas.testing.toy import Digits

#: A fixture that makes or resumes a toy run.
Play: TypeAlias = Callable[..., RunStore[Digits]]
OLD_RUNS = Path(__file__).parent / "evonas" / "old_runs"


def unpack(name: str, folder: Path) -> Path:
    """An old toy run, of a time when the toy evaluator was no part of the package: it has its present name now."""
    with tarfile.open(OLD_RUNS / f"{name}.tar.xz") as archive:
        archive.extractall(folder, filter="data")
    database = sqlite3.connect(folder / name / "run.db")
    with database:
        database.execute("UPDATE meta SET value = '\"ToyEvaluator\"' WHERE key = 'evaluator'")
    database.close()
    return folder / name


def contents(store: RunStore[Digits]) -> list[tuple[Any, ...]]:
    """Everything a run found out, in order of id, without times."""
    rows = []
    for r in sorted(store.records()):
        genotype = store.member(r.id).genotype
        weights = store.weights(r.id, r.budget)
        parameters = None if weights is None else weights["depth"].tolist()
        lineage = (r.id, r.budget, r.generation, r.operator, r.parents)
        rows.append((*lineage, r.status, r.metrics, r.error, genotype, parameters))
    return rows
