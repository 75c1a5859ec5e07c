"""This machine as a place where trials run: threads if evaluators release the GIL, else processes, or all at once.

The only module with joblib.
"""

from __future__ import annotations

import os
import queue
import threading
import time
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import chain
from typing import Any

from joblib import Parallel, delayed, parallel_config
from joblib.externals.loky.process_executor import TerminatedWorkerError

from evonas.evaluation.base import Evaluator, Job, takes_many
from evonas.evaluation.processes import AHEAD, Processes, ProcessLost
from evonas.evaluation.together import evaluate_together
from evonas.evaluation.trial import Tagged, evaluate_one, failed, key_of
from evonas.runtimes.groups import kill_groups
from evonas.space import G
from evonas.training import Stop
from evonas.training.turns import announce

#: Seconds that the main thread waits for a trial to leave the interpreter to it, where trainers do not say so.
LONGEST_TURN = 0.01
#: Seconds between two looks of a worker at whether its parent is there.
WATCH_SECONDS = 0.25


class Local:
    """The cores of this machine, see :class:`evonas.evaluation.executor.Place`.

    Evaluators that share memory run in threads, and in processes of their own once trials turn out to be short: see
    :class:`Processes`. Others run in processes of joblib. An evaluator that takes many trials together, as a GPU does,
    has all of them at once, in the thread of the caller.

    Args:
        n_workers: Trials at a time.
    """

    def __init__(self, n_workers: int) -> None:
        self.n_workers = n_workers
        self._processes: Processes[Any] = Processes(n_workers)

    def draws_beside(self, evaluator: Evaluator[G]) -> bool:
        """Return True for one worker thread, and for processes that train beside the driver."""
        if takes_many(evaluator) or not evaluator.shares_memory:
            return False
        return self.n_workers == 1 or self._processes.take(evaluator)

    def can_wait(self, evaluator: Evaluator[G]) -> bool:
        """Return False for processes of joblib, which take jobs at any time, and where all are evaluated at once."""
        return evaluator.shares_memory and not takes_many(evaluator)

    def run(
        self, evaluator: Evaluator[G], jobs: Iterable[Job[G] | None], stop: Stop, trial_timeout: float | None
    ) -> Iterator[Tagged[G]]:
        """Evaluate jobs, see :meth:`evonas.evaluation.executor.Place.run`.

        Args:
            evaluator: The evaluator.
            jobs: The jobs; None where one has to wait.
            stop: Request to stop.
            trial_timeout: Seconds that a trial may take; None for no limit.
        """
        if takes_many(evaluator):
            yield from evaluate_together(evaluator, [job for job in jobs if job], stop, trial_timeout)
            return
        if not evaluator.shares_memory:
            yield from _in_joblib(evaluator, [job for job in jobs if job], self.n_workers, trial_timeout)
            return
        beside = self._processes.take(evaluator)
        run = self._in_processes if beside else self._in_threads
        for key, evaluation in run(evaluator, jobs, stop, trial_timeout):
            if evaluation is not None:
                self._processes.note(evaluation.seconds)
            yield key, evaluation

    def close(self) -> None:
        """End the processes."""
        self._processes.close()

    def _in_processes(
        self, evaluator: Evaluator[G], jobs: Iterable[Job[G] | None], stop: Stop, trial_timeout: float | None
    ) -> Iterator[Tagged[G]]:
        """Evaluate as :meth:`_in_threads`, in processes that have the evaluator.

        If one has died, each job that is left has a process to itself, since what killed it would kill the driver. If
        one cannot read a job, or send its result, threads go on.

        Args:
            evaluator: The evaluator.
            jobs: The jobs.
            stop: Request to stop.
            trial_timeout: Seconds that a trial may take; None for no limit.
        """
        left = iter(jobs)
        try:
            yield from self._processes.run(left, trial_timeout)
        except ProcessLost as lost:
            jobs = chain(lost.jobs, left)
            if lost.died:
                yield from _isolated(evaluator, jobs, trial_timeout)
            else:
                yield from self._in_threads(evaluator, jobs, stop, trial_timeout)

    def _in_threads(
        self, evaluator: Evaluator[G], jobs: Iterable[Job[G] | None], stop: Stop, trial_timeout: float | None
    ) -> Iterator[Tagged[G]]:
        """Evaluate in worker threads: a signal reaches the main thread at once while native code runs in others.

        Workers have a few more jobs than they need at the moment, so that the main thread draws, stores and reports
        meanwhile.

        Args:
            evaluator: The evaluator.
            jobs: The jobs.
            stop: Request to stop.
            trial_timeout: Seconds that a trial may take; None for no limit.
        """
        ended: queue.SimpleQueue[Future[Tagged[G]]] = queue.SimpleQueue()
        turns: deque[threading.Event] = deque()
        with ThreadPoolExecutor(self.n_workers) as pool:
            try:
                for job in jobs:
                    if job is not None:
                        turns.append(threading.Event())
                        task = pool.submit(_evaluate_in_turn, evaluator, job, trial_timeout, turns[-1])
                        task.add_done_callback(ended.put)
                    is_full = len(turns) > self.n_workers - 1 + AHEAD
                    result = ended.get().result() if is_full or (job is None and turns) else None
                    if result is not None:
                        turns.popleft()
                    if self.n_workers == 1 and turns:
                        turns[0].wait(LONGEST_TURN)
                    if result is not None:
                        yield result
                for _ in range(len(turns)):
                    yield ended.get().result()
            except BaseException:
                stop.request()
                kill_groups()
                raise


