"""The loop of a search: ask, evaluate what is missing, store, tell."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, Generic, Protocol

import numpy as np

from evonas.evaluation.base import Evaluator, Job, class_name, goals_of, part_names
from evonas.evaluation.executor import draws_beside, evaluate_all
from evonas.evaluation.processes import Processes
from evonas.individual import Evaluation, Trial
from evonas.objectives import MAXIMISED, MINIMISED, Objectives, goal_of
from evonas.rng import Stream, stream
from evonas.search.base import Searcher
from evonas.serialization.arrays import BAD_DATA
from evonas.space import G
from evonas.store import Group, RunStore, damaged
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


def run(
    searcher: Searcher[G], evaluator: Evaluator[G], store: RunStore[G], *, seed: int, n_jobs: int = 1,
    trial_timeout: float | None = None, time_limit: float | None = None, n_evaluations: int | None = None,
    observers: Sequence[Observer] = (), evaluator_at: Callable[[int], Evaluator[G]] | None = None,
    since: float | None = None,
) -> bool:
    """Search until the searcher asks for nothing more, or the time is up. Goes on with a run that the store holds.

    Args:
        trial_timeout: Seconds a trial may take before it counts as failed.
        time_limit: Seconds the run may take, earlier sessions included; trials under way are then dropped. Founders are
            then drawn a few at a time, and the smallest of these evaluated first.
        n_evaluations: Evaluations after which the run is at its end, earlier sessions and failed ones included.
        evaluator_at: Gives the evaluator of a generation, where that is not the same in all. May look at what the
            store holds of earlier ones, and at nothing else: a resumed run asks again.
        since: ``time.monotonic()`` when this session's preparations began; they count, but leave half of the limit.
            None: there were none.

    Returns:
        Whether the searcher, or the number of evaluations, came to its end.

    Raises:
        SearchFailed: All trials of the first generation failed, or of two in a row, 8 trials or more.
        UserError: The run was begun by another searcher or evaluator.
    """
    claim(searcher, evaluator, store)
    if store.state is not None:
        _restore(searcher, store)
    now = time.monotonic()
    begin = max(now if since is None else since, now - (time_limit or np.inf) / 2) - store.elapsed
    stop = Stop().within(None if time_limit is None else begin + time_limit - time.monotonic())
    n_own = sum(not record.imported for record in store.records())
    n_left = np.inf if n_evaluations is None else n_evaluations - n_own
    with Processes[G](n_jobs) as processes:
        loop = _Loop(
            evaluator, store, seed, n_jobs, trial_timeout, stop, begin, n_left, observers, evaluator_at, processes
        )
        while loop.n_left > 0 and (trials := searcher.ask()):
            if not loop.evaluate(trials):
                return loop.n_left <= 0
            evaluations = _evaluations(store, trials)
            searcher.tell(evaluations)
            store.add_state(searcher.state())
            for observer in observers:
                observer.told()
    return True


@dataclass
class _Loop(Generic[G]):
    """Settings for the evaluation of a generation's trials; fields as the arguments of :func:`run`.

    Attributes:
        begin: ``time.monotonic()`` when the run began, had it not been interrupted.
        n_left: Evaluations after which the run is at its end.
        processes: Train in the place of threads once trials turn out to be short.
    """

    evaluator: Evaluator[G]
    store: RunStore[G]
    seed: int
    n_jobs: int
    trial_timeout: float | None
    stop: Stop
    begin: float
    n_left: float
    observers: Sequence[Observer]
    evaluator_at: Callable[[int], Evaluator[G]] | None
    processes: Processes[G]

    def evaluate(self, trials: Sequence[Trial[G]]) -> bool:
        """Evaluate and store those trials that the store lacks; returns whether all are there now."""
        first = trials[0].individual
        hurry = first.generation == 0 and np.isfinite(self.stop.deadline)
        beside = draws_beside(self.evaluator, self.n_jobs, self.processes)
        if beside and not hurry and not self.store.holds(first.id):
            n_drawn = self._evaluate_as_drawn(trials)
        else:
            n_drawn = self._evaluate_in_waves(trials, hurry)
        return n_drawn == len(trials) and not self.store.missing(trials)

    def _evaluate_in_waves(self, trials: Sequence[Trial[G]], hurry: bool) -> int:
        """Draw trials, evaluate them, and draw others, if there are; returns how many were drawn."""
        n_drawn = 0
        for wave in _waves(trials, self.stop.deadline, self.n_jobs):
            self.store.add_individuals(trial.individual for trial in wave)
            missing = self.store.missing(wave)
            missing = missing[: int(min(self.n_left, len(missing)))]
            if not n_drawn:
                self._asked(trials, len(missing) + len(trials) - len(wave))
            n_drawn += len(wave)
            if missing:
                self._prepare(trials)
            with Group(self.store, self._report) as group:
                self._evaluate_all([self._job(trial) for trial in missing], group, smallest_first=hurry)
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
                yield self._job(trial)
                if time.monotonic() > self.stop.deadline:
                    return

        self._asked(trials, n_wanted)
        self._prepare(trials)
        with Group(self.store, self._report) as group:
            self._evaluate_all(jobs(), group)
        return n_drawn

    def _asked(self, trials: Sequence[Trial[G]], n_missing: int) -> None:
        for observer in self.observers:
            observer.asked(trials[0].individual.generation, len(trials), n_missing)

    def _prepare(self, trials: Sequence[Trial[G]]) -> None:
        if self.evaluator_at is not None and time.monotonic() < self.stop.deadline:
            self.evaluator = self.evaluator_at(trials[0].individual.generation)

    def _job(self, trial: Trial[G]) -> Job[G]:
        return Job(trial, stream(self.seed, Stream.TRIAL, *trial.key), self.store.start(trial), self.stop)

    def _evaluate_all(self, jobs: Iterable[Job[G]], group: Group[G], *, smallest_first: bool = False) -> None:
        for evaluation in evaluate_all(
            self.evaluator, jobs, stop=self.stop, n_jobs=self.n_jobs, trial_timeout=self.trial_timeout,
            smallest_first=smallest_first, processes=self.processes,
        ):
            group.add(evaluation, elapsed=time.monotonic() - self.begin)
            self.n_left -= 1

    def _report(self, evaluation: Evaluation[G]) -> None:
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


def claim(searcher: Searcher[G], evaluator: Evaluator[G], store: RunStore[G]) -> None:
    """Keep with the run what searches it, and whether metrics are minimised or maximised.

    Args:
        searcher: Its class and, where it has objectives, their goals are kept.
        evaluator: Its class, or those of its parts, and the goals that it declares are kept.
        store: The run, open for writing.

    Raises:
        UserError: The run was begun by others, or searcher and evaluator want the opposite of a metric.
    """
    declared, wanted = goals_of(evaluator), {}
    if isinstance(objectives := getattr(searcher, "objectives", None), Objectives):
        wanted = {objective.metric: objective.goal for objective in objectives.items}
    for name in wanted.keys() & declared.keys():
        if wanted[name] != declared[name]:
            raise UserError(f"the evaluator declares that the {declared[name]}imum of {name!r} is best, the searcher "
                            f"looks for its {wanted[name]}imum: give parse_objectives(..., goals=evaluator.goals)")
    for name in wanted:  # where it is minimised that may be for want of a word
        if wanted[name] == "min" and name not in {*declared, *MINIMISED, *MAXIMISED, *store.costs()}:
            goal_of(name, declared)
    name = part_names(evaluator, store.info.evaluator)
    store.claim(searcher=class_name(searcher), evaluator=name, goals={**wanted, **declared})


def _restore(searcher: Searcher[Any], store: RunStore[Any]) -> None:
    try:
        searcher.restore(store.state, store)
    except UserError:
        raise
    except BAD_DATA as error:
        reason = f"{type(error).__name__}: {error}"
        raise damaged(f"{store.directory} has a state that its searcher cannot go on from ({reason})") from error


def _has_succeeded(store: RunStore[Any], generation: int) -> bool:
    """Whether a trial of this generation or the one before succeeded, or one of the last :data:`FEW_TRIALS`.
    """
    own = [record for record in store.records() if not record.imported]
    n_last = max(FEW_TRIALS, sum(record.generation >= generation - 1 for record in own))
    return any(record.status == "ok" for record in own[-n_last:])


def _evaluations(store: RunStore[G], trials: Sequence[Trial[G]]) -> list[Evaluation[G]]:
    evaluations = [store.evaluation(*trial.key) for trial in trials]
    generation = trials[0].individual.generation
    if all(e.status == "failed" for e in evaluations) and not _has_succeeded(store, generation):
        raise SearchFailed(f"all {len(trials)} trials of a generation failed, the first with: {evaluations[0].error}")
    return evaluations
