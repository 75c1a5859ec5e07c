"""The store: what is written is read back, what is damaged is recognised, nothing is half-written."""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path

import numpy as np
import pytest
from toy_runs import Play, contents

from evonas.individual import Evaluation, Individual, Trial
from evonas.store import FORMAT, Retraining, RunStore, StoreError, create, read_info
from evonas.store.directory import OLDEST, to_blob, write_blob
from evonas.testing.toy import Digits, ToySpace


def test_a_reader_sees_what_the_writer_stored(play: Play, tmp_path: Path) -> None:
    store = play()
    with RunStore(tmp_path / "run", ToySpace()) as reader:
        assert contents(reader) == contents(store)
        assert reader.state == store.state


def test_a_changed_genotype_is_what_a_member_has(tmp_path: Path) -> None:
    create(tmp_path / "run", config={}, task={}, fingerprint="", normalisation={})
    with RunStore(tmp_path / "run", ToySpace(), writing=True) as store:
        born, changed = Digits((1,) * 8), Digits((2,) * 8)
        individual = Individual(0, born, 0, "sample")
        store.add_individuals([individual])
        weights = {"depth": np.zeros(1, np.float32)}
        trained = Evaluation(0, 3, "ok", {"val_error": 0.5}, 1.0, genotype=changed, weights=weights)
        store.add_evaluation(trained, elapsed=1.0)
        assert store.individual(0).genotype == born
        assert store.member(0).genotype == changed
        start = store.start(Trial(Individual(1, born, 1, "change", (0,)), 3))
        assert start is not None
        assert (start.genotype, start.continues) == (changed, False)
        again = store.start(Trial(individual, 9))
        assert again is not None
        assert again.continues
        assert store.start(Trial(individual, 3)) is None
        measured = Evaluation(0, 0, "ok", {"val_error": 0.7}, 1.0, genotype=changed, weights=weights)
        store.add_evaluation(measured, elapsed=2.0)
        untrained = store.start(Trial(individual, 3))
        assert untrained is not None
        assert untrained.genotype == born


def change(run: Path, statement: str, *values: object) -> None:
    database = sqlite3.connect(run / "run.db")
    with database:
        database.execute(statement, values)
    database.close()


def test_weights_that_are_not_those_that_were_recorded_are_recognised(play: Play, tmp_path: Path) -> None:
    store = play()
    for damage, message in (
        ("UPDATE weights SET data = substr(data, 1, length(data) - 3)", r"individual 0 in .*run\.db is torn or was "),
        ("UPDATE weights SET data = 'text'", "holds no bytes"),
        ("DELETE FROM weights", r"000000-1\.safetensors is missing"),
    ):
        change(tmp_path / "run", damage)
        with pytest.raises(StoreError, match=message):
            store.weights(0, 1)


def test_large_weights_have_a_file_of_their_own(tmp_path: Path) -> None:
    create(tmp_path / "run", config={}, task={}, fingerprint="", normalisation={})
    large, small = np.arange(300_000, dtype=np.float32), np.zeros(3, np.float32)
    with RunStore(tmp_path / "run", ToySpace(), writing=True) as store:
        store.add_individuals([Individual(id, Digits((id,) * 8), 0, "sample") for id in (0, 1)])
        for id, weights in enumerate((large, small)):
            store.add_evaluation(Evaluation(id, 3, "ok", {}, 1.0, weights={"depth": weights}), elapsed=1.0)
    (path,) = (tmp_path / "run" / "weights").iterdir()
    with RunStore(tmp_path / "run", ToySpace()) as store:
        for id, weights in enumerate((large, small)):
            found = store.weights(id, 3)
            assert found is not None
            np.testing.assert_array_equal(found["depth"], weights)
        path.write_bytes(path.read_bytes()[:-3])
        with pytest.raises(StoreError, match="is torn or was changed"):
            store.weights(0, 3)
        path.unlink()
        with pytest.raises(StoreError, match="is missing"):
            store.weights(0, 3)


def test_a_directory_that_is_no_run_is_refused(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="is not a run"):
        read_info(tmp_path)


@pytest.mark.parametrize(("found", "remedy"), [(FORMAT + 1, "upgrade evonas"), (OLDEST - 1, "make the run again")])
def test_a_run_of_another_format_is_refused(play: Play, tmp_path: Path, found: int, remedy: str) -> None:
    play().close()
    database = sqlite3.connect(tmp_path / "run" / "run.db")
    with database:
        database.execute("UPDATE meta SET value = ? WHERE key = 'format'", (str(found),))
    database.close()
    with pytest.raises(StoreError, match=f"has run format {found}, this evonas reads {OLDEST} to {FORMAT}: {remedy}"):
        read_info(tmp_path / "run")


