"""Measure a genotype with weights cut from a trained supernet: no training at all."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Generic

from evonas.capabilities.choices import RelaxableSpace
from evonas.data.samples import Splits
from evonas.evaluation.base import Job
from evonas.evaluation.trained import measured, measured_names
from evonas.individual import Evaluation, Trial
from evonas.space import G
from evonas.types import Weights


@dataclass(frozen=True)
class SharedEvaluator(Generic[G]):
    """Shared weights, with statistics of BatchNorm recomputed for each genotype (SPOS, Guo 2019).

    Reports what :class:`TrainedEvaluator` measures without training; weights that a job starts with are not used.

    Attributes:
        supernet: State of the trained supernet.
    """

    space: RelaxableSpace[G]
    splits: Splits
    supernet: Weights
    shares_memory: bool = False

    @property
    def metric_names(self) -> tuple[str, ...]:
        return measured_names(self.splits.task)

    def work(self, trial: Trial[G]) -> float:
        return self.space.cost(trial.individual.genotype)["flops"]

    def __call__(self, job: Job[G]) -> Evaluation[G]:
        import torch

        from evonas.training.calibration import MOST, batches_of, recalibrate
        from evonas.training.device import current

        genotype = job.trial.individual.genotype
        torch.set_num_threads(1)
        supernet = self.space.supernet(0)
        supernet.load_state_dict({name: torch.tensor(value) for name, value in self.supernet.items()})
        device = current()
        network = self.space.compile(genotype, self.space.extract(supernet, genotype)).to(device)
        recalibrate(network, batches_of(torch.from_numpy(self.splits.train.x[:MOST]).to(device)))
        job.stop.check()
        weights = {name: value.cpu().numpy().copy(order="C") for name, value in network.state_dict().items()}
        return job.result(measured(self.space, genotype, weights, self.splits), weights=weights)
