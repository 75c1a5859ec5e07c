"""The loop of a search: ask, evaluate what is missing, store, tell."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from evonas.evaluation.base import Evaluator, class_name, goals_of, part_names, takes_many
from evonas.evaluation.executor import Place
from evonas.evaluation.local import Local
from evonas.individual import Evaluation, Trial
from evonas.objectives import MAXIMISED, MINIMISED, Objectives, goal_of
from evonas.run.asynchronous import search_asynchronously
from evonas.run.plugins import name_of_searcher
from evonas.run.trials import FEW_TRIALS, Observer, SearchFailed, Trials
from evonas.search.base import Searcher, TellsSome
from evonas.serialization.arrays import BAD_DATA
from evonas.space import G
from evonas.store import RunStore, damaged
from evonas.training import Stop
from evonas.types import UserError


def run(
    searcher: Searcher[G], evaluator: Evaluator[G], store: RunStore[G], *, seed: int, n_jobs: int = 1,
    place: Place | None = None, asynchronous: bool = False, trial_timeout: float | None = None,
    time_limit: float | None = None, n_evaluations: int | None = None, observers: Sequence[Observer] = (),
    evaluator_at: Callable[[int], Evaluator[G]] | None = None, since: float | None = None,
) -> bool:
    """Search until the searcher asks for nothing more, or the time is up. Goes on with a run that the store holds.

    Args:
        n_jobs: Trials at a time on this machine, where no place is given.
        place: Place where trials run; it stays open. None: this machine.
        asynchronous: Give a worker that is free the next child at once, see :mod:`evonas.run.asynchronous`.
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
        UserError: The run was begun by another searcher or evaluator, or searcher or place cannot do without the
            barrier of a generation.
    """
    claim(searcher, evaluator, store)
    if store.state is not None:
        _restore(searcher, store)
    at = Local(n_jobs) if place is None else place
    check_asynchronous(searcher, evaluator, at, asynchronous)
    now = time.monotonic()
    begin = max(now if since is None else since, now - (time_limit or np.inf) / 2) - store.elapsed
    stop = Stop().within(None if time_limit is None else begin + time_limit - time.monotonic())
    n_own = sum(not record.imported for record in store.records())
    n_left = np.inf if n_evaluations is None else n_evaluations - n_own
    trials = Trials(evaluator, store, seed, trial_timeout, stop, begin, n_left, observers, evaluator_at, at)
    try:
        if asynchronous and isinstance(searcher, TellsSome):
            return search_asynchronously(searcher, trials)
        return _search(searcher, trials)
    finally:
        if place is None:
            at.close()


def _search(searcher: Searcher[G], trials: Trials[G]) -> bool:
    while trials.n_left > 0 and (asked := searcher.ask()):
        if not trials.evaluate(asked):
            return trials.n_left <= 0
        searcher.tell(_evaluations(trials.store, asked))
        trials.store.add_state(searcher.state())
        for observer in trials.observers:
            observer.told()
    return True


def check_asynchronous(
    searcher: Searcher[G], evaluator: Evaluator[G], place: Place, asynchronous: bool
) -> None:
    """Raise :class:`UserError` where a search cannot go on with a barrier after each generation, or without one.

    Args:
        searcher: The searcher, restored.
        evaluator: The evaluator.
        place: Place where trials run.
        asynchronous: Whether there is to be no barrier.
    """
    if not asynchronous:
        if isinstance(searcher, TellsSome) and searcher.under_way:
            raise UserError("this run was searched asynchronously, and has trials of several generations under way: go "
                            "on with asynchronous = true")
    elif not isinstance(searcher, TellsSome):
        raise UserError(f"asynchronous: the searcher {name_of_searcher(searcher)} learns from whole generations: "
                        f"leave it out, or choose nsga2, nsga3, regularized-evolution or random")
    elif not place.can_wait(evaluator):
        how = ("the trainer trains whole generations at once" if takes_many(evaluator) else
               "networks of this space train in processes that take their trials in advance")
        raise UserError(f"asynchronous: {how}: give a cluster, as with --cluster local:2, or leave it out")


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
