"""Where trials run: processes, or threads where evaluators release the GIL. The only module that imports joblib."""

from __future__ import annotations

import os
import signal
import threading
import time
import traceback
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, Generic, NamedTuple

import numpy as np
from joblib import Parallel, delayed, parallel_config
from joblib.externals.loky.process_executor import TerminatedWorkerError
from threadpoolctl import threadpool_limits

from evonas.evaluation.base import Evaluator, Job
from evonas.individual import Evaluation
from evonas.runtimes.groups import kill_groups
from evonas.space import G
from evonas.training import Cancelled, Stop, TrialTimeout
from evonas.types import Weights

#: Trainers notice their deadline by themselves; code that does not is interrupted this many seconds later.
GRACE_SECONDS = 1.0
#: Seconds between two looks of a worker at whether its parent is there.
WATCH_SECONDS = 0.25


class Result(NamedTuple, Generic[G]):
    """An evaluation and the weights that came with it."""

    evaluation: Evaluation[G]
    weights: Weights | None


def evaluate_all(
    evaluator: Evaluator[G], jobs: Sequence[Job[G]], *, stop: Stop, n_jobs: int = 1, trial_timeout: float | None = None,
    smallest_first: bool = False,
) -> Iterator[Result[G]]:
    """Results in order of completion; one thread of linear algebra a worker. Several workers take long trials first.

    A trial that raises, reports a value that is not finite, exceeds its time limit or kills its process is a failed
    evaluation. Trials that ``stop`` cuts short yield nothing.

    Args:
        stop: Its flag stops everything at once, its deadline is that of the whole run.
        trial_timeout: Seconds a trial may take.
        smallest_first: Take short trials first: of a run that is about to end, some are then done.
    """
    threads = evaluator.shares_memory
    backend = "threading" if threads else "loky"
    if n_jobs > 1 or smallest_first:
        jobs = sorted(jobs, key=lambda job: evaluator.work(job.trial), reverse=not smallest_first)
    pending = {job.trial.key: job for job in jobs}
    # copy-on-write: torch warns of arrays that cannot be written, though nobody writes
    processes: dict[str, Any] = {"inner_max_num_threads": 1, "mmap_mode": "c"}
    processes |= {"initializer": end_with, "initargs": (os.getpid(),)}
    with threadpool_limits(1), parallel_config(backend, **({} if threads else processes)):
        try:
            run = _run_beside if threads and n_jobs == 1 else _run
            for job, result in run(evaluator, jobs, n_jobs, stop, trial_timeout):
                del pending[job]
                if result is not None:
                    yield result
        except TerminatedWorkerError:
            yield from _isolated(evaluator, list(pending.values()), stop, trial_timeout)
        except BaseException:
            stop.request()
            kill_groups()
            raise


_Tagged = tuple[tuple[int, int], Result[G] | None]


def _run(
    evaluator: Evaluator[G], jobs: Sequence[Job[G]], n_jobs: int, stop: Stop, trial_timeout: float | None
) -> Iterator[_Tagged[G]]:
    tasks = (delayed(_evaluate)(evaluator, replace(job, stop=stop), trial_timeout) for job in jobs)
    yield from Parallel(n_jobs=n_jobs, return_as="generator_unordered", pre_dispatch="2*n_jobs", batch_size=1)(tasks)


def _run_beside(
    evaluator: Evaluator[G], jobs: Sequence[Job[G]], n_jobs: int, stop: Stop, trial_timeout: float | None
) -> Iterator[_Tagged[G]]:
    """One worker thread: a signal reaches the main thread at once, while native code runs in the other."""
    with ThreadPoolExecutor(1) as pool:
        for job in jobs:
            try:
                yield pool.submit(_evaluate, evaluator, replace(job, stop=stop), trial_timeout).result()
            except BaseException:
                stop.request()
                kill_groups()
                raise


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
) -> Iterator[Result[G]]:
    """One job at a time in a fresh process: finds out which one kills it."""
    for job in jobs:
        try:
            for _, result in _run(evaluator, [job], 2, stop, trial_timeout):
                if result is not None:
                    yield result
        except TerminatedWorkerError:
            message = "the worker process died, as it does when memory runs out"
            yield Result(Evaluation(*job.trial.key, "failed", {}, 0.0, message), None)


def _evaluate(evaluator: Evaluator[G], job: Job[G], trial_timeout: float | None) -> _Tagged[G]:
    begin = time.monotonic()
    run_deadline, key = job.stop.deadline, job.trial.key
    if job.stop.flag[0] or begin > run_deadline:
        return key, None
    seconds = min(run_deadline - begin, np.inf if trial_timeout is None else trial_timeout)
    try:
        with _interrupted_after(seconds + GRACE_SECONDS):
            outcome = evaluator(replace(job, stop=Stop(job.stop.flag, begin + seconds)))
        bad = {name: value for name, value in outcome.metrics.items() if not np.isfinite(value)}
        if bad:
            raise FloatingPointError(f"metrics that are not finite: {bad}")
    except Cancelled:
        return key, None
    except Exception as error:  # the one place: a bad individual must not end the run
        if isinstance(error, TrialTimeout) and time.monotonic() > run_deadline:
            return key, None
        place = traceback.extract_tb(error.__traceback__)[-1]
        message = f"{type(error).__name__}: {error} ({Path(place.filename).name}:{place.lineno})"
        return key, Result(Evaluation(*key, "failed", {}, time.monotonic() - begin, message), None)
    elapsed = time.monotonic() - begin
    return key, Result(Evaluation(*key, "ok", outcome.metrics, elapsed, None, outcome.genotype), outcome.weights)


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