def _evaluate_in_turn(
    evaluator: Evaluator[G], job: Job[G], trial_timeout: float | None, left: threading.Event
) -> Tagged[G]:
    """Evaluate, and set ``left`` once that leaves the interpreter to other threads.

    Args:
        evaluator: The evaluator.
        job: The job.
        trial_timeout: Seconds that a trial may take; None for no limit.
        left: Event that is set.
    """
    announce(left)
    try:
        return evaluate_one(evaluator, job, trial_timeout)
    finally:
        announce(None)
        left.set()


def _in_joblib(
    evaluator: Evaluator[G], jobs: Sequence[Job[G]], n_jobs: int, trial_timeout: float | None
) -> Iterator[Tagged[G]]:
    """Evaluate in processes; if one dies, each job that is left has a process to itself.

    Args:
        evaluator: The evaluator.
        jobs: The jobs.
        n_jobs: Trials at a time.
        trial_timeout: Seconds that a trial may take; None for no limit.
    """
    pending = {key_of(job.trial): job for job in jobs}
    try:
        for key, evaluation in _parallel(evaluator, jobs, n_jobs, trial_timeout):
            pending.pop(key, None)
            yield key, evaluation
    except TerminatedWorkerError:
        yield from _isolated(evaluator, list(pending.values()), trial_timeout)


def _isolated(
    evaluator: Evaluator[G], jobs: Iterable[Job[G] | None], trial_timeout: float | None
) -> Iterator[Tagged[G]]:
    """Evaluate one job at a time, each in a fresh process, to find out which one kills it.

    Args:
        evaluator: The evaluator.
        jobs: The jobs; there is nothing to wait for.
        trial_timeout: Seconds that a trial may take; None for no limit.
    """
    for job in jobs:
        if job is None:
            continue
        try:
            yield from _parallel(evaluator, [job], 2, trial_timeout)
        except TerminatedWorkerError:
            error = "the worker process died, as it does when memory runs out"
            yield key_of(job.trial), failed(job.trial, error, 0.0)


def _parallel(
    evaluator: Evaluator[G], jobs: Sequence[Job[G]], n_jobs: int, trial_timeout: float | None
) -> Iterator[Tagged[G]]:
    """Evaluate in processes of joblib, with their large arrays by copy-on-write: torch warns of arrays that cannot be
    written, and none is.

    Args:
        evaluator: The evaluator.
        jobs: The jobs.
        n_jobs: Trials at a time.
        trial_timeout: Seconds that a trial may take; None for no limit.
    """
    end: dict[str, Any] = {"initializer": end_with, "initargs": (os.getpid(),)}
    tasks = (delayed(evaluate_one)(evaluator, job, trial_timeout) for job in jobs)
    with parallel_config("loky", inner_max_num_threads=1, mmap_mode="c", **end):
        pool = Parallel(n_jobs=n_jobs, return_as="generator_unordered", pre_dispatch="2*n_jobs", batch_size=1)
        yield from pool(tasks)


def end_with(parent: int) -> None:
    """Let this worker process end with the process ``parent``, however that ends, and with it the programs it runs."""

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(WATCH_SECONDS)
        kill_groups()
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
