"""Runs of the engine: reproducible, whatever the number of workers; failures are data."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest
from clock import Clock
from toy_runs import Play, contents

from evonas.evaluation import Job, merge
from evonas.front import front
from evonas.individual import Evaluation, Trial
from evonas.run.trials import SearchFailed
from evonas.space import Phenotype
from evonas.store import StoreError
from evonas.testing.toy import OBJECTIVES, Digits, ToyEvaluator, ToySpace
from evonas.training import Stop
from evonas.types import Metrics


@pytest.mark.parametrize(("threads", "rungs"), [(True, (1,)), (False, (1,)), (True, (1, 3))])
def test_a_run_is_the_same_for_one_and_two_workers(play: Play, threads: bool, rungs: tuple[int, ...]) -> None:
    one, two = (
        contents(play(name, evaluator=ToyEvaluator(threads=threads), rungs=rungs, n_jobs=n_jobs))
        for name, n_jobs in (("one", 1), ("two", 2))
    )
    assert one == two


def test_another_seed_gives_another_run(play: Play) -> None:
    assert contents(play("one", seed=1)) != contents(play("two", seed=2))


def test_children_start_from_their_first_parents_weights(play: Play) -> None:
    store = play()
    depth = {r.id: r.metrics["generations_of_weights"] for r in store.records()}
    parents = {r.id: r.parents for r in store.records()}
    assert max(depth.values()) >= 2
    assert all(depth[id] == (depth[parents[id][0]] + 1 if parents[id] else 0) for id in depth)


def test_each_generation_has_the_evaluator_that_is_given_for_it(play: Play) -> None:
    asked: list[int] = []

    def evaluator_at(generation: int) -> ToyEvaluator:
        asked.append(generation)
        return ToyEvaluator(behaviour="raise-all" if generation == 2 else "ok")

    store = play(generations=3, evaluator_at=evaluator_at)
    assert asked == [0, 1, 2, 3]
    assert {r.generation for r in store.records() if r.status == "failed"} == {2}


def test_a_promoted_trial_goes_on_from_its_own_weights_and_alone_enters_the_front(play: Play) -> None:
    store = play(rungs=(1, 3))
    depth = {(r.id, r.budget): r.metrics["generations_of_weights"] for r in store.records()}
    promoted = [id for id, budget in depth if budget == 3]
    assert 0 < len(promoted) < len(depth) - len(promoted)
    assert all(depth[id, 3] == depth[id, 1] + 1 for id in promoted)
    assert {r.id for r in front(store.records(), OBJECTIVES)} <= set(promoted)
    assert {r.budget for r in front(store.records(), OBJECTIVES)} == {3}


def test_promotions_that_all_fail_do_not_end_the_run(play: Play) -> None:
    class Fragile(ToyEvaluator):
        def __call__(self, job: Job[Digits]) -> Evaluation[Digits]:
            if job.trial.budget == 3:
                raise ArithmeticError("too much training")
            return super().__call__(job)

    store = play(evaluator=Fragile(), rungs=(1, 3), generations=2)
    assert {(r.budget, r.status) for r in store.records()} == {(1, "ok"), (3, "failed")}
    assert {store.member(r.id).evaluation.status for r in store.records()} == {"ok"}
    assert max(r.generation for r in store.records()) == 2


def test_promotions_that_all_fail_do_not_end_a_run_without_weights(play: Play) -> None:
    class Weightless(ToyEvaluator):
        def __call__(self, job: Job[Digits]) -> Evaluation[Digits]:
            if job.trial.budget == 3:
                raise ArithmeticError("too much training")
            return job.result(super().__call__(job).metrics)

    store = play(evaluator=Weightless(), rungs=(1, 3), generations=2)
    assert max(r.generation for r in store.records()) == 2


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
    evaluator = ToyEvaluator(behaviour, threads=threads)
    store = play(evaluator=evaluator, generations=1, n_jobs=2, trial_timeout=0.3, seed=1)
    failed = [r for r in store.records() if r.status == "failed"]
    assert failed
    assert all("TrialTimeout" in (r.error or "") for r in failed), "none has slept to its end"
    assert len(failed) < len(store.records()) == 14


def test_a_trial_that_kills_its_process_fails_alone(play: Play) -> None:
    store = play(evaluator=ToyEvaluator("die", threads=False), generations=1, n_jobs=2, seed=1)
    failed = [r for r in store.records() if r.status == "failed"]
    assert failed
    assert all("worker process died" in (r.error or "") for r in failed)
    assert len(failed) < len(store.records()) == 14


def test_a_generation_in_which_all_trials_fail_ends_with_the_reason(play: Play) -> None:
    with pytest.raises(SearchFailed, match="all 8 trials of a generation failed, the first with: ArithmeticError"):
        play(evaluator=ToyEvaluator("raise-all"))


def test_a_generation_in_which_all_trials_fail_does_not_end_a_run_that_had_success(play: Play) -> None:
    store = play(generations=3, evaluator_at=lambda generation: ToyEvaluator("raise-all" if generation == 2 else "ok"))
    failed = {generation: {r.status for r in store.records() if r.generation == generation} for generation in range(4)}
    assert failed == {0: {"ok"}, 1: {"ok"}, 2: {"failed"}, 3: {"ok"}}


def test_two_such_generations_in_a_row_end_it(play: Play) -> None:
    with pytest.raises(SearchFailed, match="all 6 trials of a generation failed, the first with"):
        play(generations=9, evaluator_at=lambda generation: ToyEvaluator("raise-all" if generation >= 2 else "ok"))


@pytest.mark.parametrize("rungs", [(1,), (1, 3)])
def test_a_run_that_reaches_its_time_limit_resumes_to_the_same_end(
    play: Play, clock: Clock, rungs: tuple[int, ...]
) -> None:
    slow = ToyEvaluator(seconds=0.02)
    whole = contents(play("whole", evaluator=slow, rungs=rungs))
    store = play("cut", evaluator=slow, rungs=rungs, time_limit=0.25)
    n_before = len(store.records())
    store.close()
    assert 0 < n_before < len(whole)
    assert contents(play("cut", evaluator=slow, rungs=rungs)) == whole


def test_a_second_driver_is_refused(play: Play) -> None:
    play()
    with pytest.raises(StoreError, match="is being written by another process"):
        play()


@dataclass(frozen=True)
class Sum:
    """The sum of the digits."""

    metric_names: tuple[str, ...]
    shares_memory: bool = True

    def measure(self, phenotype: Phenotype[Digits], stop: Stop) -> Metrics:
        return {name: float(sum(phenotype.genotype.values)) for name in self.metric_names}


class Again(Sum):
    """The same under another name."""


def test_a_run_goes_on_with_the_parts_of_its_evaluator_in_any_order_but_with_no_others(play: Play) -> None:
    first, second = Sum(("first",)), Again(("second",))
    whole = contents(play("whole", evaluator=merge(ToyEvaluator(), first, second), generations=4))
    begun = play("run", evaluator=merge(ToyEvaluator(), first, second), generations=2)
    name = begun.info.evaluator
    assert name is not None
    assert name.count("+") == 2
    begun.close()
    resumed = play("run", evaluator=merge(ToyEvaluator(), second, first), generations=4)
    assert contents(resumed) == whole
    assert resumed.info.evaluator == name
    resumed.close()
    with pytest.raises(StoreError, match="was evaluated by"):
        play("run", evaluator=merge(ToyEvaluator(), first), generations=6)


class SlowSpace(ToySpace):
    """Founders take a good part of the time limit to draw, as large networks do."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    def sample(self, rng: np.random.Generator) -> Digits:
        self._clock.sleep(0.1)
        return super().sample(rng)


def test_a_run_without_time_to_draw_all_founders_has_evaluated_the_first_and_resumes_to_the_same_end(
    play: Play, clock: Clock
) -> None:
    whole = contents(play("whole"))
    store = play("cut", space=SlowSpace(clock), time_limit=0.45)
    assert 0 < len(store.records()) < 6, "founders are evaluated before all are drawn"
    assert store.state is None
    store.close()
    assert contents(play("cut")) == whole


def test_with_a_time_limit_the_smallest_founders_are_evaluated_first(play: Play) -> None:
    class Sized(ToyEvaluator):
        def work(self, trial: Trial[Digits]) -> float:
            return float(sum(trial.individual.genotype.values))

    store = play(evaluator=Sized(), generations=0, time_limit=1000)
    sizes = [sum(store.individual(r.id).genotype.values) for r in store.records()]
    assert sizes == sorted(sizes)
    assert [r.id for r in store.records()] != sorted(r.id for r in store.records())
