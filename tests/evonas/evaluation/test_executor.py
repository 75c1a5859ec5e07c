"""Where trials run."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pytest
from toy import Digits

from evonas.evaluation import Job, Outcome
from evonas.evaluation.executor import evaluate_all
from evonas.individual import Individual, Trial
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

    def __call__(self, job: Job[Digits]) -> Outcome[Digits]:
        self.data[0] += 1
        return Outcome({"sum": float(self.data.sum()), "shared": float(isinstance(self.data, np.memmap))})


def test_processes_share_large_data_that_torch_may_use_and_none_sees_what_another_writes() -> None:
    trials = [Trial(Individual(id, Digits((id,) * 8), 0, ""), 1) for id in range(4)]
    jobs = [Job(trial, np.random.SeedSequence(0), None, Stop()) for trial in trials]
    data = np.ones(500_000, np.float32)
    results = list(evaluate_all(Writer(data), jobs, stop=Stop(), n_jobs=2))
    assert [r.evaluation.metrics for r in results] == [{"sum": 500_001.0, "shared": 1.0}] * 4
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

    def __call__(self, job: Job[Digits]) -> Outcome[Digits]:
        if self.says:
            leaving()
            return Outcome({"in_time": float(self.asked.acquire(timeout=30))})
        return Outcome({"in_time": 1.0})


@pytest.mark.parametrize("says", [True, False])
def test_the_next_job_is_drawn_while_one_is_trained_once_that_leaves_the_interpreter(
    monkeypatch: pytest.MonkeyPatch, says: bool
) -> None:
    monkeypatch.setattr("evonas.evaluation.executor.LONGEST_TURN", 60.0)
    asked = threading.Semaphore(0)
    trials = [Trial(Individual(id, Digits((id,) * 8), 0, ""), 1) for id in range(6)]

    def jobs() -> Iterator[Job[Digits]]:
        for trial in trials:
            asked.release()
            yield Job(trial, np.random.SeedSequence(0), None, Stop())

    results = list(evaluate_all(Patient(asked, says), jobs(), stop=Stop()))
    assert [r.evaluation.id for r in results] == [*range(6)]
    assert [r.evaluation.metrics["in_time"] for r in results] == [1.0] * 6
