"""Timing: its statistics, and the lock and the core for it."""

from __future__ import annotations

import os
import platform
import shlex
import sys
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

import numpy as np
from filelock import FileLock, Timeout

from evonas.runtimes.folders import private_folder
from evonas.training import Stop
from evonas.types import Doubles

#: Number of blocks of a timing, seconds of a block (long enough for a clock of a microsecond), and number of samples
#: that are used in turn.
N_BLOCKS, BLOCK_SECONDS, TIMED_SAMPLES = 31, 2e-3, 64
#: Seconds between two checks whether the wait for another timing should end; characters shown of its command.
WAIT_SECONDS, MOST_NAMED = 0.2, 200


class Timing(NamedTuple):
    """Time of one sample on one core.

    Attributes:
        seconds: Median over blocks of runs.
        spread: Interquartile range over the median.
    """

    seconds: float
    spread: float


def summary(seconds: Sequence[float] | Doubles) -> Timing:
    """The timing from the mean seconds of each block."""
    low, middle, high = np.quantile(seconds, [0.25, 0.5, 0.75]).tolist()
    return Timing(middle, (high - low) / max(middle, 1e-12))


def runs_of_block(rough: Sequence[float] | Doubles) -> int:
    """Number of runs that a block of a timing takes, from a few rough times of one run in seconds."""
    return max(1, round(BLOCK_SECONDS / max(float(np.median(rough)), 1e-9)))


def time_runs(run: Callable[[int], object], n_samples: int) -> Timing:
    """CPU time of a run in this process, pinned to one core if the system supports it.

    Args:
        run: Runs the sample of a number, from 0.
        n_samples: Number of samples, which are used in turn.
    """
    with ThreadPoolExecutor(1) as pool:  # a separate thread, so that the affinity ends with it
        return pool.submit(_time_pinned, run, n_samples).result()


def _time_pinned(run: Callable[[int], object], n_samples: int) -> Timing:
    core = timed_core()
    if core is not None:
        os.sched_setaffinity(0, {core})

    def block(n_runs: int) -> float:
        begin = time.thread_time()
        for i in range(n_runs):
            run(i % n_samples)
        return (time.thread_time() - begin) / n_runs

    n_runs = runs_of_block([block(20) for _ in range(5)])  # also the warm-up
    return summary([block(n_runs) for _ in range(N_BLOCKS)])


def machine() -> str:
    """Description of this machine as far as times depend on it: its processor and system."""
    processor = platform.processor()
    with suppress(OSError):  # Linux
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines():
            if line.startswith(("model name", "Model")):
                processor = line.partition(":")[2].strip()
                break
    parts = (processor, platform.machine(), platform.system())
    return ", ".join(part for part in dict.fromkeys(parts) if part)


@contextmanager
def alone(stop: Stop | None = None) -> Iterator[None]:
    """Lock that permits one timing of a user at a time on this machine, across runs.

    If it has to wait, a warning names the process that holds it.

    Args:
        stop: Ends the wait.

    Raises:
        UserError: There is no folder for the lock that belongs to the user.
        Cancelled, TrialTimeout: ``stop`` asked for it.
    """
    folder = private_folder()
    lock, holder = FileLock(folder / "timing.lock"), folder / "holder"
    try:
        lock.acquire(timeout=0)
    except Timeout:
        warnings.warn(f"waiting for another timing on this machine to end: {_read(holder)}", stacklevel=3)
        _acquire(lock, stop or Stop())
    try:
        with suppress(OSError):
            holder.write_text(f"process {os.getpid()}, {shlex.join(sys.argv)[:MOST_NAMED]}")
        yield
    finally:
        lock.release()


def _acquire(lock: FileLock, stop: Stop) -> None:
    while True:
        stop.check()
        with suppress(Timeout):
            lock.acquire(timeout=WAIT_SECONDS)
            return


def _read(holder: Path) -> str:
    try:
        return holder.read_text(errors="replace")
    except OSError:
        return "it has not said what it is"


def timed_core() -> int | None:
    """The core that is timed: the last that this process may use; None if the system cannot pin."""
    return max(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else None
