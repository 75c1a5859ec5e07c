"""Proxies as metrics of a trial."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Generic

from evonas.evaluation.base import Job, Outcome
from evonas.evaluation.proxies.scorer import Scorer
from evonas.individual import Trial
from evonas.space import G


@dataclass(frozen=True)
class ProxyEvaluator(Generic[G]):
    """Scores the genotype with fresh weights, whatever weights the job starts with.

    Attributes:
        metric_names: Some of :data:`evonas.evaluation.proxies.MEASURED`.
    """

    scorer: Scorer[G]
    metric_names: tuple[str, ...]
    shares_memory: bool = True

    def work(self, trial: Trial[G]) -> float:
        return self.scorer.space.cost(trial.individual.genotype).get("flops", 1.0)

    def __call__(self, job: Job[G]) -> Outcome[G]:
        found, failed = self.scorer.scores(job.trial.individual.genotype, self.metric_names, job.stop)
        if failed:
            raise FloatingPointError("; ".join(f"proxy {name}: {reason}" for name, reason in failed.items()))
        return Outcome(found)
