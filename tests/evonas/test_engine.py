"""Runs of the engine: reproducible, whatever the number of workers; failures are data."""

from __future__ import annotations

import time

import pytest
from toy import Play, ToyEvaluator, contents

from evonas.engine import SearchFailed
from evonas.store import StoreError


@pytest.mark.parametrize("threads", [True, False])
def test_a_run_is_the_same_for_one_and_two_workers(play: Play, threads: bool) -> None:
    evaluator = ToyEvaluator(threads=threads)
    assert contents(play("one", evaluator=evaluator)) == contents(play("two", evaluator=evaluator, n_jobs=2))


def test_another_seed_gives_another_run(play: Play) -> None:
    assert contents(play("one", seed=1)) != contents(play("two", seed=2))


def test_children_start_from_their_first_parents_weights(play: Play) -> None:
    store = play()
    depth = {r.id: r.metrics["generations_of_weights"] for r in store.records()}
    parents = {r.id: r.parents for r in store.records()}
    assert max(depth.values()) >= 2
    assert all(depth[id] == (depth[parents[id][0]] + 1 if parents[id] else 0) for id in depth)


@pytest.mark.parametrize(
    ("behaviour", "message"), [("raise", "ArithmeticError: an unlucky sum"), ("nan", "not finite")]
)
def test_a_bad_trial_fails_alone(play: Play, behaviour: str, message: str) -> None:
    store = play(evaluator=ToyEvaluator(behaviour), generations=6, n_jobs=2)
    failed = [r for r in store.records() if r.status == "failed"]
    unlucky = [r.id for r in store.records() if sum(store.individual(r.id).genotype.values) % 5 == 0]
    assert sorted(r.id for r in failed) == sorted(unlucky) != []
    assert all(message in (r.error or "") for r in failed)
    assert all(store.weights(r.id, r.budget) is None for r in failed)


@pytest.mark.parametrize(("behaviour", "threads"), [("sleep", True), ("sleep", False), ("spin", False)])
def test_a_trial_over_its_time_limit_fails_alone(play: Play, behaviour: str, threads: bool) -> None:
    begin = time.monotonic()
    evaluator = ToyEvaluator(behaviour, threads=threads)
    store = play(evaluator=evaluator, generations=1, n_jobs=2, trial_timeout=0.3, seed=1)
    failed = [r for r in store.records() if r.status == "failed"]
    assert failed
    assert all("TrialTimeout" in (r.error or "") for r in failed)
    assert len(failed) < len(store.records()) == 14
    assert time.monotonic() - begin < 60  # or it would have slept to the end


def test_a_trial_that_kills_its_process_fails_alone(play: Play) -> None:
    store = play(evaluator=ToyEvaluator("die", threads=False), generations=1, n_jobs=2, seed=1)
    failed = [r for r in store.records() if r.status == "failed"]
    assert failed
    assert all("worker process died" in (r.error or "") for r in failed)
    assert len(failed) < len(store.records()) == 14


def test_a_generation_in_which_all_trials_fail_ends_with_the_reason(play: Play) -> None:
    with pytest.raises(SearchFailed, match="all 8 trials of a generation failed, the first with: ArithmeticError"):
        play(evaluator=ToyEvaluator("raise-all"))


def test_a_run_that_reaches_its_time_limit_resumes_to_the_same_end(play: Play) -> None:
    slow = ToyEvaluator(seconds=0.02)
    whole = contents(play("whole", evaluator=slow))
    store = play("cut", evaluator=slow, time_limit=0.25)
    n_before = len(store.records())
    store.close()
    assert 0 < n_before < len(whole)
    assert contents(play("cut", evaluator=slow)) == whole


def test_a_second_driver_is_refused(play: Play) -> None:
    play()
    with pytest.raises(StoreError, match="is being written by another process"):
        play()
