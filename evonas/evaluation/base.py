"""Evaluators, from a trial to metrics: one trains the network, the others measure what came out.

An :class:`Evaluator` answers a :class:`Job`: it gives the trial's network its weights, and reports how that went. A
:class:`PhenotypeEvaluator` measures the network afterwards, however it was trained. :func:`merge` joins one of the
first kind with any number of the second.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Generic, Protocol, TypeAlias, TypeGuard, runtime_checkable

import numpy as np

from evonas.individual import Evaluation, Start, Trial
from evonas.space import G, Phenotype
from evonas.training import Stop
from evonas.types import Floats, Goal, Metrics, Weights


@dataclass(frozen=True, slots=True)
class Job(Generic[G]):
    """A trial with all that its evaluation may depend on.

    Attributes:
        seed: The trial's own random stream.
        start: Weights that training begins with, None for fresh ones. What training leaves is the evaluation's.
        stop: Polled by long work.
    """

    trial: Trial[G]
    seed: np.random.SeedSequence
    start: Start[G] | None
    stop: Stop

    def result(self, metrics: Metrics, *, genotype: G | None = None, weights: Weights | None = None) -> Evaluation[G]:
        """Result of the job's trial, which an evaluator returns. The executor adds the time that it took.

        Args:
            metrics: All of :attr:`Evaluator.metric_names`.
            genotype: Genotype that came out, if training changed it.
            weights: Trained ones of the genotype that came out.
        """
        trial = self.trial
        return Evaluation(
            *trial.key, "ok", metrics, 0.0, genotype=genotype, weights=weights, replicate=trial.replicate
        )


class Evaluator(Protocol[G]):
    """Evaluates trials: a pure function of its job; picklable; raises on failure."""

    @property
    def metric_names(self) -> tuple[str, ...]:
        """The metrics of every result."""
        ...

    @property
    def shares_memory(self) -> bool:
        """Whether jobs run best in threads of one process (most of the time is spent without the GIL)."""
        ...

    def work(self, trial: Trial[G]) -> float:
        """Expected duration in any unit: long trials are started first, so that no worker idles at the end."""
        ...

    def __call__(self, job: Job[G]) -> Evaluation[G]:
        """The result of the job's trial, as :meth:`Job.result` makes it."""
        ...


@runtime_checkable
class PhenotypeEvaluator(Protocol[G]):
    """Measures networks as they came out of their trials; picklable. Becomes part of an evaluator by :func:`merge`."""

    @property
    def metric_names(self) -> tuple[str, ...]:
        """The metrics of every measurement."""
        ...

    @property
    def shares_memory(self) -> bool:
        """Whether jobs run best in threads, see :attr:`Evaluator.shares_memory`."""
        ...

    def measure(self, phenotype: Phenotype[G], stop: Stop) -> Metrics:
        """Metrics by :attr:`metric_names`; a function of the network alone. An exception fails the trial.

        Args:
            phenotype: The genotype that came out of the trial, with its trained weights; these are empty where nothing
                was trained, as with a table of results.
            stop: Polled by long work.
        """
        ...


#: Results of jobs that were evaluated together, each with the index of its job; an exception is that of this job alone.
Results: TypeAlias = list[tuple[int, Evaluation[G] | Exception]]


@runtime_checkable
class EvaluatesMany(Protocol[G]):
    """Capability of an evaluator: jobs are evaluated together, as a GPU trains many networks at once."""

    @property
    def takes_many(self) -> bool:
        """Whether it does so now; if not, :meth:`evaluate_many` is not called."""
        ...

    def evaluate_many(self, jobs: Sequence[Job[G]]) -> Iterator[Results[G]]:
        """Yield results as they come, those that end together in one list; each as calling it with the job gives."""
        ...


def takes_many(evaluator: Evaluator[G]) -> TypeGuard[EvaluatesMany[G]]:
    """Whether an evaluator is :class:`EvaluatesMany`, and does so now."""
    return isinstance(evaluator, EvaluatesMany) and evaluator.takes_many


@runtime_checkable
class Teachable(Protocol[G]):
    """Capability: training that mixes what a teacher says into its targets."""

    def taught(self, teacher: Floats) -> Evaluator[G]:
        """The same evaluator with a teacher.

        Args:
            teacher: Class probabilities or standardised targets of the training samples, float32 of shape
                ``(n_train, n_outputs)``.
        """
        ...


