"""Evaluations are stored together: nothing that was reported is lost, and little of what was not."""

from __future__ import annotations

import hashlib
import shutil
import threading
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from toy_runs import Play, contents, unpack

from evonas.individual import Evaluation, Individual
from evonas.run import loop
from evonas.search import NSGA2
from evonas.store import FORMAT, Group, RunStore, StoreError, create
from evonas.store.run import Unstored
from evonas.testing.toy import OBJECTIVES, Digits, ToyEvaluator, ToySpace


def ended(id: int, seconds: float = 0.0) -> Evaluation[Digits]:
    return Evaluation(id, 1, "ok", {"val_error": 0.5, "flops": 1.0}, seconds)


@pytest.fixture
def store(tmp_path: Path) -> RunStore[Digits]:
    """A run with ten individuals and no evaluation."""
    create(tmp_path / "run", config={}, task={}, fingerprint="", normalisation={})
    store: RunStore[Digits] = RunStore(tmp_path / "run", ToySpace(), writing=True)
    store.add_individuals(Individual(id, Digits((id,) * 8), 0, "sample") for id in range(10))
    return store


@pytest.fixture
def groups(monkeypatch: pytest.MonkeyPatch) -> list[list[int]]:
    """The ids of evaluations by the transaction that stored them."""
    written: list[list[int]] = []
    add = RunStore.add_evaluations

    def noting(self: RunStore[Digits], results: Sequence[Unstored[Digits]], individuals: Any = ()) -> None:
        written.append([unstored.evaluation.id for unstored in results])
        add(self, results, individuals)

    monkeypatch.setattr(RunStore, "add_evaluations", noting)
    return written


class Watcher:
    """Checks that what is reported is stored; calls ``then`` at each."""

    def __init__(self, directory: Path, then: Callable[[int], None] = lambda id: None) -> None:
        self.directory, self.then = directory, then
        self.reported: list[int] = []

    def asked(self, generation: int, n_trials: int, n_missing: int) -> None:
        pass

    def evaluated(self, evaluation: Evaluation[Any]) -> None:
        self.reported.append(evaluation.id)
        with RunStore(self.directory, ToySpace()) as reader:
            assert set(self.reported) <= {r.id for r in reader.records()}
        self.then(evaluation.id)

    def told(self) -> None:
        pass


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_a_generation_is_stored_by_one_transaction_and_reported_then(
    play: Play, tmp_path: Path, groups: list[list[int]], n_jobs: int
) -> None:
    watcher = Watcher(tmp_path / "run")
    play(generations=3, n_jobs=n_jobs, observers=[watcher])
    assert [sorted(group) for group in groups] == [[*range(8)], [*range(8, 14)], [*range(14, 20)], [*range(20, 26)]]
    assert watcher.reported == [id for group in groups for id in group]


def test_no_more_than_a_second_of_training_waits(store: RunStore[Digits], groups: list[list[int]]) -> None:
    reported: list[int] = []
    with store, Group(store, lambda e: reported.append(e.id)) as group:
        for id, seconds in enumerate((0.4, 0.4, 0.4, 300.0, 0.2)):
            group.add(ended(id, seconds), elapsed=1.0)
        assert (groups, reported) == ([[0, 1, 2], [3]], [0, 1, 2, 3])
    assert groups == [[0, 1, 2], [3], [4]]


def test_large_weights_do_not_wait_in_memory(store: RunStore[Digits], groups: list[list[int]]) -> None:
    weights = {"depth": np.zeros(2**20, np.float32)}
    with store, Group(store, lambda e: None) as group:
        for id in range(9):
            group.add(replace(ended(id), weights=weights), elapsed=1.0)
    assert [len(group) for group in groups] == [4, 4, 1]  # of 4 MB and a header each


def test_an_interrupted_generation_keeps_what_had_ended(play: Play, tmp_path: Path) -> None:
    class Interrupted(ToyEvaluator):
        def __call__(self, job: Any) -> Any:
            if job.trial.individual.id == 12:
                raise KeyboardInterrupt
            return super().__call__(job)

    with pytest.raises(KeyboardInterrupt):
        play(evaluator=Interrupted())
    with RunStore(tmp_path / "run", ToySpace()) as reader:
        assert sorted(r.id for r in reader.records()) == [*range(12)]


def test_a_full_disk_loses_the_group_that_was_not_reported_and_the_run_goes_on_later(
    play: Play, tmp_path: Path
) -> None:
    whole = contents(play("whole", generations=6))
    watcher = Watcher(tmp_path / "run", lambda id: fill() if id == 13 else None)
    create(tmp_path / "run", config={}, task={}, fingerprint="", normalisation={})
    searcher = NSGA2(
        ToySpace(), OBJECTIVES, population=8, children=6, generations=6, rng=np.random.default_rng(0)
    )
    with RunStore(tmp_path / "run", ToySpace(), writing=True) as store:

        def fill() -> None:
            n_pages = store._db.execute("PRAGMA page_count").fetchone()[0]
            store._db.execute(f"PRAGMA max_page_count = {n_pages}")

        with pytest.raises(StoreError, match=r"run\.db: database or disk is full"):
            loop.run(searcher, ToyEvaluator(), store, seed=0, observers=[watcher])
    with RunStore(tmp_path / "run", ToySpace()) as reader:
        kept = [r.id for r in reader.records()]
    assert kept == watcher.reported
    assert len(kept) < 8 + 6 * 6
    assert contents(play(generations=6)) == whole


