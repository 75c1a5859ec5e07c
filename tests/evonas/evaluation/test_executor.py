"""Where trials run."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pytest

from evonas.evaluation import Job
from evonas.evaluation.executor import evaluate_all
from evonas.individual import Evaluation, Individual, Trial
from evonas.testing.toy import Digits
from evonas.training import Stop
from evonas.training.turns import leaving
from evonas.types import Floats


@dataclass(frozen=True)
class Writer:
    """Data as large as joblib shares between processes through files."""

    data: Floats
    metric_names = ("sum",)
    shares_memory = False

    def work(self, trial: Trial[Digits]) -> float:
        return 1.0

    def __call__(self, job: Job[Digits]) -> Evaluation[Digits]:
        self.data[0] += 1
        return job.result({"sum": float(self.data.sum()), "shared": float(isinstance(self.data, np.memmap))})


def test_processes_share_large_data_that_torch_may_use_and_none_sees_what_another_writes() -> None:
    trials = [Trial(Individual(id, Digits((id,) * 8), 0, ""), 1) for id in range(4)]
    jobs = [Job(trial, np.random.SeedSequence(0), None, Stop()) for trial in trials]
    data = np.ones(500_000, np.float32)
    results = list(evaluate_all(Writer(data), jobs, stop=Stop(), n_jobs=2))
    assert [r.metrics for r in results] == [{"sum": 500_001.0, "shared": 1.0}] * 4
    assert data[0] == 1


@dataclass(frozen=True)
class Patient:
    """Ends once the next job was asked for, if it says that it leaves the interpreter to others; else at once."""

    asked: threading.Semaphore
    says: bool
    metric_names = ("in_time",)
    shares_memory = True

    def work(self, trial: Trial[Digits]) -> float:
        return 1.0

    def __call__(self, job: Job[Digits]) -> Evaluation[Digits]:
        if self.says:
            leaving()
            return job.result({"in_time": float(self.asked.acquire(timeout=30))})
        return job.result({"in_time": 1.0})


@pytest.mark.parametrize("says", [True, False])
def test_the_next_job_is_drawn_while_one_is_trained_once_that_leaves_the_interpreter(
    monkeypatch: pytest.MonkeyPatch, says: bool
) -> None:
    monkeypatch.setattr("evonas.evaluation.local.LONGEST_TURN", 60.0)
    asked = threading.Semaphore(0)
    trials = [Trial(Individual(id, Digits((id,) * 8), 0, ""), 1) for id in range(6)]

    def jobs() -> Iterator[Job[Digits]]:
        for trial in trials:
            asked.release()
            yield Job(trial, np.random.SeedSequence(0), None, Stop())

    results = list(evaluate_all(Patient(asked, says), jobs(), stop=Stop()))
    assert [r.id for r in results] == [*range(6)]
    assert [r.metrics["in_time"] for r in results] == [1.0] * 6


@dataclass(frozen=True)
class Fragile:
    """The replicate 2 kills its process, the replicate 3 raises; others tell their number."""

    shares_memory: bool
    metric_names = ("replicate",)

    def work(self, trial: Trial[Digits]) -> float:
        return 1.0

    def __call__(self, job: Job[Digits]) -> Evaluation[Digits]:
        if job.trial.replicate == 2 and not self.shares_memory:
            os._exit(9)
        if job.trial.replicate == 3:
            raise ArithmeticError("out of luck")
        return job.result({"replicate": float(job.trial.replicate)})


@pytest.mark.parametrize("shares_memory", [True, False])
def test_replicates_of_one_individual_are_trials_of_their_own(shares_memory: bool) -> None:
    individual = Individual(7, Digits((1,) * 8), 0, "sample")
    trials = [Trial(individual, 1, replicate) for replicate in range(5)]
    jobs = [Job(trial, np.random.SeedSequence(0), None, Stop()) for trial in trials]
    results = sorted(evaluate_all(Fragile(shares_memory), jobs, stop=Stop(), n_jobs=2), key=lambda e: e.replicate)
    assert [(e.id, e.budget, e.replicate) for e in results] == [(7, 1, replicate) for replicate in range(5)]
    good = {0, 1, 4} if not shares_memory else {0, 1, 2, 4}
    assert {e.replicate for e in results if e.status == "ok"} == good
    assert all(e.metrics == {"replicate": float(e.replicate)} for e in results if e.replicate in good)


@pytest.mark.parametrize("returned", [None, {"sum": 1.0}, Evaluation(8, 1, "ok", {"sum": 1.0}, 0.0)])
def test_what_is_not_the_result_of_the_job_is_a_failure_that_says_what_to_return(returned: object) -> None:
    class Mistaken(Patient):
        def __call__(self, job: Job[Digits]) -> Evaluation[Digits]:
            return returned  # type: ignore[return-value]

    job = Job(Trial(Individual(7, Digits((1,) * 8), 0, "sample"), 1), np.random.SeedSequence(0), None, Stop())
    (evaluation,) = evaluate_all(Mistaken(threading.Semaphore(0), False), [job], stop=Stop())
    assert (evaluation.id, evaluation.status) == (7, "failed")
    assert "expected the result of its job: return job.result(metrics)" in (evaluation.error or "")
