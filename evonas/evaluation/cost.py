"""What a structure costs, without training it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Generic

from evonas.evaluation.base import Job, Outcome
from evonas.individual import Trial
from evonas.space import G, SearchSpace


@dataclass(frozen=True)
class CostEvaluator(Generic[G]):
    """The space's own count of edges, parameters and FLOPs.

    Attributes:
        metric_names: Names that ``space.cost`` reports.
    """

    space: SearchSpace[G]
    metric_names: tuple[str, ...]
    shares_memory: bool = True

    def work(self, trial: Trial[G]) -> float:
        return 0.0

    def __call__(self, job: Job[G]) -> Outcome[G]:
        return Outcome(self.space.cost(job.trial.individual.genotype))
