"""Train a genotype and measure it on the validation set."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from evonas.capabilities.training import Training, TrainsMany
from evonas.data.samples import Splits
from evonas.evaluation.base import Job, Results
from evonas.evaluation.metrics import measure, metric_names
from evonas.evaluation.training import TrainingEvaluator, begun, child_seed, predict
from evonas.individual import Evaluation, Trial
from evonas.space import G, Phenotype, SearchSpace
from evonas.training import Trained
from evonas.training.augmentation import check_images
from evonas.types import Floats, Metrics, Task, UserError, Weights


@dataclass(frozen=True, eq=False)
class TrainedEvaluator(TrainingEvaluator[G]):
    """Trains for the trial's budget in epochs, from the weights the job starts with; with a budget of 0 only measures.

    Reports the last epoch: ``val_error, val_accuracy, val_loss, val_balanced_error`` (or ``val_mse, val_r2``, of
    several targets also ``val_nmse``), ``train_loss`` (to the targets mixed with a teacher's outputs, if it has one),
    ``trainval_error`` and ``trainval_balanced_error`` (or ``trainval_mse``, of several targets also ``trainval_nmse``:
    see :func:`measured`), and ``edge_updates`` (connected edges times training samples seen).
    """

    def __post_init__(self) -> None:
        """Raise :class:`UserError` where the recipe is one for images and the samples are none."""
        try:
            check_images(self.splits.task.input_shape, self.recipe)
        except ValueError as error:
            raise UserError(f"training on {self.splits.name}: {error}") from error

    @property
    def metric_names(self) -> tuple[str, ...]:
        return trained_names(self.splits.task)

    def work(self, trial: Trial[G]) -> float:
        cost, epochs = self.space.cost(trial.individual.genotype), trial.budget
        if trial.individual.parents:
            epochs = self.recipe.epochs_of_child(cost.get("edges", 0.0), epochs)
        return epochs * cost.get("flops", 1.0)

    def _results(
        self, space: TrainsMany[G], jobs: Sequence[Job[G]], group: Sequence[tuple[int, Trained[G] | Exception]]
    ) -> Results[G]:
        trained = [(index, result) for index, result in group if not isinstance(result, Exception)]
        results: Results[G] = [(index, result) for index, result in group if isinstance(result, Exception)]
        networks = [Phenotype(result.genotype, result.weights) for _, result in trained]
        pairs = zip(
            space.predict_many(networks, self.splits.validation), space.predict_many(networks, self.splits.train_probe),
            strict=True,
        )
        for (index, result), outputs in zip(trained, pairs, strict=True):
            try:
                metrics = measured_outputs(*outputs, self.splits)
                results.append((index, self._measured(jobs[index], result, metrics)))
            except Exception as error:
                results.append((index, error))
        return results

    def _training(self, job: Job[G]) -> Training[G]:
        genotype, weights = begun(self.space, job)
        edges = self.space.cost(genotype).get("edges", 0.0)
        recipe, epochs = self.recipe.of_size(edges), job.trial.budget
        if weights is not None:
            recipe = recipe.continued(edges)
            if job.start is not None and not job.start.continues:
                epochs = recipe.epochs_of_child(edges, epochs, np.random.default_rng(child_seed(job.seed, 2)))
        return Training(genotype, weights, recipe, epochs, child_seed(job.seed, 1), job.stop)

    def _result(self, job: Job[G], trained: Trained[G]) -> Evaluation[G]:
        metrics = measured(self.space, trained.genotype, trained.weights, self.splits)
        return self._measured(job, trained, metrics)

    def _measured(self, job: Job[G], trained: Trained[G], metrics: Metrics) -> Evaluation[G]:
        """The result of a job.

        Args:
            job: The job.
            trained: What came of its training.
            metrics: What was measured of it.
        """
        metrics = {**metrics, "train_loss": self._train_loss(trained), "edge_updates": trained.edge_updates}
        changed = None if trained.genotype == job.trial.individual.genotype else trained.genotype
        return job.result(metrics, genotype=changed, weights=trained.weights)

    def _train_loss(self, trained: Trained[G]) -> float:
        """The loss of the last epoch; where there was none, that of the weights as they are."""
        if trained.history:
            return trained.history[-1].train_loss
        task, samples = self.splits.task, self.splits.train
        known = measure(predict(self.space, trained.genotype, trained.weights, samples), samples, task, "train")
        for name in ("train_loss", "train_nmse"):
            if name in known:
                return known[name]
        return known["train_mse"] / float(np.array(task.target_scale).item()) ** 2


def trained_names(task: Task) -> tuple[str, ...]:
    """Names of what :class:`TrainedEvaluator` reports."""
    return (*measured_names(task), "train_loss", "edge_updates")


def measured_names(task: Task) -> tuple[str, ...]:
    """Names of what :func:`measured` reports."""
    return (*metric_names(task, "val"), *_trainval_names(task))


def _trainval_names(task: Task) -> tuple[str, ...]:
    """The error, which counts all targets alike; of several targets also in the units of the data, of classes also the
    balanced one.
    """
    wanted = ("trainval_error", "trainval_balanced_error", "trainval_nmse", "trainval_mse")
    return tuple(name for name in metric_names(task, "trainval") if name in wanted)


def measured(space: SearchSpace[G], genotype: G, weights: Weights, splits: Splits) -> Metrics:
    """Metrics on the validation set, and ``trainval_...``: means of the errors on the validation set and on as many
    training samples. They name better networks than validation alone, whose few samples flatter the luckiest of many.

    Args:
        space: The space of the genotype.
        genotype: The network.
        weights: Its weights.
        splits: The samples.
    """
    validation, probe = (
        predict(space, genotype, weights, samples) for samples in (splits.validation, splits.train_probe)
    )
    return measured_outputs(validation, probe, splits)


def measured_outputs(validation: Floats, probe: Floats, splits: Splits) -> Metrics:
    """Metrics as :func:`measured` gives them, of the outputs of a network.

    Args:
        validation: Its outputs for the validation samples.
        probe: Those for as many training samples.
        splits: The samples.
    """
    new = measure(validation, splits.validation, splits.task, "val")
    known = measure(probe, splits.train_probe, splits.task, "val")
    errors = {name: name.replace("trainval_", "val_") for name in _trainval_names(splits.task)}
    return {**new, **{name: (new[error] + known[error]) / 2 for name, error in errors.items()}}
