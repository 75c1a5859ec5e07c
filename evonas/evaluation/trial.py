"""The evaluation of one trial here and now: its time limit, its failures, and the checks of its result."""

from __future__ import annotations

import signal
import sys
import threading
import time
import traceback
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from threadpoolctl import ThreadpoolController

from evonas.evaluation.base import Evaluator, Job
from evonas.individual import Evaluation, Trial
from evonas.space import G
from evonas.training import Cancelled, Stop, TrialTimeout

#: Trainers notice their deadline by themselves; code that does not is interrupted this many seconds later.
GRACE_SECONDS = 1.0

#: Id, budget and replicate: what tells the trials of one call apart.
Key: TypeAlias = tuple[int, int, int]
#: The key of a trial, and its evaluation; None where it was stopped.
Tagged: TypeAlias = tuple[Key, Evaluation[G] | None]


def key_of(trial: Trial[Any]) -> Key:
    """What tells a trial from others of one call."""
    return *trial.key, trial.replicate


def evaluate_one(evaluator: Evaluator[G], job: Job[G], trial_timeout: float | None) -> Tagged[G]:
    """Evaluate a job here and now; an exception makes it a failed evaluation.

    Args:
        evaluator: The evaluator.
        job: The job; its ``stop`` has the deadline of the run.
        trial_timeout: Seconds a trial may take.
    """
    begin = time.monotonic()
    run_deadline = job.stop.deadline
    if job.stop.flag[0] or begin > run_deadline:
        return key_of(job.trial), None
    seconds = min(run_deadline - begin, np.inf if trial_timeout is None else trial_timeout)
    result: Evaluation[G] | Exception
    try:
        with _interrupted_after(seconds + GRACE_SECONDS):
            result = evaluator(replace(job, stop=Stop(job.stop.flag, begin + seconds)))
    except Exception as error:  # a bad individual must not end the run
        result = error
    return ended(job.trial, result, time.monotonic() - begin, run_deadline)


def ended(trial: Trial[G], result: Evaluation[G] | Exception, seconds: float, run_deadline: float) -> Tagged[G]:
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
            return key_of(trial), replace(result, seconds=seconds)
        except Exception as error:
            result = error
    if isinstance(result, Cancelled) or (isinstance(result, TrialTimeout) and time.monotonic() > run_deadline):
        return key_of(trial), None
    places = traceback.extract_tb(result.__traceback__)
    place = f" ({Path(places[-1].filename).name}:{places[-1].lineno})" if places else ""
    return key_of(trial), failed(trial, f"{type(result).__name__}: {result}{place}", seconds)


def failed(trial: Trial[G], error: str, seconds: float) -> Evaluation[G]:
    """The evaluation of a trial that failed.

    Args:
        trial: The trial.
        error: What happened.
        seconds: Seconds that it took.
    """
    return Evaluation(*trial.key, "failed", {}, seconds, error, replicate=trial.replicate)


def one_thread_each() -> AbstractContextManager[object]:
    """Limit libraries of linear algebra to one thread, from the call to the end of the context."""
    limits: AbstractContextManager[object] = _libraries(len(sys.modules)).limit(limits=1)
    return limits


@lru_cache(maxsize=1)
def _libraries(n_modules: int) -> ThreadpoolController:
    """Libraries of linear algebra; to look for them takes milliseconds, and there are others once more is imported."""
    return ThreadpoolController()


def _check(evaluation: Evaluation[G], trial: Trial[G]) -> None:
    """Raise unless an evaluator returned the result of its trial, with finite metrics."""
    if not isinstance(evaluation, Evaluation) or (*evaluation.key, evaluation.replicate) != key_of(trial):
        raise TypeError(f"the evaluator returned {str(evaluation)[:100]!r}, expected the result of its job: return "
                        "job.result(metrics)")
    if bad := {name: value for name, value in evaluation.metrics.items() if not np.isfinite(value)}:
        raise FloatingPointError(f"metrics that are not finite: {bad}")


@contextmanager
def _interrupted_after(seconds: float) -> Iterator[None]:
    """Raise TrialTimeout in code that does not poll its deadline; only a process's main thread can be interrupted."""
    if not np.isfinite(seconds) or threading.current_thread() is not threading.main_thread():
        yield
        return

    def expire(signum: int, frame: object) -> None:
        raise TrialTimeout

    previous = signal.signal(signal.SIGALRM, expire)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, previous)
