"""How the networks of jobs are trained, and the evaluators that train them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Generic

import numpy as np

from evonas.capabilities.training import Training, TrainsMany, is_trainable, trains_many
from evonas.capabilities.variation import InheritsWeights
from evonas.data.samples import Samples, Splits
from evonas.evaluation.base import Evaluator, Job, Results
from evonas.individual import Evaluation, Trial
from evonas.space import G, SearchSpace
from evonas.training import Epoch, Recipe, Stop, Trained
from evonas.training.device import current
from evonas.types import Floats, Weights


@dataclass(frozen=True, eq=False)
class TrainingEvaluator(ABC, Generic[G]):
    """Trains the networks of jobs; an heir says how long, and what comes of it.

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

    @property
    @abstractmethod
    def metric_names(self) -> tuple[str, ...]:
        """See :attr:`evonas.evaluation.base.Evaluator.metric_names`."""

    @abstractmethod
    def work(self, trial: Trial[G]) -> float:
        """See :meth:`evonas.evaluation.base.Evaluator.work`."""

    @abstractmethod
    def _training(self, job: Job[G]) -> Training[G]:
        """The training that a job asks for."""

    @abstractmethod
    def _result(self, job: Job[G], trained: Trained[G]) -> Evaluation[G]:
        """The result of a job, of what came of its training."""

    @property
    def shares_memory(self) -> bool:
        """See :attr:`evonas.evaluation.base.Evaluator.shares_memory`."""
        return trains_in_threads(self.space)

    def taught(self, teacher: Floats) -> Evaluator[G]:
        """The same with a teacher."""
        return replace(self, teacher=teacher)

    @property
    def takes_many(self) -> bool:
        """Whether the space's trainer trains many networks at once."""
        return trains_many(self.space)

    def __call__(self, job: Job[G]) -> Evaluation[G]:
        """Train the job's network, and return what comes of it."""
        one = self._training(job)
        trained = train(
            self.space, one.genotype, one.weights, self.splits, one.recipe, epochs=one.epochs, seed=one.seed,
            stop=one.stop, teacher=self.teacher,
        )
        return self._result(job, trained)

    def evaluate_many(self, jobs: Sequence[Job[G]]) -> Iterator[Results[G]]:
        """Train the jobs' networks together; see :class:`evonas.evaluation.base.EvaluatesMany`."""
        space = self.space
        assert trains_many(space)
        for group in train_together(space, jobs, self._training, self.splits, self.teacher):
            yield self._results(space, jobs, group)

    def _results(
        self, space: TrainsMany[G], jobs: Sequence[Job[G]], group: Sequence[tuple[int, Trained[G] | Exception]]
    ) -> Results[G]:
        """Results of networks that have been trained together.

        Args:
            space: The space, which also gives the outputs of many.
            jobs: All jobs.
            group: Indices of jobs, with what came of their training.
        """
        return [
            (index, result if isinstance(result, Exception) else self._result(jobs[index], result))
            for index, result in group
        ]


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
    rng = np.random.default_rng(child_seed(job.seed, 0))
    return genotype, space.inherit(genotype, start.genotype, start.weights, rng)


def child_seed(seed: np.random.SeedSequence, index: int) -> np.random.SeedSequence:
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
        teacher: See :attr:`TrainingEvaluator.teacher`.

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
        teacher: See :attr:`TrainingEvaluator.teacher`.
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
