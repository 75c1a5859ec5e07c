"""Final training of chosen individuals with several seeds, measured on the test set: nothing else sees that set."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, TypeAlias

import numpy as np

from evonas.capabilities.training import Trainable
from evonas.config import recipe_from
from evonas.data import test_split
from evonas.data.samples import Samples, Splits
from evonas.evaluation.base import Job, Outcome
from evonas.evaluation.executor import evaluate_all
from evonas.evaluation.metrics import measure, metric_names
from evonas.evaluation.trained import predict, train
from evonas.individual import Individual, Start, Trial
from evonas.rng import Stream, stream
from evonas.run.distillation import read_teacher
from evonas.run.open import OpenRun, data_config, load_splits, require_samples
from evonas.space import SearchSpace
from evonas.store import Retraining
from evonas.training import Recipe, Stop
from evonas.training.length import default_epochs
from evonas.types import UserError

#: ``fresh``: new weights, the honest figure of an architecture; ``inherited``: go on from the weights the search found.
StartKind: TypeAlias = Literal["fresh", "inherited"]
#: Default epochs, where there are samples enough.
EPOCHS = 20


@dataclass(frozen=True)
class FinalEvaluator:
    """Trains on all training samples, validation included, and reports the last epoch on the test set."""

    space: SearchSpace[Any]
    splits: Splits
    test: Samples
    recipe: Recipe

    @property
    def metric_names(self) -> tuple[str, ...]:
        return (*metric_names(self.splits.task, "test"), "train_loss")

    @property
    def shares_memory(self) -> bool:
        return isinstance(self.space, Trainable) and self.space.shares_memory

    def work(self, trial: Trial[Any]) -> float:
        return self.space.cost(trial.individual.genotype).get("flops", 1.0)

    def __call__(self, job: Job[Any]) -> Outcome[Any]:
        genotype, weights = job.trial.individual.genotype, None if job.start is None else job.start.weights
        recipe = self.recipe.of_size(self.space.cost(genotype).get("edges", 0.0))
        trained = train(
            self.space, genotype, weights, self.splits, recipe, epochs=job.trial.budget, seed=job.seed,
            stop=job.stop,
        )
        outputs = predict(self.space, trained.genotype, trained.weights, self.test)
        metrics = measure(outputs, self.test, self.splits.task, "test")
        return Outcome({**metrics, "train_loss": trained.history[-1].train_loss}, weights=trained.weights)


def retrain(
    run: OpenRun, ids: Sequence[int], *, start: StartKind, epochs: int | None = None, n_seeds: int, n_jobs: int,
    learning_rate: float | None = None, teacher: str | None = None, teacher_members: int | None = None,
    teacher_weight: float | None = None, report: Callable[[int, int, Retraining | None, str | None], None],
) -> list[Retraining]:
    """Train each individual with seeds 0 .. n_seeds - 1, those that are not stored yet.

    The recipe is the run's for a network of that size, at the full learning rate, without early stopping, pruning and
    regrowth: the network that was chosen is the one that is measured. Neither the teacher that the run was given nor
    its own best are asked again, since they did not speak of the validation samples.

    Args:
        run: Opened for writing.
        epochs: None is 20, more where samples are few: see :func:`evonas.training.length.default_epochs`.
        teacher: Another run or an individual of it, see :func:`evonas.run.distillation.read_teacher`.
        teacher_members: How many networks of it are averaged, None for the run's number.
        report: Called as ``report(n_done, n_all, retraining, error)`` after each training.

    Returns:
        All matching retrainings, also those stored before.
    """
    require_samples(run)
    config = run.config
    splits, test = _load_all(run), _load_test(run)
    given = {"learning_rate": learning_rate, "teacher_weight": teacher_weight}
    changes = {name: value for name, value in given.items() if value is not None}
    recipe = recipe_from({**config.training, **changes}).final()
    shape = run.task.input_shape
    epochs = epochs or default_epochs(len(splits.train), recipe.batch_size, epochs=EPOCHS, input_shape=shape)
    wanted = [(id, seed) for id in ids for seed in range(n_seeds)]
    # Another learning rate or teacher is another kind of retraining: the two must never be averaged.
    kind = start if learning_rate is None else f"{start}-lr{learning_rate:g}"
    if teacher is not None:
        splits, digest = _taught(run, splits, teacher, teacher_members or config.teacher_members)
        kind += f"-teacher{digest}-{recipe.teacher_weight:g}"
    stored = {(r.id, r.seed) for r in run.store.retrainings() if (r.start, r.epochs) == (kind, epochs)}
    todo = [key for key in wanted if key not in stored]
    stop = Stop()
    jobs = [_job(run, serial, id, seed, start, epochs, stop) for serial, (id, seed) in enumerate(todo)]
    evaluator = FinalEvaluator(run.space, splits, test, recipe)
    for n_done, (evaluation, weights) in enumerate(evaluate_all(evaluator, jobs, stop=stop, n_jobs=n_jobs), 1):
        id, seed = todo[evaluation.id]
        if evaluation.status == "failed" or weights is None:
            report(n_done, len(todo), None, f"individual {id}, seed {seed}: {evaluation.error}")
            continue
        retraining = Retraining(id, kind, epochs, seed, dict(evaluation.metrics), evaluation.seconds)
        run.store.add_retraining(retraining, weights)
        report(n_done, len(todo), retraining, None)
    return [r for r in run.store.retrainings() if (r.start, r.epochs) == (kind, epochs) and (r.id, r.seed) in wanted]


def _job(run: OpenRun, serial: int, id: int, seed: int, start: StartKind, epochs: int, stop: Stop) -> Job[Any]:
    """``serial`` takes the place of the id: seeds of one individual are trials of their own."""
    member = run.store.member(id)
    trial = Trial(Individual(serial, member.genotype, 0, "retrain"), epochs)
    weights = run.store.weights(*member.evaluation.key) if start == "inherited" else None
    begin = None if weights is None else Start(member.genotype, weights, True)
    return Job(trial, stream(run.config.seed, Stream.RETRAIN, id, seed), begin, stop)


def measure_on_test(run: OpenRun, ids: Sequence[int]) -> dict[int, dict[str, float]]:
    """Test metrics of the weights that the search itself left behind, without further training."""
    test = _load_test(run)
    results: dict[int, dict[str, float]] = {}
    for id in ids:
        member = run.store.member(id)
        weights = run.store.weights(*member.evaluation.key)
        if weights is not None:
            try:
                outputs = predict(run.space, member.genotype, weights, test)
            except ValueError as error:
                raise UserError(f"the weights of individual {id} cannot be used: {error}") from error
            results[id] = dict(measure(outputs, test, run.task, "test"))
    return results


def _load_all(run: OpenRun) -> Splits:
    config = data_config(run)
    return test_split.load_for_retraining(config.dataset, **config.split)


def _taught(run: OpenRun, splits: Splits, name: str, n_members: int) -> tuple[Splits, str]:
    """The splits with what a teacher says, and a digest of that."""
    outputs = read_teacher(
        name, n_members, samples=splits.train, task=splits.task, split_seed=run.config.split_seed,
        fingerprint=run.store.info.fingerprint,
    ).outputs
    digest = hashlib.blake2b(outputs.tobytes(), digest_size=4).hexdigest()
    return replace(splits, train=replace(splits.train, teacher=outputs)), digest


def _load_test(run: OpenRun) -> Samples:
    """The test set, if the data set is still the run's: its samples are normalised by the training samples."""
    load_splits(run)
    config = data_config(run)
    return test_split.load_test(config.dataset, **config.split)


def summary(retrainings: Sequence[Retraining], metric: str) -> dict[int, tuple[float, float, int]]:
    """Per individual: mean, sample standard deviation (nan for one seed), number of seeds."""
    result: dict[int, tuple[float, float, int]] = {}
    for id in sorted({r.id for r in retrainings}):
        values = np.array([r.metrics[metric] for r in retrainings if r.id == id])
        result[id] = (float(values.mean()), float(values.std(ddof=1)) if len(values) > 1 else float("nan"), len(values))
    return result
