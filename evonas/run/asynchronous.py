"""A search without the barrier of a generation: a worker that is free gets the next child at once.

When the last child of a generation is handed out, the searcher is told of all trials that have ended by then, and the
next generation is bred: selection is as before, but what is still under way counts one generation later. Which trials
these are depends on how long each takes, so that two runs with the same seed differ.

The searcher's state is stored with each generation, and names the trials under way. A run that goes on evaluates those
of them that have no result, and draws the children since then again: they are the same.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from itertools import chain
from typing import Generic

from evonas.evaluation.base import Job
from evonas.evaluation.executor import evaluate_all
from evonas.individual import Evaluation, Trial
from evonas.run.trials import FEW_TRIALS, SearchFailed, Trials
from evonas.search.base import TellsSome
from evonas.space import G
from evonas.store import Group


def search_asynchronously(searcher: TellsSome[G], trials: Trials[G]) -> bool:
    """Search until the searcher asks for nothing more, or the time is up.

    Args:
        searcher: The searcher, restored if the run has a state.
        trials: Evaluates and stores trials.

    Returns:
        Whether the searcher, or the number of evaluations, came to its end.

    Raises:
        SearchFailed: All founders failed, or as many trials in a row as two generations have, 8 or more.
    """
    return _Search(searcher, trials).run()


class _Search(Generic[G]):
    """State of the search between two results.

    Args:
        searcher: The searcher.
        trials: Evaluates and stores trials.
    """

    def __init__(self, searcher: TellsSome[G], trials: Trials[G]) -> None:
        self._searcher, self._trials, self._store = searcher, trials, trials.store
        self._under_way = {trial.key for trial in searcher.under_way}
        self._ended: list[tuple[int, int]] = []  # stored, and not yet told
        self._n_running = 0
        own = [record for record in self._store.records() if not record.imported]
        successes = [place for place, record in enumerate(own, 1) if record.status == "ok"]
        self._has_succeeded, self._n_failed = bool(successes), len(own) - max(successes, default=0)
        self._generation = -1
        self._has_more, self._is_over = True, False
        self._asked = searcher.ask()
        self._next: Iterator[Trial[G]] = chain(searcher.under_way, self._asked)
        self._postponed: Trial[G] | None = None

    def run(self) -> bool:
        """Evaluate with one evaluator after another, until the end."""
        trials, goes_on = self._trials, True
        if self._asked:
            n_old = len(self._under_way)
            trials.asked(self._asked, len(trials.store.missing(self._searcher.under_way)) + len(self._asked),
                         n_under_way=n_old)
        while goes_on and trials.n_left > 0:
            with Group(self._store, trials.report) as group:
                for evaluation in evaluate_all(
                    trials.evaluator, self._jobs(group), stop=trials.stop, place=trials.place,
                    trial_timeout=trials.trial_timeout, as_drawn=True,
                ):
                    group.add(evaluation, elapsed=time.monotonic() - trials.begin)
                    trials.n_left -= 1
                    self._n_running -= 1
                    self._end(evaluation)
            goes_on = self._postponed is not None
        return self._is_over or trials.n_left <= 0

    def _jobs(self, group: Group[G]) -> Iterator[Job[G] | None]:
        """Jobs as workers become free; None where another result has to come first.

        Ends with the search, with its time, and before a trial that has another evaluator.
        """
        while time.monotonic() <= self._trials.stop.deadline and self._n_running < self._trials.n_left:
            if (trial := self._drawn()) is not None:
                if self._changes_evaluator(trial):
                    self._postponed = trial
                    return
                self._under_way.add(trial.key)
                group.add_individual(trial.individual)
                if self._store.missing([trial]):
                    self._n_running += 1
                    yield self._trials.job(trial)
                else:
                    self._end(self._store.evaluation(*trial.key))
            elif self._n_running and not (self._has_more and self._has_succeeded):
                yield None
            elif not self._breed(group):
                self._is_over = True
                return

    def _drawn(self) -> Trial[G] | None:
        """The next trial of this generation, None at its end."""
        trial, self._postponed = self._postponed, None
        return next(self._next, None) if trial is None else trial

    def _changes_evaluator(self, trial: Trial[G]) -> bool:
        """Whether this trial, and those after it, are evaluated by another evaluator than those before."""
        trials, generation = self._trials, trial.individual.generation
        if trials.evaluator_at is None or generation <= self._generation:
            return False
        self._generation = generation
        before, trials.evaluator = trials.evaluator, trials.evaluator_at(generation)
        return trials.evaluator is not before

    def _end(self, evaluation: Evaluation[G]) -> None:
        self._ended.append(evaluation.key)
        self._has_succeeded |= evaluation.status == "ok"
        self._n_failed = 0 if evaluation.status == "ok" else self._n_failed + 1

    def _breed(self, group: Group[G]) -> bool:
        """Tell what has ended, and ask for another generation; returns whether there is one, or trials are left."""
        group.store(individuals=True)  # the state names them
        ended = [self._store.evaluation(*key) for key in self._ended]
        self._check(ended)
        self._searcher.tell_some(ended)
        self._under_way.difference_update(self._ended)
        self._ended = []
        self._store.add_state(self._searcher.state())
        for observer in self._trials.observers:
            observer.told()
        asked = self._searcher.ask()
        if asked:
            n = len(self._under_way)
            self._trials.asked(asked, n + len(asked), n_under_way=n)
            self._asked = asked
        self._next, self._has_more = iter(asked), bool(asked)
        return bool(asked) or self._n_running > 0

    def _check(self, ended: Sequence[Evaluation[G]]) -> None:
        failed = [evaluation for evaluation in ended if evaluation.status == "failed"]
        most = max(FEW_TRIALS, 2 * len(self._asked))
        if failed and (self._n_failed >= most or not self._has_succeeded):
            raise SearchFailed(f"all {self._n_failed} trials in a row failed, the last with: {failed[-1].error}")
