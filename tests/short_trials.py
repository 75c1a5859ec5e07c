"""Evaluators of trials that take no time; processes import them by name."""

from __future__ import annotations

import os
import threading
from dataclasses import dataclass

from evonas.evaluation import Job
from evonas.individual import Evaluation, Trial
from evonas.testing.toy import Digits
from evonas.training.device import name_now
from evonas.types import Metrics


@dataclass(frozen=True)
class Located:
    """Tells where a trial ran, and on which GPU torch would train there; -1 is none.

    Attributes:
        driver: Process id of the driver.
        deadly: Ids of individuals that kill a process that is not the driver.
        unsent: Id of an individual whose result no process can send.
        padding: Makes the evaluator large.
    """

    driver: int
    deadly: tuple[int, ...] = ()
    unsent: int = -1
    padding: bytes = b""
    metric_names = ("pid", "draw", "gpu")
    shares_memory = True

    def work(self, trial: Trial[Digits]) -> float:
        return 1.0

    def __call__(self, job: Job[Digits]) -> Evaluation[Digits]:
        if job.trial.individual.id in self.deadly and os.getpid() != self.driver:
            os._exit(9)
        print("what a library prints is no answer")
        gpu = float(name_now().partition("cuda:")[2] or -1)
        metrics: Metrics = {"pid": float(os.getpid()), "draw": float(job.seed.generate_state(1)[0]), "gpu": gpu}
        lock = {"lock": threading.Lock()} if job.trial.individual.id == self.unsent else None
        return job.result(metrics, weights=lock)  # type: ignore[arg-type]
