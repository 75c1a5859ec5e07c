"""Look a genotype up in a table of networks that were trained once and for all."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Generic

import numpy as np

from evonas.capabilities.tables import ArchitectureTable
from evonas.data.samples import Samples, Splits
from evonas.evaluation.base import Job
from evonas.individual import Evaluation, Trial
from evonas.space import G
from evonas.types import Goal


@dataclass(frozen=True)
class TableEvaluator(Generic[G]):
    """Measures nothing: reports what the table has after as many epochs as the trial's budget; there are no weights.

    A genotype for which it has nothing is a failed trial.
    """

    table: ArchitectureTable[G]
    shares_memory: bool = True

    @property
    def metric_names(self) -> tuple[str, ...]:
        return self.table.metric_names

    @property
    def goals(self) -> Mapping[str, Goal]:
        """Goals as the table declares them."""
        return self.table.goals

    def work(self, trial: Trial[G]) -> float:
        return 0.0

    def __call__(self, job: Job[G]) -> Evaluation[G]:
        return job.result(self.table.measure(job.trial.individual.genotype, job.trial.budget))


def splits_of(table: ArchitectureTable[G], dataset: str) -> Splits:
    """A data set without samples, as a run on a table sees it: the task, and the table's fingerprint."""
    shape = (0, *table.task.input_shape)
    nothing = Samples(np.empty(shape, np.float32), np.empty(0, np.int64))
    return Splits(f"table of {dataset}", table.task, nothing, nothing, table.fingerprint)
