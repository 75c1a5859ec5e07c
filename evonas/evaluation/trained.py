"""Train a genotype and measure it on the validation set."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Generic

import numpy as np

from evonas.capabilities.training import Training, TrainsMany, is_trainable, trains_many
from evonas.capabilities.variation import InheritsWeights
from evonas.data.samples import Samples, Splits
from evonas.evaluation.base import Evaluator, Job, Results
from evonas.evaluation.metrics import measure, metric_names
from evonas.individual import Evaluation, Trial
from evonas.space import G, Phenotype, SearchSpace
from evonas.training import Epoch, Recipe, Stop, Trained
from evonas.training.augmentation import check_images
from evonas.training.device import current
from evonas.types import Floats, Metrics, Task, UserError, Weights


@dataclass(frozen=True, eq=False)
class TrainedEvaluator(Generic[G]):
    """Trains for the trial's budget in epochs, from the weights the job starts with; with a budget of 0 only measures.

    Reports the last epoch: ``val_error, val_accuracy, val_loss, val_balanced_error`` (or ``val_mse, val_r2``, of
    several targets also ``val_nmse``), ``train_loss`` (to the targets mixed with a teacher's outputs, if it has one),
    ``trainval_error`` and ``trainval_balanced_error`` (or ``trainval_mse``, of several targets also ``trainval_nmse``:
    see :func:`measured`), and ``edge_updates`` (connected edges times training samples seen).

    Attributes:
        space: The space of the genotypes.
        splits: The samples for training and validation.
        recipe: The recipe for networks of any size.
        teacher: Outputs of a teacher for the training samples: class probabilities, or standardised targets, float32 of
            shape ``(n_train, n_outputs)``; training mixes it into the targets. None: there is no teacher.
    """

    space: SearchSpace[G]
    splits: Splits
    recipe: Recipe
    teacher: Floats | None = None

    def __post_init__(self) -> None:
        """Raise :class:`UserError` where the recipe is one for images and the samples are none."""
        try:
            check_images(self.splits.task.input_shape, self.recipe)
        except ValueError as error:
            raise UserError(f"training on {self.splits.name}: {error}") from error

    @property
    def metric_names(self) -> tuple[str, ...]:
        return trained_names(self.splits.task)

    @property
    def shares_memory(self) -> bool:
        return trains_in_threads(self.space)

    def work(self, trial: Trial[G]) -> float:
        cost, epochs = self.space.cost(trial.individual.genotype), trial.budget
        if trial.individual.parents:
            epochs = self.recipe.epochs_of_child(cost.get("edges", 0.0), epochs)
        return epochs * cost.get("flops", 1.0)

    def taught(self, teacher: Floats) -> Evaluator[G]:
        """The same with a teacher."""
        return replace(self, teacher=teacher)

    @property
    def takes_many(self) -> bool:
        """Whether the space's trainer trains many networks at once."""
        return trains_many(self.space)

    def __call__(self, job: Job[G]) -> Evaluation[G]:
        one = self._training(job)
        trained = train(
            self.space, one.genotype, one.weights, self.splits, one.recipe, epochs=one.epochs, seed=one.seed,
            stop=one.stop, teacher=self.teacher,
        )
        return self._result(job, trained, measured(self.space, trained.genotype, trained.weights, self.splits))

    def evaluate_many(self, jobs: Sequence[Job[G]]) -> Iterator[Results[G]]:
        """Train the jobs' networks together; see :class:`evonas.evaluation.base.EvaluatesMany`."""
        space = self.space
        assert trains_many(space)
        for group in train_together(space, jobs, self._training, self.splits, self.teacher):
            yield self._results(space, jobs, group)

    def _results(
        self, space: TrainsMany[G], jobs: Sequence[Job[G]], group: Sequence[tuple[int, Trained[G] | Exception]]
    ) -> Results[G]:
        """Measure networks that have been trained together.

        Args:
            space: The space, which gives the outputs of many.
            jobs: All jobs.
            group: Indices of jobs, with what came of their training.
        """
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
                results.append((index, self._result(jobs[index], result, metrics)))
            except Exception as error:
                results.append((index, error))
        return results

    def _training(self, job: Job[G]) -> Training[G]:
        """The training that a job asks for."""
        genotype, weights = begun(self.space, job)
        edges = self.space.cost(genotype).get("edges", 0.0)
        recipe, epochs = self.recipe.of_size(edges), job.trial.budget
        if weights is not None:
            recipe = recipe.continued(edges)
            if job.start is not None and not job.start.continues:
                epochs = recipe.epochs_of_child(edges, epochs, np.random.default_rng(_child(job.seed, 2)))
        return Training(genotype, weights, recipe, epochs, _child(job.seed, 1), job.stop)

    def _result(self, job: Job[G], trained: Trained[G], metrics: Metrics) -> Evaluation[G]:
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


def trains_in_threads(space: SearchSpace[G]) -> bool:
    """Whether training and outputs of the space's networks run best in threads: its own trainer releases the GIL."""
    return is_trainable(space) and space.shares_memory


def begun(space: SearchSpace[G], job: Job[G]) -> tuple[G, Weights | None]:
    """The network and the weights that the training of a job begins with: its own of a smaller budget, or weights that
    it inherits from its parent, or else None for fresh ones.
    """
    genotype, start = job.trial.individual.genotype, job.start
    if start is None:
        return genotype, None
    if start.continues:
        return start.genotype, start.weights
    if not isinstance(space, InheritsWeights):
        return genotype, None
    return genotype, space.inherit(genotype, start.genotype, start.weights, np.random.default_rng(_child(job.seed, 0)))


def _child(seed: np.random.SeedSequence, index: int) -> np.random.SeedSequence:
    """The seed that ``seed.spawn`` would give, without counting: the job's seed stays as it is."""
    return np.random.SeedSequence(seed.entropy, spawn_key=(*seed.spawn_key, index))


def train(
    space: SearchSpace[G], genotype: G, weights: Weights | None, splits: Splits, recipe: Recipe, *, epochs: int,
    seed: np.random.SeedSequence, stop: Stop, teacher: Floats | None = None,
) -> Trained[G]:
    """Train with the space's own trainer where it has one, else with the plain torch loop.

    Args:
        space: The space of the genotype.
        genotype: The network.
        weights: Its weights to begin with, None for fresh ones.
        splits: The samples.
        recipe: The recipe for a network of this size.
        epochs: Passes over the training samples.
        seed: Everything random follows from it.
        stop: Polled at every step.
        teacher: See :attr:`TrainedEvaluator.teacher`.

    Raises:
        FloatingPointError: The loss became infinite or not a number.
        Cancelled, TrialTimeout: ``stop`` asked for it.
    """
    if is_trainable(space):
        return space.train(
            genotype, weights, splits, recipe, epochs=epochs, seed=seed, stop=stop, teacher=teacher
        )
    from evonas.training.loop import fit, initialise  # imports torch

    module = space.compile(genotype, weights)
    if weights is None:
        initialise(module, seed)
    history: tuple[Epoch, ...] = fit(
        module, splits, recipe, epochs=epochs, seed=seed, stop=stop, teacher=teacher, device=current()
    )
    state = {name: tensor.numpy().copy() for name, tensor in module.state_dict().items()}
    updates = float(sum(epoch.n_edges for epoch in history)) * len(splits.train)
    return Trained(genotype, state, history, updates)


def train_together(
    space: TrainsMany[G], jobs: Sequence[Job[G]], training_of: Callable[[Job[G]], Training[G]], splits: Splits,
    teacher: Floats | None,
) -> Iterator[list[tuple[int, Trained[G] | Exception]]]:
    """Yield what came of the jobs' trainings with their indices, those that ended together in one list.

    Args:
        space: The space, whose trainer takes many networks.
        jobs: The jobs.
        training_of: The training that a job asks for; what it raises is the result of that job.
        splits: The samples.
        teacher: See :attr:`TrainedEvaluator.teacher`.
    """
    refused: list[tuple[int, Trained[G] | Exception]] = []
    places, trainings = [], []
    for index, job in enumerate(jobs):
        try:
            trainings.append(training_of(job))
            places.append(index)
        except Exception as error:
            refused.append((index, error))
    if refused:
        yield refused
    for group in space.train_many(trainings, splits, teacher):
        yield [(places[index], trained) for index, trained in group]


def predict(space: SearchSpace[G], genotype: G, weights: Weights, samples: Samples) -> Floats:
    """Outputs before softmax, shape ``(n, n_outputs)``; the same way as :func:`train` chooses.

    Args:
        space: The space.
        genotype: The genotype.
        weights: Its weights.
        samples: The samples.
    """
    if is_trainable(space):
        return space.predict(genotype, weights, samples)
    from evonas.training.loop import predict as predict_module

    return predict_module(space.compile(genotype, weights), samples, current())