def taught(evaluator: Evaluator[G], teacher: Floats) -> Evaluator[G]:
    """The evaluator with a teacher, see :meth:`Teachable.taught`; ``TypeError`` where it trains nothing."""
    if not isinstance(evaluator, Teachable):
        raise TypeError(f"{class_name(evaluator)} trains nothing that learns from a teacher: leave the teacher out")
    return evaluator.taught(teacher)


@runtime_checkable
class DeclaresGoals(Protocol):
    """Capability: say whether less or more of metrics is better that the engine does not know."""

    @property
    def goals(self) -> Mapping[str, Goal]:
        """``"min"`` or ``"max"`` by metric."""
        ...


def goals_of(evaluator: object) -> Mapping[str, Goal]:
    """The goals that an evaluator declares, if any."""
    return dict(evaluator.goals) if isinstance(evaluator, DeclaresGoals) else {}


def part_names(evaluator: object, known: str | None = None) -> str:
    """The class of an evaluator, or of all that were merged, joined by a plus: tells one evaluator from another.

    Args:
        evaluator: Any evaluator of trials.
        known: A name from before, which is returned where only the order of the parts after the first is another.
    """
    first, *others = map(class_name, evaluator.parts if isinstance(evaluator, _Merged) else (evaluator,))
    before = [] if known is None else known.split("+")
    if known is not None and before[0] == first and sorted(before[1:]) == sorted(others):
        return known
    return "+".join([first, *others])


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


def merge(evaluator: Evaluator[G], *measures: PhenotypeEvaluator[G]) -> Evaluator[G]:
    """An evaluator that reports the metrics of all.

    The first evaluates the trial. The others measure the network that it leaves, pruned or grown as that is, with the
    weights that it trained; they know nothing of each other, so that their order does not matter.

    Args:
        evaluator: May have been merged itself.
        measures: Evaluators of its networks.

    Raises:
        TypeError: A part is of the other kind.
        ValueError: Two parts report the same metric.
    """
    if not callable(evaluator):
        raise TypeError(f"expected an evaluator of trials first, got {class_name(evaluator)}, which measures what such "
                        "an evaluator leaves: give it after that")
    for part in measures:
        if not isinstance(part, PhenotypeEvaluator):
            raise TypeError(f"{class_name(part)} has no method measure(phenotype, stop), as every part of a merged "
                            "evaluator but the first must have: add it, or merge it first")
    if isinstance(evaluator, _Merged):
        measures = (*evaluator.measures, *measures)
        evaluator = evaluator.first
    merged = _Merged(evaluator, measures)
    names = merged.metric_names
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise ValueError(f"two evaluators report {', '.join(twice)}")
    return merged


@dataclass(frozen=True)
class _Merged(Generic[G]):
    first: Evaluator[G]
    measures: tuple[PhenotypeEvaluator[G], ...]

    @property
    def parts(self) -> tuple[Evaluator[G] | PhenotypeEvaluator[G], ...]:
        return self.first, *self.measures

    @property
    def metric_names(self) -> tuple[str, ...]:
        return tuple(name for part in self.parts for name in part.metric_names)

    @property
    def goals(self) -> Mapping[str, Goal]:
        return {name: goal for part in self.parts for name, goal in goals_of(part).items()}

    @property
    def shares_memory(self) -> bool:
        return all(part.shares_memory for part in self.parts)

    def work(self, trial: Trial[G]) -> float:
        return self.first.work(trial)

    def taught(self, teacher: Floats) -> Evaluator[G]:
        return replace(self, first=taught(self.first, teacher))

    @property
    def takes_many(self) -> bool:
        return takes_many(self.first)

    def __call__(self, job: Job[G]) -> Evaluation[G]:
        return self._measured(job, self.first(job))

    def evaluate_many(self, jobs: Sequence[Job[G]]) -> Iterator[Results[G]]:
        assert takes_many(self.first)
        for results in self.first.evaluate_many(jobs):
            measured: Results[G] = []
            for index, result in results:
                try:
                    result = result if isinstance(result, Exception) else self._measured(jobs[index], result)
                except Exception as error:
                    result = error
                measured.append((index, result))
            yield measured

    def _measured(self, job: Job[G], evaluation: Evaluation[G]) -> Evaluation[G]:
        genotype = job.trial.individual.genotype if evaluation.genotype is None else evaluation.genotype
        phenotype, metrics = Phenotype(genotype, evaluation.weights or {}), dict(evaluation.metrics)
        for part in self.measures:
            metrics |= part.measure(phenotype, job.stop)
        return replace(evaluation, metrics=metrics)
