"""Candidates trained a minute, as in a search: through the executor, with its evaluator, two jobs."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from time import perf_counter
from typing import NamedTuple

import numpy as np

from evonas.data import load
from evonas.data.locating import MissingFiles
from evonas.data.samples import Samples, Splits
from evonas.evaluation import Job, TrainedEvaluator
from evonas.evaluation.executor import evaluate_all
from evonas.individual import Individual, Trial
from evonas.rng import Stream, stream
from evonas.training import Recipe, Stop
from evonas.types import Task
from search_spaces.neuron.genotype import NeuronGenotype
from search_spaces.neuron.space import create

N_TRAIN, N_VALIDATION, EPOCHS, JOBS = 12_000, 2_000, 1, 2
EDGES = (2_000, 40_000)
#: Candidates of a turn; the trainers take turns with the same ones.
TURN = 6


class Throughput(NamedTuple):
    """Throughput of a trainer.

    Attributes:
        trainer: Name of the trainer.
        per_minute: Candidates a minute, over all turns.
    """

    trainer: str
    per_minute: float


def population(task: Task, n: int) -> list[NeuronGenotype]:
    """Return founders of log-uniform sizes, every other one replaced by a mutant of it."""
    rng = np.random.default_rng(0)
    space = create(task, {"founders": "log-uniform", "founder_edges": EDGES})
    founders = [space.sample(rng) for _ in range(n)]
    return [space.mutate(f, rng).genotype if i % 2 else f for i, f in enumerate(founders)]


def throughput(data_root: Path | None, n_candidates: int) -> tuple[str, list[Throughput]]:
    """Return the data's name, and native threads against masked dense processes at equal epochs.

    The pool of processes is started, and has the data, before the clock runs, as in a search of many generations.
    """
    splits = _splits(data_root)
    genotypes = population(splits.task, n_candidates)
    seconds = {"native": 0.0, "dense": 0.0}
    evaluators = {
        name: TrainedEvaluator(create(splits.task, {"trainer": name}), splits, Recipe()) for name in seconds
    }
    for evaluator in evaluators.values():
        _evaluate(evaluator, genotypes[:JOBS])
    for begin in range(0, len(genotypes), TURN):
        for name, evaluator in evaluators.items():
            start = perf_counter()
            _evaluate(evaluator, genotypes[begin : begin + TURN])
            seconds[name] += perf_counter() - start
    return splits.name, [Throughput(name, 60 * len(genotypes) / spent) for name, spent in seconds.items()]


def _evaluate(evaluator: TrainedEvaluator[NeuronGenotype], genotypes: Sequence[NeuronGenotype]) -> None:
    trials = [Trial(Individual(i, g, 0, "sample"), EPOCHS) for i, g in enumerate(genotypes)]
    jobs = [Job(trial, stream(0, Stream.TRIAL, *trial.key), None, Stop()) for trial in trials]
    for evaluation in evaluate_all(evaluator, jobs, stop=Stop(), n_jobs=JOBS):
        if evaluation.error is not None:
            raise RuntimeError(f"a candidate could not be trained: {evaluation.error}")


def _splits(data_root: Path | None) -> Splits:
    """Return Fashion-MNIST if it is found, else random data of its size."""
    try:
        return load("fashion-mnist", root=data_root, n_train=N_TRAIN, validation=N_VALIDATION)
    except MissingFiles:
        rng = np.random.default_rng(0)
        task = Task("classification", (1, 28, 28), 10)
        train, validation = (
            Samples(rng.standard_normal((n, *task.input_shape), np.float32), rng.integers(0, task.n_outputs, n))
            for n in (N_TRAIN, N_VALIDATION)
        )
        return Splits("random data", task, train, validation, fingerprint="")
