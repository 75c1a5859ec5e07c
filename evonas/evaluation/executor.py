"""Execution of trials in processes, or in threads if evaluators release the GIL. The only module with joblib."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
import traceback
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from functools import lru_cache
from itertools import chain
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from joblib import Parallel, delayed, parallel_config
from joblib.externals.loky.process_executor import TerminatedWorkerError
from threadpoolctl import ThreadpoolController

from evonas.evaluation.base import EvaluatesMany, Evaluator, Job, takes_many
from evonas.evaluation.processes import AHEAD, Processes, ProcessLost, Tagged
from evonas.individual import Evaluation, Trial
from evonas.runtimes.groups import kill_groups
from evonas.space import G
from evonas.training import Cancelled, Stop, TrialTimeout
from evonas.training.turns import announce

#: Trainers notice their deadline by themselves; code that does not is interrupted this many seconds later.
GRACE_SECONDS = 1.0
#: Seconds that the main thread waits for a trial to leave the interpreter to it, where trainers do not say so.
LONGEST_TURN = 0.01
#: Seconds between two looks of a worker at whether its parent is there.
WATCH_SECONDS = 0.25


def evaluate_all(
    evaluator: Evaluator[G], jobs: Iterable[Job[G]], *, stop: Stop, n_jobs: int = 1, trial_timeout: float | None = None,
    smallest_first: bool = False, processes: Processes[G] | None = None,
) -> Iterator[Evaluation[G]]:
    """Evaluations in order of completion. A worker has one thread of linear algebra; several begin with long trials.

    A trial that raises, reports a value that is not finite, exceeds its time limit or kills its process is a failed
    evaluation. Trials that ``stop`` cuts short yield nothing.

    Args:
        evaluator: Whether it shares memory decides between threads and processes.
        jobs: The jobs; if :func:`draws_beside` says so, each is asked for while the one before is evaluated.
        stop: Its flag stops everything at once, its deadline is that of the whole run.
        n_jobs: Trials at a time.
        trial_timeout: Seconds a trial may take.
        smallest_first: Take short trials first: of a run that is about to end, some are then done.
        processes: Take the place of threads once trials turn out to be short.
    """
    threads = evaluator.shares_memory
    backend = "threading" if threads else "loky"
    beside = draws_beside(evaluator, n_jobs, processes) and not smallest_first
    if not beside:
        jobs = list(jobs)
        if n_jobs > 1 or smallest_first:
            jobs.sort(key=lambda job: evaluator.work(job.trial), reverse=not smallest_first)
    pending: dict[_Key, Job[G]] = {} if beside else {_key(job.trial): job for job in jobs}
    with one_thread_each(), parallel_config(backend, **({} if threads else _settings())):
        try:
            if beside and processes is not None and processes.take(evaluator):
                results = _run_in_processes(evaluator, jobs, stop, trial_timeout, processes)
            elif takes_many(evaluator):
                results = _run_together(evaluator, list(jobs), stop, trial_timeout)
            elif threads and n_jobs == 1:
                results = _run_beside(evaluator, jobs, stop, trial_timeout)
            else:
                results = _run(evaluator, jobs, n_jobs, stop, trial_timeout)
            for key, evaluation in results:
                pending.pop(key, None)
                if evaluation is not None:
                    if processes is not None and threads and not takes_many(evaluator):
                        processes.note(evaluation.seconds)
                    yield evaluation
        except TerminatedWorkerError:
            yield from _isolated(evaluator, list(pending.values()), stop, trial_timeout)
        except BaseException:
            stop.request()
            kill_groups()
            if processes is not None:
                processes.close()
            raise


def _settings() -> dict[str, Any]:
    """Settings of joblib's processes. Copy-on-write: torch warns of arrays that cannot be written, and none is."""
    end: dict[str, Any] = {"initializer": end_with, "initargs": (os.getpid(),)}
    return {"inner_max_num_threads": 1, "mmap_mode": "c", **end}


def one_thread_each() -> AbstractContextManager[object]:
    """Limit libraries of linear algebra to one thread."""
    limits: AbstractContextManager[object] = _libraries(len(sys.modules)).limit(limits=1)
    return limits


@lru_cache(maxsize=1)
def _libraries(n_modules: int) -> ThreadpoolController:
    """Libraries of linear algebra; to look for them takes milliseconds, and there are others once more is imported."""
    return ThreadpoolController()


