"""What workers of a Dask cluster do: evaluate one job, as long as the driver wants its result.

A trial is stopped within a fraction of a second once Dask has cancelled it: the driver does so at its time limit and
on Ctrl-C, and the scheduler when the driver has gone.
"""

from __future__ import annotations

import ctypes
import pickle
import platform
import signal
import sys
import threading
import time
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from importlib.metadata import PackageNotFoundError, version
from typing import Any, NamedTuple

import numpy as np
from distributed import get_worker

from evonas.evaluation.base import Evaluator, Job
from evonas.evaluation.trial import GRACE_SECONDS, Tagged, evaluate_one, failed, key_of, one_thread_each
from evonas.individual import Trial
from evonas.runtimes.groups import kill_groups
from evonas.training import Stop, TrialTimeout
from evonas.training.device import adopt

#: Seconds between two looks at whether the trials that run are still wanted.
WATCH_SECONDS = 0.2
#: Evaluators that a worker keeps: the present one, and one before it.
MOST_KEPT = 2
#: Names of what must be the same on a worker as on the driver, for the same trial to have the same result.
PACKAGES = ("evonas", "numpy", "torch")


@lru_cache(maxsize=1)
def versions() -> Mapping[str, str]:
    """Versions of Python and of the packages that decide what a trial gives."""
    found = {"Python": platform.python_version()}
    for name in PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "none"
    return found


def differences(theirs: Mapping[str, str], ours: Mapping[str, str]) -> str:
    """A worker's versions that are not the driver's, for a sentence; empty where all agree."""
    return ", ".join(
        f"{name} {theirs.get(name, 'none')} in the place of {value}"
        for name, value in ours.items() if theirs.get(name) != value
    )


class Refused(NamedTuple):
    """The answer of a worker that must not evaluate.

    Attributes:
        address: Address of the worker.
        difference: Versions that differ from the driver's.
    """

    address: str
    difference: str


@dataclass(frozen=True)
class Order:
    """A trial as it travels: plain data of the driver's, but for ``job``, which is pickled and read on the worker only.

    Attributes:
        job: The pickled trial, random stream and first weights.
        evaluator: Digest of the evaluator.
        seconds: Seconds that the run may still take.
        trial_timeout: Seconds that the trial may take; None for no limit.
        versions: The driver's versions.
        device: Name of the device that torch trains on.
    """

    job: bytes
    evaluator: str
    seconds: float
    trial_timeout: float | None
    versions: Mapping[str, str]
    device: str


def evaluate_there(order: Order, head: bytes, *parts: Any) -> Tagged[Any] | Refused:
    """Evaluate a job on this worker, unless its versions differ from the driver's.

    Args:
        order: The job.
        head: The pickled evaluator without its large arrays.
        parts: Bytes of these arrays, or the files that hold them.
    """
    worker = get_worker()
    if difference := differences(versions(), order.versions):
        return Refused(worker.address, difference)
    adopt(order.device)
    evaluator = _evaluator(f"{order.device} {order.evaluator}", head, parts)  # its trainer is for this device
    trial, seed, start = pickle.loads(order.job)
    stop = Stop().within(order.seconds if np.isfinite(order.seconds) else None)
    limit = min(order.seconds, np.inf if order.trial_timeout is None else order.trial_timeout)
    _limit_threads(len(sys.modules))
    begin = time.monotonic()
    try:
        with _watched(worker, stop, begin + limit + GRACE_SECONDS):
            return evaluate_one(evaluator, Job(trial, seed, start, stop), order.trial_timeout)
    except TrialTimeout as error:  # it came when the trial had just ended
        return _late(trial, error, time.monotonic() - begin, order)


def _late(trial: Trial[Any], error: TrialTimeout, seconds: float, order: Order) -> Tagged[Any]:
    """The result of a trial that was interrupted.

    Args:
        trial: The trial.
        error: The interruption.
        seconds: Seconds that it took.
        order: The order for it.
    """
    is_over = seconds > order.seconds
    return key_of(trial), None if is_over else failed(trial, f"{type(error).__name__}: {error}", seconds)


