"""Searches without the barrier of a generation."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest
from toy_runs import Play

from evonas.evaluation import Job
from evonas.individual import Evaluation
from evonas.run import loop
from evonas.run.trials import SearchFailed
from evonas.search import SEARCHERS, traits_of
from evonas.search.base import TellsSome
from evonas.store import RunStore, create
from evonas.testing.toy import OBJECTIVES, Digits, ToyEvaluator, ToySpace
from evonas.types import UserError


@dataclass(frozen=True)
class Held(ToyEvaluator):
    """The first trial waits for one of a generation."""

    generation: int = 3
    reached: threading.Event = field(default_factory=threading.Event)

    def __call__(self, job: Job[Digits]) -> Evaluation[Digits]:
        individual = job.trial.individual
        if individual.generation == self.generation:
            self.reached.set()
        if individual.id == 0 and not self.reached.wait(60):
            raise TimeoutError("a generation waits for the first trial")
        return super().__call__(job)


def test_a_worker_that_is_free_gets_a_child_while_a_trial_of_an_early_generation_goes_on(play: Play) -> None:
    store = play(evaluator=Held(), n_jobs=2, asynchronous=True)
    records = store.records()
    assert sorted(r.id for r in records) == list(range(8 + 4 * 6))
    assert {r.status for r in records} == {"ok"}
    order = [r.id for r in records]
    generation = {r.id: r.generation for r in records}
    assert max(generation[id] for id in order[: order.index(0)]) == 3


@pytest.mark.parametrize(("rungs", "n_jobs"), [((1,), 1), ((1,), 16), ((1, 3), 3)])
def test_every_trial_is_evaluated_once_with_its_parents_weights(
    play: Play, rungs: tuple[int, ...], n_jobs: int
) -> None:
    store = play(rungs=rungs, n_jobs=n_jobs, asynchronous=True)
    records = store.records()
    assert len({(r.id, r.budget) for r in records}) == len(records)
    assert sorted(r.id for r in records if r.budget == 1) == list(range(8 + 4 * 6))
    assert {r.budget for r in records} == set(rungs)
    assert {r.generation for r in records} == set(range(5))
    assert all(store.weights(r.id, r.budget) is not None for r in records)


@pytest.mark.usefixtures("clock")
def test_a_run_that_reaches_its_time_limit_goes_on_and_has_all_trials_at_its_end(play: Play) -> None:
    slow = ToyEvaluator(seconds=0.02)
    store = play(evaluator=slow, n_jobs=2, asynchronous=True, time_limit=0.2)
    n_before = len(store.records())
    assert 0 < n_before < 8 + 4 * 6
    store.close()
    assert len(play(evaluator=slow, n_jobs=2, asynchronous=True).records()) == 8 + 4 * 6


def test_a_number_of_evaluations_ends_it_exactly_and_more_of_them_go_on(play: Play) -> None:
    store = play(n_jobs=2, asynchronous=True, n_evaluations=15)
    assert len(store.records()) == 15
    store.close()
    assert len(play(n_jobs=2, asynchronous=True, n_evaluations=20).records()) == 20


def test_each_generation_has_the_evaluator_that_is_given_for_it(play: Play) -> None:
    def evaluator_at(generation: int) -> ToyEvaluator:
        return ToyEvaluator("raise-all" if generation == 2 else "ok", seconds=generation / 1e4)

    store = play(n_jobs=2, asynchronous=True, evaluator_at=evaluator_at)
    assert {r.generation for r in store.records() if r.status == "failed"} == {2}
    assert len(store.records()) == 8 + 4 * 6


def test_founders_that_all_fail_end_it_with_the_reason(play: Play) -> None:
    with pytest.raises(SearchFailed, match="all 8 trials in a row failed, the last with: ArithmeticError"):
        play(evaluator=ToyEvaluator("raise-all"), n_jobs=2, asynchronous=True)


def test_a_run_goes_on_only_as_it_was_searched(play: Play) -> None:
    held = Held(generation=2)
    store = play(evaluator=held, n_jobs=2, asynchronous=True, n_evaluations=17)
    assert store.state["under_way"]
    store.close()
    with pytest.raises(UserError, match="was searched asynchronously"):
        play(evaluator=held)


def test_processes_that_take_trials_in_advance_are_refused_in_a_sentence(play: Play) -> None:
    with pytest.raises(UserError, match="give a cluster, as with --cluster local:2"):
        play(evaluator=ToyEvaluator(threads=False), asynchronous=True)


@pytest.mark.parametrize("name", SEARCHERS)
def test_searchers_breed_from_what_has_ended_or_are_refused(name: str, tmp_path: Path) -> None:
    create(tmp_path / "run", config={}, task={}, fingerprint="", normalisation={})
    rungs = (1, 3) if traits_of(SEARCHERS[name]).rungs == "several" else (1,)
    searcher = SEARCHERS[name](
        ToySpace(), OBJECTIVES, population=8, children=1, generations=9, rungs=rungs, rng=np.random.default_rng(0)
    )
    with RunStore(tmp_path / "run", ToySpace(), writing=True) as store:
        if isinstance(searcher, TellsSome):
            assert loop.run(searcher, ToyEvaluator(seconds=0.002), store, seed=0, n_jobs=4, asynchronous=True)
            assert len(store.records()) == 8 + 9
        else:
            with pytest.raises(UserError, match="learns from whole generations"):
                loop.run(searcher, ToyEvaluator(), store, seed=0, asynchronous=True)
            assert not store.records()
