"""From a trial to metrics."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Generic, Protocol, runtime_checkable

import numpy as np

from evonas.individual import Start, Trial
from evonas.space import G
from evonas.training import Stop
from evonas.types import Goal, Metrics, Weights


@dataclass(frozen=True, slots=True)
class Job(Generic[G]):
    """A trial with all that its evaluation may depend on.

    Attributes:
        seed: The trial's own random stream.
        start: Weights to start from, None for fresh ones.
        stop: To be polled by long work.
    """

    trial: Trial[G]
    seed: np.random.SeedSequence
    start: Start[G] | None
    stop: Stop


@dataclass(frozen=True, slots=True)
class Outcome(Generic[G]):
    """What an evaluator found out.

    Attributes:
        genotype: What came out, where training changed the genotype.
        weights: Trained weights of the genotype that came out.
    """

    metrics: Metrics
    genotype: G | None = None
    weights: Weights | None = None


class Evaluator(Protocol[G]):
    """A pure function of its job; picklable; raises on failure."""

    @property
    def metric_names(self) -> tuple[str, ...]:
        """The metrics of every outcome."""
        ...

    @property
    def shares_memory(self) -> bool:
        """Whether jobs run best in threads of one process (most of the time is spent without the GIL)."""
        ...

    def work(self, trial: Trial[G]) -> float:
        """Expected duration in any unit: long trials are started first, so that no worker idles at the end."""
        ...

    def __call__(self, job: Job[G]) -> Outcome[G]: ...


@runtime_checkable
class DeclaresGoals(Protocol):
    """Capability: say whether less or more of metrics is better that the engine does not know."""

    @property
    def goals(self) -> Mapping[str, Goal]:
        """``"min"`` or ``"max"`` by metric."""
        ...


def goals_of(evaluator: object) -> Mapping[str, Goal]:
    """What an evaluator declares, if anything."""
    return dict(evaluator.goals) if isinstance(evaluator, DeclaresGoals) else {}


def part_names(evaluator: object) -> str:
    """The class of an evaluator, or of all that were merged, joined by a plus: tells one evaluator from another."""
    parts = evaluator.evaluators if isinstance(evaluator, _Merged) else (evaluator,)
    return "+".join(part_names(part) if isinstance(part, _Merged) else class_name(part) for part in parts)


def class_name(part: object) -> str:
    """The name of the class of a searcher or an evaluator."""
    return class_of(type(part))


def class_of(kind: Any) -> str:
    """The name of a class, with its module where it is not the engine's own."""
    module = kind.__module__
    if module == "__main__" and (file := getattr(sys.modules[module], "__file__", None)):
        module = Path(file).stem  # what it is called where a script imports it
    own = module.partition(".")[0] == "evonas"
    return str(kind.__qualname__ if own else f"{module}.{kind.__qualname__}")


def merge(*evaluators: Evaluator[G]) -> Evaluator[G]:
    """An evaluator that reports the metrics of all.

    They run in order, and each sees the genotype that came out of the ones before it, and starts with its weights:
    costs are those of the trained network.

    Raises:
        ValueError: Two evaluators report the same metric.
    """
    names = [name for e in evaluators for name in e.metric_names]
    if twice := sorted({n for n in names if names.count(n) > 1}):
        raise ValueError(f"two evaluators report {', '.join(twice)}")
    return _Merged(evaluators)


@dataclass(frozen=True)
class _Merged(Generic[G]):
    evaluators: tuple[Evaluator[G], ...]

    @property
    def metric_names(self) -> tuple[str, ...]:
        return tuple(name for e in self.evaluators for name in e.metric_names)

    @property
    def goals(self) -> Mapping[str, Goal]:
        return {name: goal for e in self.evaluators for name, goal in goals_of(e).items()}

    @property
    def shares_memory(self) -> bool:
        return all(e.shares_memory for e in self.evaluators)

    def work(self, trial: Trial[G]) -> float:
        return max(e.work(trial) for e in self.evaluators)

    def __call__(self, job: Job[G]) -> Outcome[G]:
        metrics: dict[str, float] = {}
        genotype, weights = None, None
        for evaluator in self.evaluators:
            outcome = evaluator(job)
            metrics |= outcome.metrics
            if outcome.genotype is not None:
                genotype = outcome.genotype
                individual = replace(job.trial.individual, genotype=genotype)
                job = replace(job, trial=Trial(individual, job.trial.budget))
            if outcome.weights is not None:
                weights = outcome.weights
                job = replace(job, start=Start(job.trial.individual.genotype, weights, True))
        return Outcome(metrics, genotype, weights)
