"""Runs of earlier formats: read as they are, converted when they are written to, as a whole or not at all."""

from __future__ import annotations

import shutil
import sqlite3
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from toy_runs import contents, unpack

from evonas.individual import Evaluation, Individual, Origin
from evonas.run import loop
from evonas.run.warm_start import founding_trials
from evonas.search import NSGA2
from evonas.store import FORMAT, RunStore, StoreError, create, spent, upgrade
from evonas.store.directory import write_blob
from evonas.testing.toy import OBJECTIVES, Digits, ToyEvaluator, ToySpace

#: Founders of the old run; its header names the runs and the ids there, its rows nothing but a time of 0 seconds.
ORIGINS = {(0, 1): Origin("/runs/first", 4), (1, 1): Origin("/runs/first", 1), (2, 1): Origin("/runs/second", 12)}


def execute(run: Path, *statements: str) -> list[Any]:
    """The rows of the last statement."""
    database = sqlite3.connect(run / "run.db")
    with database:
        found = [database.execute(statement).fetchall() for statement in statements]
    database.close()
    return found[-1]


def format_of(run: Path) -> int:
    return int(execute(run, "SELECT value FROM meta WHERE key = 'format'")[0][0])


def tables_of(run: Path) -> set[str]:
    return {name for (name,) in execute(run, "SELECT name FROM sqlite_master WHERE type = 'table'")}


@pytest.fixture(params=[2, 3])
def old(tmp_path: Path, request: pytest.FixtureRequest) -> Path:
    """Three founders of two other runs and a generation, at two rungs; in format 2 weights are files."""
    run = unpack("seeded", tmp_path)
    if request.param == 2:
        for id, budget, blob in execute(run, "SELECT id, budget, data FROM weights"):
            write_blob(run / "weights" / f"{id:06d}-{budget}.safetensors", blob)
        execute(run, "DROP TABLE weights", "UPDATE meta SET value = '2' WHERE key = 'format'")
    return run


def founded_now(old: Path, directory: Path) -> Path:
    """A run of the present format with the founders of the old one."""
    create(directory, config={}, task={}, fingerprint="", normalisation={})
    with RunStore(old, ToySpace()) as reader, RunStore(directory, ToySpace(), writing=True) as store:
        store.add_individuals(reader.individual(id) for id, _ in ORIGINS)
        for (id, budget), origin in ORIGINS.items():
            metrics, weights = reader.evaluation(id, budget).metrics, reader.weights(id, budget)
            founder: Evaluation[Digits] = Evaluation(id, budget, "ok", metrics, 1.0, weights=weights, origin=origin)
            store.add_evaluation(founder, elapsed=0.0)
    return directory


def go_on(directory: Path, generations: int = 3) -> list[tuple[Any, ...]]:
    """All that the run holds after a number of generations."""
    with RunStore(directory, ToySpace(), writing=True) as store:
        searcher = NSGA2(
            ToySpace(), OBJECTIVES, population=4, children=3, generations=generations, rungs=(1, 3),
            founders=founding_trials(store), rng=np.random.default_rng(0),
        )
        loop.run(searcher, ToyEvaluator(), store, seed=0)
        return contents(store)


def test_an_old_run_says_where_its_founders_came_from_and_stays_as_it_is(old: Path) -> None:
    before, tables = (old / "run.db").read_bytes(), tables_of(old)
    number = format_of(old)
    with RunStore(old, ToySpace()) as reader:
        records = reader.records()
        assert {(r.id, r.budget): r.origin for r in records if r.imported} == ORIGINS
        assert {key: reader.evaluation(*key).origin for key in ORIGINS} == ORIGINS
        assert any(r.id in (0, 1, 2) and not r.imported for r in records), "a founder was trained on here"
        assert all(reader.weights(r.id, r.budget) is not None for r in records)
        own = [r for r in records if r.elapsed > 0]
        cost = spent(records, reader.elapsed, reader.info.seeds)
        assert cost.evaluations == len(own) + 9 + 13 + 3
        assert reader.info.format == number
    assert (old / "run.db").read_bytes() == before
    assert tables_of(old) == tables


