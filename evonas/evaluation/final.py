"""Chosen networks: their last training, and their metrics on samples by which nothing was chosen."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Generic

from evonas.capabilities.training import Training
from evonas.data.samples import Samples
from evonas.evaluation.base import Job
from evonas.evaluation.metrics import measure, metric_names
from evonas.evaluation.training import TrainingEvaluator, begun, predict, trains_in_threads
from evonas.individual import Evaluation, Trial
from evonas.space import G, Phenotype, SearchSpace
from evonas.training import Stop, Trained
from evonas.types import Floats, Metrics, Task


@dataclass(frozen=True, eq=False)
class FinalTraining(TrainingEvaluator[G]):
    """Trains for the trial's budget in epochs, and reports the training loss of the last: other samples are to judge.

    Attributes:
        space: The space of the genotypes.
        splits: The samples; ``train`` may be all that are outside the test set.
        recipe: The recipe for networks of any size, see :meth:`evonas.training.Recipe.final`. Networks that begin with
            weights learn more slowly where it says so.
        teacher: See :attr:`evonas.evaluation.training.TrainingEvaluator.teacher`.
    """

    @property
    def metric_names(self) -> tuple[str, ...]:
        return ("train_loss",)

    def work(self, trial: Trial[G]) -> float:
        return trial.budget * self.space.cost(trial.individual.genotype).get("flops", 1.0)

    def _training(self, job: Job[G]) -> Training[G]:
        genotype, weights = begun(self.space, job)
        edges = self.space.cost(genotype).get("edges", 0.0)
        recipe = self.recipe.of_size(edges)
        return Training(
            genotype, weights, recipe if weights is None else recipe.continued(edges), job.trial.budget, job.seed,
            job.stop,
        )

    def _result(self, job: Job[G], trained: Trained[G]) -> Evaluation[G]:
        changed = None if trained.genotype == job.trial.individual.genotype else trained.genotype
        metrics = {"train_loss": trained.history[-1].train_loss}
        return job.result(metrics, genotype=changed, weights=trained.weights)


@dataclass(frozen=True, eq=False)
class OutputEvaluator(Generic[G]):
    """Measures the outputs of trained networks on given samples, see :func:`measure_outputs`.

    Attributes:
        space: The space of the genotypes.
        samples: The samples, normalised as those of the training.
        task: The task of the samples.
        prefix: The beginning of the metrics' names, such as ``"test"``.
    """

    space: SearchSpace[G]
    samples: Samples
    task: Task
    prefix: str

    @property
    def metric_names(self) -> tuple[str, ...]:
        weighted = () if self.samples.weight is None else metric_names(self.task, weighted_prefix(self.prefix))
        return (*metric_names(self.task, self.prefix), *weighted)

    @property
    def shares_memory(self) -> bool:
        return trains_in_threads(self.space)

    def measure(self, phenotype: Phenotype[G], stop: Stop) -> Metrics:
        """The metrics; raises ``ValueError`` for missing weights, or such as do not fit the genotype."""
        if not phenotype.weights:
            raise ValueError("only a trained network has outputs to measure, got no weights")
        outputs = predict(self.space, phenotype.genotype, phenotype.weights, self.samples)
        return measure_outputs(outputs, self.samples, self.task, self.prefix)


def weighted_prefix(prefix: str) -> str:
    """The beginning of the names of metrics that count samples by their weights."""
    return f"{prefix}_weighted"


def measure_outputs(outputs: Floats, samples: Samples, task: Task, prefix: str) -> Metrics:
    """Metrics of outputs in which all samples count alike; where they have weights, also those in which these count.

    Args:
        outputs: The outputs of the samples, ``(n, n_outputs)``.
        samples: The samples.
        task: Their task.
        prefix: The beginning of the names; those that count weights begin with :func:`weighted_prefix` of it.
    """
    alike = measure(outputs, replace(samples, weight=None), task, prefix)
    return alike if samples.weight is None else {**alike, **measure(outputs, samples, task, weighted_prefix(prefix))}
