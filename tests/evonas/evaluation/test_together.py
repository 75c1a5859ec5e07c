"""Jobs that an evaluator takes all at once."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest
from toy_runs import Play

from evonas.evaluation import Job, merge
from evonas.evaluation.base import EvaluatesMany, Results, takes_many
from evonas.evaluation.executor import evaluate_all
from evonas.evaluation.local import Local
from evonas.individual import Evaluation, Individual, Trial
from evonas.space import Phenotype
from evonas.testing.toy import Digits
from evonas.training import Cancelled, Stop, TrialTimeout
from evonas.types import Metrics, UserError


@dataclass
class Crowd:
    """Evaluates all jobs at once, in groups of two; those of some ids fail."""

    failures: Mapping[int, Exception] = field(default_factory=dict)
    takes_many: bool = True
    breaks_after: int | None = None
    seen: list[int] = field(default_factory=list)
    metric_names = ("id",)
    shares_memory = True

    def work(self, trial: Trial[Digits]) -> float:
        return 1.0

    def __call__(self, job: Job[Digits]) -> Evaluation[Digits]:
        assert not self.takes_many
        return job.result({"id": float(job.trial.individual.id)})

    def evaluate_many(self, jobs: Sequence[Job[Digits]]) -> Iterator[Results[Digits]]:
        self.seen.append(len(jobs))
        for begin in range(0, len(jobs), 2):
            if begin == self.breaks_after:
                raise OSError("the device is gone")
            results: Results[Digits] = []
            for index in range(begin, min(begin + 2, len(jobs))):
                job = jobs[index]
                id = job.trial.individual.id
                results.append((index, self.failures.get(id) or job.result({"id": float(id)})))
            yield results


@dataclass(frozen=True)
class Doubled:
    """Measures twice the first digit; 3 cannot be measured."""

    metric_names = ("double",)
    shares_memory: bool = True

    def measure(self, phenotype: Phenotype[Digits], stop: Stop) -> Metrics:
        if phenotype.genotype.values[0] == 3:
            raise ArithmeticError("three")
        return {"double": 2.0 * phenotype.genotype.values[0]}


def jobs_of(n: int, stop: Stop | None = None) -> list[Job[Digits]]:
    trials = [Trial(Individual(id, Digits((id,) * 8), 0, ""), 1) for id in range(n)]
    return [Job(trial, np.random.SeedSequence(0), None, stop or Stop()) for trial in trials]


def results_of(evaluator: Any, n: int = 5, **options: Any) -> dict[int, Evaluation[Digits]]:
    return {e.id: e for e in evaluate_all(evaluator, jobs_of(n), **{"stop": Stop(), **options})}


@pytest.mark.parametrize("n_jobs", [1, 3])
def test_a_whole_generation_is_handed_over_at_once(n_jobs: int) -> None:
    crowd = Crowd()
    assert isinstance(crowd, EvaluatesMany)
    assert not Local(n_jobs).draws_beside(crowd)
    assert not Local(n_jobs).can_wait(crowd)
    results = results_of(crowd, n_jobs=n_jobs)
    assert crowd.seen == [5]
    assert [results[id].metrics for id in range(5)] == [{"id": float(id)} for id in range(5)]
    assert all(e.status == "ok" and 0 <= e.seconds < 60 for e in results.values())


def test_a_search_without_generations_cannot_hand_them_over(play: Play) -> None:
    with pytest.raises(UserError, match="the trainer trains whole generations at once: give a cluster"):
        play(evaluator=Crowd(), asynchronous=True)


def test_one_that_takes_no_many_now_is_asked_one_by_one() -> None:
    crowd = Crowd(takes_many=False)
    assert not takes_many(crowd)
    assert len(results_of(crowd)) == 5
    assert not crowd.seen


def test_a_failure_is_that_of_its_own_trial_alone() -> None:
    results = results_of(Crowd({1: FloatingPointError("diverged"), 4: MemoryError("too large")}))
    assert [results[id].status for id in range(5)] == ["ok", "failed", "ok", "ok", "failed"]
    assert results[1].error == "FloatingPointError: diverged"
    assert results[4].error == "MemoryError: too large"


def test_what_fails_all_together_fails_those_that_are_left() -> None:
    results = results_of(Crowd(breaks_after=2))
    assert [results[id].status for id in range(5)] == ["ok", "ok", "failed", "failed", "failed"]
    assert "the device is gone" in (results[4].error or "")


def test_metrics_that_are_not_finite_and_strange_results_are_failures() -> None:
    class Strange(Crowd):
        def evaluate_many(self, jobs: Sequence[Job[Digits]]) -> Iterator[Results[Digits]]:
            yield [(0, jobs[0].result({"id": np.nan})), (1, jobs[0].result({"id": 0.0}))]
            yield [(2, jobs[2].result({"id": 2.0}))]

    results = results_of(Strange(), 3)
    assert [results[id].status for id in range(3)] == ["failed", "failed", "ok"]
    assert "not finite" in (results[0].error or "")


def test_trials_that_are_stopped_give_nothing_and_late_ones_fail() -> None:
    stop = Stop()
    stop.request()
    assert not results_of(Crowd(), stop=stop)
    assert not results_of(Crowd(), stop=Stop().within(-1))
    assert sorted(results_of(Crowd({2: Cancelled("stopped")}))) == [0, 1, 3, 4]
    late = {2: TrialTimeout("the trial took longer than its time limit")}
    assert results_of(Crowd(late))[2].status == "failed"


def test_the_time_limit_of_a_trial_is_the_deadline_that_all_see() -> None:
    deadlines: list[float] = []

    class Watcher(Crowd):
        def evaluate_many(self, jobs: Sequence[Job[Digits]]) -> Iterator[Results[Digits]]:
            deadlines.extend(job.stop.deadline for job in jobs)
            yield from super().evaluate_many(jobs)

    begin = time.monotonic()
    results_of(Watcher(), 2, trial_timeout=1000.0)
    assert len(deadlines) == 2
    assert all(begin + 1000 <= deadline < begin + 1060 for deadline in deadlines)


def test_measures_join_and_fail_for_their_own_networks() -> None:
    merged = merge(Crowd(), Doubled())
    assert takes_many(merged)
    assert not takes_many(merge(Crowd(takes_many=False), Doubled()))
    results = results_of(merged)
    assert [results[id].status for id in range(5)] == ["ok", "ok", "ok", "failed", "ok"]
    assert results[4].metrics == {"id": 4.0, "double": 8.0}
    assert results[3].error is not None
    assert "ArithmeticError: three (test_together.py:" in results[3].error


def test_the_evaluator_runs_in_the_thread_that_asks() -> None:
    threads: list[int] = []

    class Noting(Crowd):
        def evaluate_many(self, jobs: Sequence[Job[Digits]]) -> Iterator[Results[Digits]]:
            threads.append(threading.get_ident())
            yield from super().evaluate_many(jobs)

    results_of(Noting(), 2, n_jobs=2)
    assert threads == [threading.get_ident()]