def test_an_old_run_goes_on_to_the_end_of_one_of_the_present_format(old: Path, tmp_path: Path) -> None:
    whole = go_on(founded_now(old, tmp_path / "new"))
    assert go_on(old) == whole
    assert format_of(old) == FORMAT
    kept = {(id, budget): Origin(run, there) for id, budget, run, there in execute(old, "SELECT * FROM origins")}
    assert kept == ORIGINS
    with RunStore(old, ToySpace()) as reader:
        assert {(r.id, r.budget): r.origin for r in reader.records() if r.imported} == ORIGINS
        assert reader.info.format == FORMAT


def test_a_conversion_that_is_cut_short_changes_nothing_and_is_made_up_for(
    old: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    number, tables, whole = format_of(old), tables_of(old), go_on(founded_now(old, tmp_path / "new"))
    convert = upgrade.convert

    def cut(connection: sqlite3.Connection) -> None:
        convert(connection)
        raise sqlite3.OperationalError("database or disk is full")

    monkeypatch.setattr(upgrade, "convert", cut)
    with pytest.raises(StoreError, match="disk is full"):
        RunStore(old, ToySpace(), writing=True)
    monkeypatch.undo()
    assert (format_of(old), tables_of(old)) == (number, tables)
    assert go_on(old) == whole


def test_a_reader_of_an_old_run_goes_on_reading_while_it_is_converted(old: Path) -> None:
    with RunStore(old, ToySpace()) as reader:
        n_before = len(reader.records())
        n_after = len(go_on(old))
        records = reader.records()
        assert len(records) == n_after > n_before
        assert {(r.id, r.budget): r.origin for r in records if r.imported} == ORIGINS
        assert all(reader.weights(r.id, r.budget) is not None for r in records)


def test_a_runs_own_evaluation_may_end_after_no_time(old: Path, tmp_path: Path) -> None:
    create(tmp_path / "new", config={}, task={}, fingerprint="", normalisation={})
    with RunStore(tmp_path / "new", ToySpace(), writing=True) as store:
        store.add_individuals([Individual(0, Digits((1,) * 8), 0, "sample")])
        store.add_evaluation(Evaluation(0, 1, "ok", {"val_error": 0.5}, 0.0), elapsed=0.0)
        assert [r.imported for r in store.records()] == [False]
    execute(old, "UPDATE evaluations SET elapsed = 0.0 WHERE id = 4")
    with RunStore(old, ToySpace()) as reader:
        assert {(r.id, r.budget) for r in reader.records() if r.imported} == ORIGINS.keys()


@pytest.mark.parametrize("statement", [
    "UPDATE evaluations SET id = -1 WHERE id = 0 AND budget = 1",
    "UPDATE evaluations SET budget = 'x' WHERE id = 0 AND budget = 1",
    "UPDATE meta SET value = '[[\"/runs/first\", [-4], [1, 1, 1, null]]]' WHERE key = 'seeds'",
])
def test_odd_rows_of_an_old_run_end_in_one_sentence(old: Path, statement: str) -> None:
    execute(old, statement)
    for writing in (False, True):
        with pytest.raises(StoreError, match="this run is damaged"):
            RunStore(old, ToySpace(), writing=writing)


def test_a_run_that_cannot_be_written_to_is_read(old: Path, tmp_path: Path) -> None:
    with RunStore(old, ToySpace()) as reader:
        expected = contents(reader)
    copy = Path(shutil.copytree(old, tmp_path / "copy"))
    for name in ("run.db-wal", "run.db-shm"):
        (copy / name).unlink(missing_ok=True)
    copy.chmod(0o555)
    try:
        with RunStore(copy, ToySpace()) as reader:
            assert contents(reader) == expected
            assert {(r.id, r.budget): r.origin for r in reader.records() if r.imported} == ORIGINS
    finally:
        copy.chmod(0o755)


def test_a_replicate_is_no_evaluation_of_a_search(tmp_path: Path) -> None:
    create(tmp_path / "run", config={}, task={}, fingerprint="", normalisation={})
    with RunStore(tmp_path / "run", ToySpace(), writing=True) as store:
        store.add_individuals([Individual(0, Digits((1,) * 8), 0, "sample")])
        with pytest.raises(ValueError, match="the replicate 2 of individual 0: store it by add_retraining"):
            store.add_evaluation(Evaluation(0, 1, "ok", {"val_error": 0.5}, 0.0, replicate=2), elapsed=1.0)
        assert not store.records()
