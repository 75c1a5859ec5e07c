"""Execution of trials: in which order, and at which place. What goes wrong in a trial is its evaluation."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from typing import Protocol

from evonas.evaluation.base import Evaluator, Job
from evonas.evaluation.local import Local
from evonas.evaluation.trial import Tagged, one_thread_each
from evonas.individual import Evaluation
from evonas.runtimes.groups import kill_groups
from evonas.space import G
from evonas.training import Stop


class Place(Protocol):
    """A place where trials run: this machine (:class:`Local`), or a cluster. A run has one, and closes it."""

    @property
    def n_workers(self) -> int:
        """Number of trials at a time."""
        ...

    def draws_beside(self, evaluator: Evaluator[G]) -> bool:
        """Whether jobs are best drawn one after another, as long as none of them is to come first.

        Args:
            evaluator: The evaluator of the jobs.
        """
        ...

    def can_wait(self, evaluator: Evaluator[G]) -> bool:
        """Whether :meth:`run` takes None in the place of a job, see there."""
        ...

    def run(
        self, evaluator: Evaluator[G], jobs: Iterable[Job[G] | None], stop: Stop, trial_timeout: float | None
    ) -> Iterator[Tagged[G]]:
        """Evaluate jobs, and give back what ends, in the thread of the caller.

        Args:
            evaluator: The evaluator.
            jobs: Each is asked for when a worker is about to be free; what has ended by then was given back before.
                None says that there is none yet: the next is asked for after another result.
            stop: Request to stop; its deadline is that of the whole run.
            trial_timeout: Seconds a trial may take; None for no limit.
        """
        ...

    def close(self) -> None:
        """End all that runs here; a trial that had no result is lost."""
        ...


def evaluate_all(
    evaluator: Evaluator[G], jobs: Iterable[Job[G] | None], *, stop: Stop, n_jobs: int = 1, place: Place | None = None,
    trial_timeout: float | None = None, smallest_first: bool = False, as_drawn: bool = False,
) -> Iterator[Evaluation[G]]:
    """Evaluations in order of completion. A worker has one thread of linear algebra; several begin with long trials.

    A trial that raises, reports a value that is not finite, exceeds its time limit or kills its process is a failed
    evaluation. Trials that ``stop`` cuts short yield nothing.

    Args:
        evaluator: Whether it shares memory decides between threads and processes.
        jobs: The jobs; if :meth:`Place.draws_beside` says so, each is asked for while the one before is evaluated.
        stop: Its flag stops everything at once, its deadline is that of the whole run.
        n_jobs: Trials at a time on this machine, where no place is given.
        place: Place where they run; it stays open, unless this ends by an error. None: this machine.
        trial_timeout: Seconds a trial may take.
        smallest_first: Take short trials first: of a run that is about to end, some are then done.
        as_drawn: Take jobs in their order, each once a worker is free for it.
    """
    with ExitStack() as stack:
        at = Local(n_jobs) if place is None else place
        if place is None:
            stack.callback(at.close)
        if not as_drawn and (smallest_first or not at.draws_beside(evaluator)):
            known = [job for job in jobs if job is not None]
            if at.n_workers > 1 or smallest_first:
                known.sort(key=lambda job: evaluator.work(job.trial), reverse=not smallest_first)
            jobs = known
        stack.enter_context(one_thread_each())
        try:
            stoppable = (None if job is None else replace(job, stop=stop) for job in jobs)
            for _, evaluation in at.run(evaluator, stoppable, stop, trial_timeout):
                if evaluation is not None:
                    yield evaluation
        except BaseException:
            stop.request()
            kill_groups()
            at.close()
            raise