def test_a_run_in_an_archive_that_nobody_can_write_to_is_read(play: Play, tmp_path: Path) -> None:
    store = play()
    expected = contents(store)
    store.close()
    (tmp_path / "run").chmod(0o555)
    try:
        if os.access(tmp_path / "run", os.W_OK):
            pytest.skip("this user may write everywhere")
        with RunStore(tmp_path / "run", ToySpace()) as reader:
            assert contents(reader) == expected
    finally:
        (tmp_path / "run").chmod(0o755)


@pytest.mark.parametrize("damage", [b"this was a database", None])
def test_a_corrupted_database_is_refused(play: Play, tmp_path: Path, damage: bytes | None) -> None:
    play().close()
    path = tmp_path / "run" / "run.db"
    whole = path.read_bytes()
    path.write_bytes(damage if damage is not None else whole[: len(whole) // 2])
    with pytest.raises(StoreError, match="is damaged or not a run"):
        RunStore(tmp_path / "run", ToySpace(), writing=True)


def test_a_damaged_genotype_is_refused(play: Play, tmp_path: Path) -> None:
    play().close()
    database = sqlite3.connect(tmp_path / "run" / "run.db")
    with database:
        database.execute("UPDATE individuals SET genotype = ? WHERE id = 3", (b"\x80\x04pickle",))
    database.close()
    with RunStore(tmp_path / "run", ToySpace()) as store, pytest.raises(StoreError, match="damaged genotype"):
        store.individual(3)


def test_an_existing_directory_is_refused_and_left_alone(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "notes.txt").write_text("precious")
    with pytest.raises(StoreError, match="exists already: choose another --out"):
        create(tmp_path / "mine", config={}, task={}, fingerprint="", normalisation={})
    assert [p.name for p in tmp_path.rglob("*")] == ["mine", "notes.txt"]


def test_retrainings_are_kept_apart_by_kind_and_seed(play: Play) -> None:
    store = play()
    for seed in (0, 1):
        weights = {"depth": np.full(1, seed, np.float32)}
        store.add_retraining(Retraining(2, "fresh", 20, seed, {"test_accuracy": 0.5 + seed}, 1.0), weights)
    first, second = store.retrainings()
    assert (first.metrics, second.seed) == ({"test_accuracy": 0.5}, 1)
    assert store.retrained_weights(second)["depth"].tolist() == [1.0]


def test_no_file_outside_of_a_hostile_run_is_read(play: Play, tmp_path: Path) -> None:
    store = play(generations=0)
    id, outside = store.records()[0].id, tmp_path / "outside.safetensors"
    budget = "x/../../../outside"  # SQLite keeps a text in a column of integers
    weights = store.weights(id, 1)
    assert weights is not None
    write_blob(outside, to_blob(weights))
    change(tmp_path / "run", "DELETE FROM weights")
    (tmp_path / "run" / "weights" / f"{id:06d}-x").mkdir()
    with sqlite3.connect(tmp_path / "run" / "run.db") as db:
        db.execute("UPDATE evaluations SET budget = ? WHERE id = ?", (budget, id))
    assert (tmp_path / "run" / "weights" / f"{id:06d}-{budget}.safetensors").resolve() == outside
    with pytest.raises(StoreError, match="names a file that is not in its folder weights"):
        store.weights(id, budget)  # type: ignore[arg-type]
    (tmp_path / "run" / "weights" / f"{id:06d}-2.safetensors").symlink_to(outside)
    with sqlite3.connect(tmp_path / "run" / "run.db") as db:
        db.execute("UPDATE evaluations SET budget = 2 WHERE id = ?", (id,))
    with pytest.raises(StoreError, match="names a file that is not in its folder weights"):
        store.weights(id, 2)
    with pytest.raises(StoreError, match="names a file that is not in its folder retrained"):
        store.add_retraining(Retraining(2, "/../../x", 20, 0, {}, 1.0), {})


def test_memory_holds_no_genotype_of_the_past(play: Play) -> None:
    import gc

    play(generations=120)
    gc.collect()
    alive = sum(type(o) is Digits for o in gc.get_objects())
    assert alive <= 400  # the store's cache, the population and the archive; 728 were born


def test_opening_a_thousand_individuals_reads_no_genotype(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    create(tmp_path / "run", config={}, task={}, fingerprint="", normalisation={})
    space = ToySpace()
    with RunStore(tmp_path / "run", space, writing=True) as store:
        rng = np.random.default_rng(0)
        store.add_individuals(Individual(i, space.sample(rng), 0, "sample") for i in range(1000))
        for i in range(1000):
            store.add_evaluation(Evaluation(i, 1, "ok", {"val_error": i / 1000}, 0.0), elapsed=float(i))
    monkeypatch.setattr(space, "decode", None, raising=False)
    with RunStore(tmp_path / "run", space) as store:
        assert len(list(store.digests(1000))) == 1000
        assert [r.metrics["val_error"] for r in store.records()] == [i / 1000 for i in range(1000)]
        assert store.elapsed == 999.0