#: Id, budget and replicate: what tells the trials of one call apart.
_Key: TypeAlias = tuple[int, int, int]


def _key(trial: Trial[Any]) -> _Key:
    return *trial.key, trial.replicate


def _key_of(evaluation: Evaluation[Any]) -> _Key:
    return *evaluation.key, evaluation.replicate


def _run(
    evaluator: Evaluator[G], jobs: Iterable[Job[G]], n_jobs: int, stop: Stop, trial_timeout: float | None
) -> Iterator[Tagged[G]]:
    tasks = (delayed(evaluate_one)(evaluator, replace(job, stop=stop), trial_timeout) for job in jobs)
    yield from Parallel(n_jobs=n_jobs, return_as="generator_unordered", pre_dispatch="2*n_jobs", batch_size=1)(tasks)


def _run_in_processes(
    evaluator: Evaluator[G], jobs: Iterable[Job[G]], stop: Stop, trial_timeout: float | None, processes: Processes[G]
) -> Iterator[Tagged[G]]:
    """Evaluate as :func:`_run_beside`, in processes that have the evaluator.

    If one has died, each job that is left has a process to itself, since what killed it would kill the driver. If one
    cannot read a job, or send its result, a thread goes on.

    Args:
        evaluator: The evaluator.
        jobs: The jobs.
        stop: Request to stop.
        trial_timeout: Seconds that a trial may take; None for no limit.
        processes: The processes.
    """
    left = (replace(job, stop=stop) for job in jobs)
    try:
        yield from processes.run(left, trial_timeout)
    except ProcessLost as lost:
        if not lost.died:
            yield from _run_beside(evaluator, chain(lost.jobs, left), stop, trial_timeout)
            return
        with parallel_config("loky", **_settings()):
            for evaluation in _isolated(evaluator, [*lost.jobs, *left], stop, trial_timeout):
                yield _key_of(evaluation), evaluation


def _run_beside(
    evaluator: Evaluator[G], jobs: Iterable[Job[G]], stop: Stop, trial_timeout: float | None
) -> Iterator[Tagged[G]]:
    """Evaluate in one worker thread: a signal reaches the main thread at once while native code runs in the other.

    The worker has more jobs than it needs at the moment, so that the main thread draws, stores and reports meanwhile.

    Args:
        evaluator: The evaluator.
        jobs: The jobs.
        stop: Request to stop.
        trial_timeout: Seconds that a trial may take; None for no limit.
    """
    with ThreadPoolExecutor(1) as pool:
        try:
            under_way: deque[tuple[Future[Tagged[G]], threading.Event]] = deque()
            for job in jobs:
                left = threading.Event()
                task = pool.submit(_evaluate_in_turn, evaluator, replace(job, stop=stop), trial_timeout, left)
                under_way.append((task, left))
                ended = under_way.popleft()[0].result() if len(under_way) > AHEAD else None
                under_way[0][1].wait(LONGEST_TURN)
                if ended is not None:
                    yield ended
            while under_way:
                yield under_way.popleft()[0].result()
        except BaseException:
            stop.request()
            kill_groups()
            raise


def _run_together(
    evaluator: EvaluatesMany[G], jobs: Sequence[Job[G]], stop: Stop, trial_timeout: float | None
) -> Iterator[Tagged[G]]:
    """Evaluate all jobs at once, here; each gets an equal share of the time of those that ended with it.

    Args:
        evaluator: The evaluator.
        jobs: The jobs.
        stop: Request to stop.
        trial_timeout: Seconds from now on that a trial may take; None for no limit.
    """
    begin = time.monotonic()
    if stop.flag[0] or begin > stop.deadline or not jobs:
        yield from ((_key(job.trial), None) for job in jobs)
        return
    own = Stop(stop.flag, min(stop.deadline, np.inf if trial_timeout is None else begin + trial_timeout))
    left = dict(enumerate(jobs))
    try:
        for results in evaluator.evaluate_many([replace(job, stop=own) for job in jobs]):
            seconds = (time.monotonic() - begin) / len(results)
            begin = time.monotonic()
            for index, result in results:
                yield _ended(left.pop(index).trial, result, seconds, stop.deadline)
    except Exception as error:  # what is not the fault of one job fails all that are left
        for job in left.values():
            yield _ended(job.trial, error, time.monotonic() - begin, stop.deadline)