@dataclass(frozen=True)
class OnDisk:
    """Bytes of an array in a file that this machine's workers map into memory, which thus has them once.

    Attributes:
        path: Path of the file.
        n_bytes: Number of bytes.
    """

    path: str
    n_bytes: int


def hold(data: Any) -> Any:
    """Return data that trials need, so that Dask keeps it with the worker, and computes it again if that dies."""
    return data


def dask_setup(worker: Any) -> None:
    """Leave Ctrl-C to the driver, in workers that it has started; called by Dask."""
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGINT, signal.SIG_IGN)


_evaluators: OrderedDict[str, Evaluator[Any]] = OrderedDict()
_lock = threading.Lock()


def _evaluator(digest: str, head: bytes, parts: tuple[Any, ...]) -> Evaluator[Any]:
    """The evaluator, read once; its arrays use the memory of the parts.

    Args:
        digest: Digest of all that follows, and the device.
        head: The pickled evaluator without its large arrays.
        parts: Bytes of these arrays.
    """
    with _lock:
        if digest not in _evaluators:
            _evaluators[digest] = pickle.loads(head, buffers=[_writeable(part) for part in parts])
            while len(_evaluators) > MOST_KEPT:
                _evaluators.popitem(last=False)
        return _evaluators[digest]


def _writeable(part: Any) -> Any:
    """An array of these bytes that can be written, since torch warns of others; nothing is."""
    if isinstance(part, OnDisk):
        return np.memmap(part.path, np.uint8, "c", 0, (part.n_bytes,))
    return part if part.flags.writeable else part.copy()


@lru_cache(maxsize=1)
def _limit_threads(n_modules: int) -> None:
    """Limit libraries of linear algebra to one thread, also those that have been imported since."""
    one_thread_each()


class _Running(NamedTuple):
    """A trial that runs in a thread of this process.

    Attributes:
        worker: The worker of Dask.
        key: Its key there.
        stop: Stops it.
        thread: Its thread.
        deadline: ``time.monotonic()`` after which it is interrupted.
    """

    worker: Any
    key: Any
    stop: Stop
    thread: int
    deadline: float

    def is_wanted(self) -> bool:
        """Whether Dask, and so the driver, still waits for it."""
        task = self.worker.state.tasks.get(self.key)
        return task is not None and task.state in ("executing", "long-running", "resumed")


_running: set[_Running] = set()
_running_lock = threading.Lock()
_watcher: list[threading.Thread] = []


@contextmanager
def _watched(worker: Any, stop: Stop, deadline: float) -> Iterator[None]:
    """Stop what runs in this context once the driver does not want it, and interrupt it at its deadline.

    Args:
        worker: The worker of Dask.
        stop: Request to stop.
        deadline: ``time.monotonic()`` of the deadline.
    """
    running = _Running(worker, worker.get_current_task(), stop, threading.get_ident(), deadline)
    with _running_lock:
        _running.add(running)
        if not _watcher or not _watcher[0].is_alive():
            _watcher[:] = [threading.Thread(target=_watch, daemon=True)]
            _watcher[0].start()
    try:
        yield
    finally:
        with _running_lock:
            _running.discard(running)


def _watch() -> None:
    interrupted: set[_Running] = set()
    while True:
        time.sleep(WATCH_SECONDS)
        with _running_lock:
            unwanted = {running for running in _running if not running.is_wanted()}
            late = {running for running in _running - interrupted if time.monotonic() > running.deadline}
            for running in unwanted:
                running.stop.request()
            for running in late:  # code that does not look at its time limit
                thread = ctypes.c_ulong(running.thread)
                ctypes.pythonapi.PyThreadState_SetAsyncExc(thread, ctypes.py_object(TrialTimeout))
            interrupted = (interrupted | late) & _running
            is_all = bool(unwanted) and unwanted == _running
        if is_all:
            kill_groups()
