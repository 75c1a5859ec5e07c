"""Final training of chosen individuals with several seeds, measured on the test set, which nothing else sees."""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, Literal, TypeAlias

import numpy as np

from evonas.capabilities.given import recipe_from
from evonas.config import option_names
from evonas.data import test_split
from evonas.data.samples import Samples, Splits
from evonas.evaluation.base import Job, merge
from evonas.evaluation.executor import evaluate_all
from evonas.evaluation.final import FinalTraining, OutputEvaluator, weighted_prefix
from evonas.individual import Start, Trial
from evonas.rng import Stream, stream
from evonas.run.distillation import read_teacher
from evonas.run.open import OpenRun, data_config, load_splits, require_samples
from evonas.space import Phenotype
from evonas.store import Retraining
from evonas.training import Stop
from evonas.training.length import RETRAIN_EPOCHS, default_epochs
from evonas.types import Floats, UserError

#: ``fresh``: new weights, the honest figure of an architecture; ``inherited``: go on from the weights the search found.
StartKind: TypeAlias = Literal["fresh", "inherited"]
#: Networks of any size train at the full learning rate, also those that begin with weights.
LR_REFERENCE_EDGES = sys.float_info.max
#: The prefix of test metrics that count samples by their weights, as validation does.
WEIGHTED = weighted_prefix("test")


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
        epochs: None is :data:`evonas.training.length.RETRAIN_EPOCHS`, more where samples are few: see
            :func:`evonas.training.length.default_epochs`.
        teacher: Another run or an individual of it, see :func:`evonas.run.distillation.read_teacher`.
        teacher_members: Number of its networks that are averaged, None for the run's number.
        report: Called as ``report(n_done, n_all, retraining, error)`` after each training.

    Returns:
        All matching retrainings, also those stored before.
    """
    require_samples(run)
    config = run.config
    splits, test = _load_all(run), _load_test(run)
    given = {"learning_rate": learning_rate, "teacher_weight": teacher_weight}
    changes = {name: value for name, value in given.items() if value is not None}
    recipe = recipe_from({**config.training, **changes}, options=option_names(changes)).final()
    recipe = replace(recipe, lr_reference_edges=LR_REFERENCE_EDGES)
    shape = run.task.input_shape
    epochs = epochs or default_epochs(len(splits.train), recipe.batch_size, epochs=RETRAIN_EPOCHS, input_shape=shape)
    wanted = [(id, seed) for id in ids for seed in range(n_seeds)]
    # Another learning rate or teacher is another kind of retraining: the two must never be averaged.
    kind = start if learning_rate is None else f"{start}-lr{learning_rate:g}"
    told: Floats | None = None
    if teacher is not None:
        told = _teacher_outputs(run, splits, teacher, teacher_members or config.teacher_members)
        digest = hashlib.blake2b(told.tobytes(), digest_size=4).hexdigest()
        kind += f"-teacher{digest}-{recipe.teacher_weight:g}"
    stored = {(r.id, r.seed) for r in run.store.retrainings() if (r.start, r.epochs) == (kind, epochs)}
    todo = [key for key in wanted if key not in stored]
    stop = Stop()
    jobs = [_job(run, id, seed, start, epochs, stop) for id, seed in todo]
    evaluator = merge(
        FinalTraining(run.space, splits, recipe, told), OutputEvaluator(run.space, test, splits.task, "test")
    )
    for n_done, evaluation in enumerate(evaluate_all(evaluator, jobs, stop=stop, n_jobs=n_jobs), 1):
        id, seed = evaluation.id, evaluation.replicate
        if evaluation.status == "failed" or evaluation.weights is None:
            report(n_done, len(todo), None, f"individual {id}, seed {seed}: {evaluation.error}")
            continue
        retraining = Retraining(id, kind, epochs, seed, dict(evaluation.metrics), evaluation.seconds)
        run.store.add_retraining(retraining, evaluation.weights)
        report(n_done, len(todo), retraining, None)
    return [r for r in run.store.retrainings() if (r.start, r.epochs) == (kind, epochs) and (r.id, r.seed) in wanted]


def _job(run: OpenRun, id: int, seed: int, start: StartKind, epochs: int, stop: Stop) -> Job[Any]:
    """Training with one seed, which is a replicate of the individual's trial.

    Args:
        run: The run.
        id: Id of the individual.
        seed: Number of the training.
        start: Initial weights.
        epochs: Number of epochs.
        stop: Request to stop.
    """
    member = run.store.member(id)
    trial = Trial(member.trained, epochs, replicate=seed)
    weights = run.store.weights(*member.evaluation.key) if start == "inherited" else None
    begin = None if weights is None else Start(member.genotype, weights, True)
    return Job(trial, stream(run.config.seed, Stream.RETRAIN, id, seed), begin, stop)


def measure_on_test(run: OpenRun, ids: Sequence[int]) -> dict[int, dict[str, float]]:
    """Test metrics of the weights that the search itself left behind, without further training."""
    evaluator = OutputEvaluator(run.space, _load_test(run), run.task, "test")
    results: dict[int, dict[str, float]] = {}
    for id in ids:
        member = run.store.member(id)
        weights = run.store.weights(*member.evaluation.key)
        if weights is not None:
            try:
                results[id] = dict(evaluator.measure(Phenotype(member.genotype, weights), Stop()))
            except ValueError as error:
                raise UserError(f"the weights of individual {id} cannot be used: {error}") from error
    return results


def _load_all(run: OpenRun) -> Splits:
    config = data_config(run)
    return test_split.load_for_retraining(config.dataset, **config.split)


def _teacher_outputs(run: OpenRun, splits: Splits, name: str, n_members: int) -> Floats:
    """Outputs of a teacher for the training samples, ``(n_train, n_outputs)``.

    Args:
        run: The run.
        splits: Its data set.
        name: The teacher, see :func:`read_teacher`.
        n_members: Number of networks of the teacher that are averaged.
    """
    return read_teacher(
        name, n_members, samples=splits.train, task=splits.task, split_seed=run.config.split_seed,
        fingerprint=run.store.info.fingerprint,
    ).outputs


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
