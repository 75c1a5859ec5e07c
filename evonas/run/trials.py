"""The trials of a run: drawn, evaluated, stored and reported."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, Generic, Protocol

import numpy as np

from evonas.evaluation.base import Evaluator, Job
from evonas.evaluation.executor import Place, evaluate_all
from evonas.individual import Evaluation, Trial
from evonas.rng import Stream, stream
from evonas.space import G
from evonas.store import Group, RunStore
from evonas.training import Stop
from evonas.types import UserError

#: Share of the time left that may go into drawing trials before the first of them is evaluated.
DRAWING = 0.1
#: Fewer trials that all have failed say nothing: a child that pruning has cut through is no broken search.
FEW_TRIALS = 8


class Observer(Protocol):
    """Watches a run, and must not change it."""

    def asked(self, generation: int, n_trials: int, n_missing: int) -> None:
        """Called as a generation begins; some of its trials may have been evaluated before an interruption.

        Args:
            generation: Number of the generation.
            n_trials: Number of its trials.
            n_missing: Number of trials still to evaluate.
        """
        ...

    def evaluated(self, evaluation: Evaluation[Any]) -> None:
        """A trial ended and is stored: nothing that was reported is lost, not even by a power cut.

        The trials of a generation are stored, and reported, together, but at least once a second of training.
        """
        ...

    def told(self) -> None:
        """A generation ended and is stored."""
        ...


class SearchFailed(UserError):
    """Raised if all trials of a generation failed."""


@dataclass
class Trials(Generic[G]):
    """Settings for the evaluation of trials; fields as the arguments of :func:`evonas.run.loop.run`.

    Attributes:
        stop: Request to stop, with the deadline of the run.
        begin: ``time.monotonic()`` when the run began, had it not been interrupted.
        n_left: Evaluations after which the run is at its end.
        place: Place where they run.
    """

    evaluator: Evaluator[G]
    store: RunStore[G]
    seed: int
    trial_timeout: float | None
    stop: Stop
    begin: float
    n_left: float
    observers: Sequence[Observer]
    evaluator_at: Callable[[int], Evaluator[G]] | None
    place: Place

    def evaluate(self, trials: Sequence[Trial[G]]) -> bool:
        """Evaluate and store those trials that the store lacks; returns whether all are there now."""
        first = trials[0].individual
        hurry = first.generation == 0 and np.isfinite(self.stop.deadline)
        if self.place.draws_beside(self.evaluator) and not hurry and not self.store.holds(first.id):
            n_drawn = self._evaluate_as_drawn(trials)
        else:
            n_drawn = self._evaluate_in_waves(trials, hurry)
        return n_drawn == len(trials) and not self.store.missing(trials)

    def _evaluate_in_waves(self, trials: Sequence[Trial[G]], hurry: bool) -> int:
        """Draw trials, evaluate them, and draw others, if there are; returns how many were drawn."""
        n_drawn = 0
        for wave in _waves(trials, self.stop.deadline, self.place.n_workers):
            self.store.add_individuals(trial.individual for trial in wave)
            missing = self.store.missing(wave)
            missing = missing[: int(min(self.n_left, len(missing)))]
            if not n_drawn:
                self.asked(trials, len(missing) + len(trials) - len(wave))
            n_drawn += len(wave)
            if missing:
                self._prepare(trials)
            with Group(self.store, self.report) as group:
                self._evaluate_all([self.job(trial) for trial in missing], group, smallest_first=hurry)
            if self.n_left <= 0:
                break
        return n_drawn

    def _evaluate_as_drawn(self, trials: Sequence[Trial[G]]) -> int:
        """Draw each trial of a new generation while the one before is evaluated; returns how many were drawn."""
        n_drawn, n_wanted = 0, int(min(self.n_left, len(trials)))

        def jobs() -> Iterator[Job[G]]:
            nonlocal n_drawn
            for trial in islice(trials, n_wanted):
                group.add_individual(trial.individual)
                n_drawn += 1
                yield self.job(trial)
                if time.monotonic() > self.stop.deadline:
                    return

        self.asked(trials, n_wanted)
        self._prepare(trials)
        with Group(self.store, self.report) as group:
            self._evaluate_all(jobs(), group)
        return n_drawn

    def asked(self, trials: Sequence[Trial[G]], n_missing: int, *, n_under_way: int = 0) -> None:
        """Tell the observers of a generation.

        Args:
            trials: Its trials.
            n_missing: Number of trials still to evaluate.
            n_under_way: Number of trials of earlier generations among these.
        """
        for observer in self.observers:
            observer.asked(trials[0].individual.generation, len(trials) + n_under_way, n_missing)

    def _prepare(self, trials: Sequence[Trial[G]]) -> None:
        if self.evaluator_at is not None and time.monotonic() < self.stop.deadline:
            self.evaluator = self.evaluator_at(trials[0].individual.generation)

    def job(self, trial: Trial[G]) -> Job[G]:
        """A trial with its random stream and its parent's weights."""
        return Job(trial, stream(self.seed, Stream.TRIAL, *trial.key), self.store.start(trial), self.stop)

    def _evaluate_all(self, jobs: Iterable[Job[G]], group: Group[G], *, smallest_first: bool = False) -> None:
        for evaluation in evaluate_all(
            self.evaluator, jobs, stop=self.stop, place=self.place, trial_timeout=self.trial_timeout,
            smallest_first=smallest_first,
        ):
            group.add(evaluation, elapsed=time.monotonic() - self.begin)
            self.n_left -= 1

    def report(self, evaluation: Evaluation[G]) -> None:
        """Tell the observers of an evaluation that is stored."""
        for observer in self.observers:
            observer.evaluated(evaluation)


def _waves(trials: Sequence[Trial[G]], deadline: float, least: int) -> Iterator[Sequence[Trial[G]]]:
    """Trials in waves: all at once, or before a deadline as many as can be drawn in a share of the time that is left.

    Args:
        trials: The trials.
        deadline: ``time.monotonic()`` of the deadline; infinite without one.
        least: Smallest number of trials in a wave.
    """
    begin = 0
    while begin < len(trials) and (begin == 0 or time.monotonic() < deadline):
        until, end = time.monotonic() + DRAWING * (deadline - time.monotonic()), begin
        while end < len(trials) and (end < begin + least or time.monotonic() < until):
            _ = trials[end]  # is drawn now
            end += 1
        yield trials[begin:end]
        begin = end