def _ended(
    trial: Trial[G], result: Evaluation[G] | Exception, seconds: float, run_deadline: float
) -> Tagged[G]:
    """The evaluation of a trial, or its failure; None where it was stopped.

    Args:
        trial: The trial.
        result: What the evaluator gave, or raised.
        seconds: Time that it took.
        run_deadline: Deadline of the run, after which a trial has not failed.
    """
    if not isinstance(result, Exception):
        try:
            _check(result, trial)
            return _key(trial), replace(result, seconds=seconds)
        except Exception as error:
            result = error
    if isinstance(result, Cancelled) or (isinstance(result, TrialTimeout) and time.monotonic() > run_deadline):
        return _key(trial), None
    places = traceback.extract_tb(result.__traceback__)
    place = f" ({Path(places[-1].filename).name}:{places[-1].lineno})" if places else ""
    return _key(trial), _failed(trial, f"{type(result).__name__}: {result}{place}", seconds)


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


def draws_beside(evaluator: Evaluator[G], n_jobs: int, processes: Processes[G] | None = None) -> bool:
    """Whether :func:`evaluate_all` asks for one job after another, as long as none of them is to come first.

    Args:
        evaluator: The evaluator.
        n_jobs: Number of parallel jobs.
        processes: Processes for short trials; None for none.
    """
    if takes_many(evaluator) or not evaluator.shares_memory:
        return False
    return n_jobs == 1 or (processes is not None and processes.take(evaluator))


def end_with(parent: int) -> None:
    """Let this worker process end with the process ``parent``, however that ends, and with it the programs it runs."""

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(WATCH_SECONDS)
        kill_groups()
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def _isolated(
    evaluator: Evaluator[G], jobs: Sequence[Job[G]], stop: Stop, trial_timeout: float | None
) -> Iterator[Evaluation[G]]:
    """Evaluate one job at a time, each in a fresh process, to find out which one kills it.

    Args:
        evaluator: The evaluator.
        jobs: The jobs.
        stop: Request to stop.
        trial_timeout: Seconds that a trial may take; None for no limit.
    """
    for job in jobs:
        try:
            for _, evaluation in _run(evaluator, [job], 2, stop, trial_timeout):
                if evaluation is not None:
                    yield evaluation
        except TerminatedWorkerError:
            yield _failed(job.trial, "the worker process died, as it does when memory runs out", 0.0)


def evaluate_one(evaluator: Evaluator[G], job: Job[G], trial_timeout: float | None) -> Tagged[G]:
    """Evaluate a job here and now; an exception makes it a failed evaluation.

    Args:
        evaluator: The evaluator.
        job: The job; its ``stop`` has the deadline of the run.
        trial_timeout: Seconds a trial may take.
    """
    begin = time.monotonic()
    run_deadline, key = job.stop.deadline, _key(job.trial)
    if job.stop.flag[0] or begin > run_deadline:
        return key, None
    seconds = min(run_deadline - begin, np.inf if trial_timeout is None else trial_timeout)
    result: Evaluation[G] | Exception
    try:
        with _interrupted_after(seconds + GRACE_SECONDS):
            result = evaluator(replace(job, stop=Stop(job.stop.flag, begin + seconds)))
    except Exception as error:  # a bad individual must not end the run
        result = error
    return _ended(job.trial, result, time.monotonic() - begin, run_deadline)


def _check(evaluation: Evaluation[G], trial: Trial[G]) -> None:
    """Raise unless an evaluator returned the result of its trial, with finite metrics."""
    if not isinstance(evaluation, Evaluation) or _key_of(evaluation) != _key(trial):
        raise TypeError(f"the evaluator returned {str(evaluation)[:100]!r}, expected the result of its job: return "
                        "job.result(metrics)")
    if bad := {name: value for name, value in evaluation.metrics.items() if not np.isfinite(value)}:
        raise FloatingPointError(f"metrics that are not finite: {bad}")


def _failed(trial: Trial[G], error: str, seconds: float) -> Evaluation[G]:
    return Evaluation(*trial.key, "failed", {}, seconds, error, replicate=trial.replicate)


@contextmanager
def _interrupted_after(seconds: float) -> Iterator[None]:
    """Raise TrialTimeout in code that does not poll its deadline; only a process's main thread can be interrupted."""
    if not np.isfinite(seconds) or threading.current_thread() is not threading.main_thread():
        yield
        return

    def expire(signum: int, frame: object) -> None:
        raise TrialTimeout("the trial took longer than its time limit")

    previous = signal.signal(signal.SIGALRM, expire)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, previous)
