"""Where trials run."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from toy import Digits

from evonas.evaluation import Job, Outcome
from evonas.executor import evaluate_all
from evonas.individual import Individual, Trial
from evonas.training import Stop
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
