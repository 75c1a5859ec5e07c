"""The loop."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Protocol

import numpy as np

from evonas.encoding import BAD_DATA
from evonas.evaluation.base import Evaluator, Job, class_name, goals_of, part_names
from evonas.executor import evaluate_all
from evonas.individual import Evaluation, Trial
from evonas.objectives import MAXIMISED, MINIMISED, Objectives, goal_of
from evonas.rng import Stream, stream
from evonas.search.base import Searcher
from evonas.space import G
from evonas.store import RunStore, damaged
from evonas.training import Stop
from evonas.types import UserError

#: Share of the time left that may go into drawing trials before the first of them is evaluated.
DRAWING = 0.1


class Observer(Protocol):
    """Somebody who watches a run; must not change it."""

    def asked(self, generation: int, n_trials: int, n_missing: int) -> None:
        """A generation begins; some of its trials may have been evaluated before the run was interrupted."""
        ...

    def evaluated(self, evaluation: Evaluation[Any]) -> None:
        """A trial ended and is stored."""
        ...

    def told(self) -> None:
        """A generation ended and is stored."""
        ...


class SearchFailed(UserError):
    """All trials of a generation failed."""


def run(
    searcher: Searcher[G], evaluator: Evaluator[G], store: RunStore[G], *, seed: int, n_jobs: int = 1,
    trial_timeout: float | None = None, time_limit: float | None = None, observers: Sequence[Observer] = (),
    evaluator_at: Callable[[int], Evaluator[G]] | None = None, since: float = np.inf,
) -> bool:
    """Search until the searcher asks for nothing more, or the time is up. Goes on with a run that the store holds.

    Args:
        trial_timeout: Seconds a trial may take before it counts as failed.
        time_limit: Seconds the run may take, earlier sessions included; trials under way are then dropped. Founders are
            then drawn a few at a time, and the smallest of these evaluated first.
        evaluator_at: Gives the evaluator of a generation, where that is not the same in all. May look at what the
            store holds of earlier ones, and at nothing else: a resumed run asks again.
        since: ``time.monotonic()`` when this session's preparations began; they count, but leave half of the limit.

    Returns:
        Whether the searcher came to its end.

    Raises:
        SearchFailed: All trials of the first generation failed, or of two in a row.
        UserError: The run was begun by another searcher or evaluator.
    """
    claim(searcher, evaluator, store)
    if store.state is not None:
        _restore(searcher, store)
    now = time.monotonic()
    begin = max(min(since, now), now - (time_limit or np.inf) / 2) - store.elapsed
    stop = Stop().within(None if time_limit is None else begin + time_limit - time.monotonic())
    while trials := searcher.ask():
        generation, n_drawn = trials[0].individual.birth, 0
        hurry = generation == 0 and np.isfinite(stop.deadline)
        for wave in _waves(trials, stop.deadline, n_jobs):
            store.add_individuals(trial.individual for trial in wave)
            missing = store.missing(wave)
            if not n_drawn:
                for observer in observers:
                    observer.asked(generation, len(trials), len(missing) + len(trials) - len(wave))
            n_drawn += len(wave)
            if evaluator_at is not None and missing and time.monotonic() < stop.deadline:
                evaluator = evaluator_at(generation)
            jobs = [Job(t, stream(seed, Stream.TRIAL, *t.key), store.start(t), stop) for t in missing]
            for evaluation, weights in evaluate_all(
                evaluator, jobs, stop=stop, n_jobs=n_jobs, trial_timeout=trial_timeout, smallest_first=hurry
            ):
                store.add_evaluation(evaluation, weights, elapsed=time.monotonic() - begin)
                for observer in observers:
                    observer.evaluated(evaluation)
        if n_drawn < len(trials) or store.missing(trials):
            return False
        evaluations = _evaluations(store, trials)
        searcher.tell(evaluations)
        store.add_state(searcher.state())
        for observer in observers:
            observer.told()
    return True


def _waves(trials: Sequence[Trial[G]], deadline: float, least: int) -> Iterator[Sequence[Trial[G]]]:
    """All trials at once; up to a deadline as many, and ``least``, as are drawn in a share of the time that is left."""
    begin = 0
    while begin < len(trials) and (begin == 0 or time.monotonic() < deadline):
        until, end = time.monotonic() + DRAWING * (deadline - time.monotonic()), begin
        while end < len(trials) and (end < begin + least or time.monotonic() < until):
            _ = trials[end]  # is drawn now
            end += 1
        yield trials[begin:end]
        begin = end


def claim(searcher: Searcher[G], evaluator: Evaluator[G], store: RunStore[G]) -> None:
    """Keep with the run who searches it, and whether metrics are minimised or maximised.

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
    store.claim(searcher=class_name(searcher), evaluator=part_names(evaluator), goals={**wanted, **declared})


def _restore(searcher: Searcher[Any], store: RunStore[Any]) -> None:
    try:
        searcher.restore(store.state, store)
    except UserError:
        raise
    except BAD_DATA as error:
        reason = f"{type(error).__name__}: {error}"
        raise damaged(f"{store.directory} has a state that its searcher cannot go on from ({reason})") from error


def _has_succeeded(store: RunStore[Any], birth: int) -> bool:
    """Whether any trial of this run has, of who was born then, a generation earlier or later."""
    return any(r.status == "ok" and not r.imported and r.birth >= birth - 1 for r in store.records())


def _evaluations(store: RunStore[G], trials: Sequence[Trial[G]]) -> list[Evaluation[G]]:
    evaluations = [store.evaluation(*trial.key) for trial in trials]
    birth = trials[0].individual.birth
    if all(e.status == "failed" for e in evaluations) and not _has_succeeded(store, birth):
        raise SearchFailed(f"all {len(trials)} trials of a generation failed, the first with: {evaluations[0].error}")
    return evaluations