def test_a_log_that_ends_anywhere_holds_whole_groups_and_the_run_ends_as_if_nothing_had_happened(
    play: Play, tmp_path: Path
) -> None:
    store = play(generations=3)
    whole, log = contents(store), (tmp_path / "run" / "run.db-wal").read_bytes()
    order = [r.id for r in store.records()]
    groups = {0, 8, 14, 20, 26}
    seen = set()
    for number, share in enumerate(np.linspace(0, 1, 15)):
        folder = tmp_path / f"cut{number}"
        folder.mkdir()
        shutil.copy(tmp_path / "run" / "run.db", folder)
        for name in ("weights", "retrained"):
            (folder / name).mkdir()
        # A power cut leaves the beginning of the log, and behind it may be anything.
        noise = np.random.default_rng(number).bytes(5000)
        (folder / "run.db-wal").write_bytes(log[: int(share * len(log))] + noise)
        with RunStore(folder, ToySpace()) as reader:
            kept = [r.id for r in reader.records()]
            assert len(kept) in groups
            assert kept == order[: len(kept)]
            assert all(reader.weights(id, 1) is not None for id in kept)
            seen.add(len(kept))
        assert contents(play(folder.name, generations=3)) == whole
    assert len(seen) > 2


def test_a_run_of_hundreds_of_trials_has_few_files(play: Play, tmp_path: Path) -> None:
    play(generations=80).close()
    files = [path for path in (tmp_path / "run").rglob("*") if path.is_file()]
    assert {path.name for path in files} == {"run.db", "run.lock"}
    with RunStore(tmp_path / "run", ToySpace()) as reader:
        assert len(reader.records()) == 8 + 80 * 6
        assert all(reader.weights(r.id, r.budget) is not None for r in reader.records())


#: Digest of all that the old run holds: it equals a run of the version that wrote it.
CONTENTS = "b3d8d12321b2"


@pytest.fixture
def old(tmp_path: Path) -> Path:
    """A run of format 2 with a file of weights for every evaluation: 2 generations at two rungs, one retraining."""
    return unpack("toy", tmp_path)


def format_of(run: Path) -> int:
    with RunStore(run, ToySpace()) as reader:
        return int(reader._db.execute("SELECT value FROM meta WHERE key = 'format'").fetchone()[0])


def test_an_old_run_is_read_and_stays_as_it_is(old: Path) -> None:
    before = {path: path.read_bytes() for path in old.rglob("*.safetensors")}
    with RunStore(old, ToySpace()) as reader:
        assert hashlib.blake2b(repr(contents(reader)).encode(), digest_size=6).hexdigest() == CONTENTS
        (retraining,) = reader.retrainings()
        assert reader.retrained_weights(retraining)["depth"].tolist() == [7.0]
    assert {path: path.read_bytes() for path in old.rglob("*.safetensors")} == before
    assert format_of(old) == 2


def test_an_old_run_goes_on_in_the_new_form_which_older_programs_refuse(play: Play, old: Path) -> None:
    n_files = len(list(old.glob("weights/*")))
    shutil.copytree(old, old.with_name("again"))
    with RunStore(old, ToySpace()) as reader:
        before = contents(reader)
    play("again", generations=3, rungs=(1, 3)).close()
    whole, stepwise = (contents(play(name, generations=5, rungs=(1, 3))) for name in ("toy", "again"))
    assert stepwise == whole
    assert [row for row in whole if row[:2] in {row[:2] for row in before}] == before
    depth = {row[:2]: row[6]["generations_of_weights"] for row in whole}
    added = [row for row in whole if row[2] > 2]
    assert {row[2] for row in added} == {3, 4, 5}
    for id, budget, _, _, parents, *_ in added:
        starts = [(id, 1)] if budget == 3 else [(parents[0], budget) for budget in (1, 3)]
        assert depth[id, budget] - 1 in {depth[key] for key in starts if key in depth}, "it begins with old weights"
    assert len(list(old.glob("weights/*"))) == n_files
    assert format_of(old) == FORMAT > 2


@pytest.mark.usefixtures("clock")
def test_a_resumed_generation_is_not_drawn_beside_others_evaluations(play: Play, tmp_path: Path) -> None:
    whole = contents(play("whole"))
    slow = ToyEvaluator(seconds=0.05)
    store = play("cut", evaluator=slow, time_limit=0.9)
    assert 14 < len(store.records()) < 20, "it ends in the midst of a generation"
    store.close()
    missing: list[int] = []

    class Counter(Watcher):
        def asked(self, generation: int, n_trials: int, n_missing: int) -> None:
            missing.append(n_missing)

    n_left = len(whole) - len(contents(RunStore(tmp_path / "cut", ToySpace())))
    assert contents(play("cut", observers=[Counter(tmp_path / "cut")])) == whole
    assert sum(missing) == n_left


def test_the_next_trial_is_drawn_while_one_is_evaluated(play: Play, monkeypatch: pytest.MonkeyPatch) -> None:
    drawn, another, in_time = set[int](), threading.Condition(), dict[int, bool]()
    add = Group.add_individual

    def noting(group: Group[Digits], individual: Individual[Digits]) -> None:
        add(group, individual)
        with another:
            drawn.add(individual.id)
            another.notify_all()

    class Waiting(ToyEvaluator):
        """Ends a trial once the next is drawn."""

        def __call__(self, job: Any) -> Any:
            id = job.trial.individual.id
            if 8 <= id < 13:
                with another:
                    in_time[id] = another.wait_for(lambda: id + 1 in drawn, timeout=30)
            return super().__call__(job)

    monkeypatch.setattr(Group, "add_individual", noting)
    play(evaluator=Waiting(), generations=1)
    assert in_time == dict.fromkeys(range(8, 13), True)
