"""Processes that train beside the driver, once trials are so short that Python is their limit.

Threads of one interpreter take turns in running Python. Where training takes a millisecond, and what surrounds it
three, two threads are hardly faster than one; a process of its own trains while the driver draws, stores and reports.
What it computes is the same, bit for bit.
"""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
import time
from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from multiprocessing import Pipe, parent_process
from multiprocessing.connection import Connection, wait
from typing import Any, Generic

from evonas.evaluation.base import Evaluator, Job
from evonas.evaluation.trial import Tagged
from evonas.space import G

#: Processes begin once a run is as old, in seconds, if its trials took less than SHORT on average: to start one takes
#: half a second.
FIRST_SECONDS, SHORT = 2.0, 0.02
#: Largest evaluator, with the samples, of which each process has a copy, in bytes.
MOST_BYTES = 2**26
#: Jobs under way in a process or thread: one that runs, and one that is next.
AHEAD = 2
#: Bytes that a pipe holds, where that can be chosen: jobs and results, so that neither side waits for the other.
PIPE_BYTES = 2**20

#: Variable of the environment in which a process finds the ``PYTHONPATH`` of the driver, if that has one.
OWN_PATH = "EVONAS_DRIVERS_PYTHONPATH"


class ProcessLost(Exception):
    """Raised if a process has ended, or cannot do a job.

    Attributes:
        jobs: Those that have no result.
        died: Whether the process has ended; else it could not read a job, or send its result.
    """

    def __init__(self, jobs: list[Job[Any]], *, died: bool) -> None:
        super().__init__("a process that trains was lost")
        self.jobs, self.died = jobs, died


@dataclass
class _Worker(Generic[G]):
    """A process and its pipes.

    Attributes:
        process: Runs :mod:`evonas.evaluation.worker`.
        orders: Evaluators and jobs are written to it.
        results: An answer to each is read from it.
        under_way: Jobs without a result, the first is that of the next.
    """

    process: subprocess.Popen[bytes]
    orders: Connection
    results: Connection
    under_way: deque[Job[G]] = field(default_factory=deque)

    @classmethod
    def start(cls) -> _Worker[G]:
        (theirs_in, orders), (results, theirs_out) = Pipe(duplex=False), Pipe(duplex=False)
        for pipe in (orders, theirs_out):
            _widen(pipe.fileno())
        own = {} if "PYTHONPATH" not in os.environ else {OWN_PATH: os.environ["PYTHONPATH"]}
        path = os.pathsep.join(place or os.getcwd() for place in sys.path)
        ends = theirs_in.fileno(), theirs_out.fileno()
        with theirs_in, theirs_out:
            process = subprocess.Popen(
                [sys.executable, "-P", "-m", "evonas.evaluation.worker", *map(str, ends)],
                env={**os.environ, **own, "PYTHONPATH": path}, stdin=subprocess.DEVNULL, pass_fds=ends,
                start_new_session=True,  # Ctrl-C is for the driver, which ends it
            )
        return cls(process, orders, results)

    def end(self) -> None:
        self.process.kill()  # first: a worker whose pipes are closed would end by itself, when its trial is over
        for pipe in (self.orders, self.results):
            pipe.close()
        self.process.wait()


class Processes(Generic[G]):
    """Processes of a run. They begin when trials turn out to be short, and end with the run.

    There are none on one core, and none within another process of a pool, as in cross-validation with several jobs.

    Args:
        n: Number of processes.
    """

    def __init__(self, n: int) -> None:
        self._n, self._began = n, time.monotonic()
        self._seconds, self._n_trials = 0.0, 0
        self._workers: list[_Worker[G]] = []
        self._evaluator: Evaluator[G] | None = None
        self._possible = bool(sys.executable) and os.name == "posix" and _n_cores() > 1 and parent_process() is None

    def close(self) -> None:
        """End all processes, and what they do."""
        workers, self._workers, self._possible = self._workers, [], False
        for worker in workers:
            worker.end()

    def note(self, seconds: float) -> None:
        """Note how long a trial took; start the processes if trials are short."""
        self._seconds, self._n_trials = self._seconds + seconds, self._n_trials + 1
        is_short = self._seconds < SHORT * self._n_trials
        if self._possible and not self._workers and is_short and time.monotonic() - self._began > FIRST_SECONDS:
            try:
                for _ in range(self._n):
                    self._workers.append(_Worker[G].start())
            except OSError:  # without other processes threads go on
                self.close()

    def take(self, evaluator: Evaluator[G]) -> bool:
        """Return whether all processes have started and have the evaluator; give it to them if it is another."""
        if not self._workers:
            return False
        if self._evaluator is None and not all(worker.results.poll() for worker in self._workers):
            return False
        if evaluator is not self._evaluator:
            try:
                for worker in self._workers if self._evaluator is None else ():
                    worker.results.recv_bytes()  # it has started
                content = pickle.dumps(evaluator, pickle.HIGHEST_PROTOCOL)
                if len(content) > MOST_BYTES:
                    raise pickle.PicklingError("it is too large")
                for worker in self._workers:
                    worker.orders.send_bytes(content)
                if not all(pickle.loads(worker.results.recv_bytes()) for worker in self._workers):
                    raise pickle.UnpicklingError("they cannot read it")
            except Exception:  # whatever cannot be sent, threads go on with
                self.close()
                return False
            self._evaluator = evaluator
        return True

    def run(self, jobs: Iterable[Job[G] | None], trial_timeout: float | None) -> Iterator[Tagged[G]]:
        """Evaluate jobs with the evaluator that was taken; each is asked for when a process is about to be free.

        Args:
            jobs: The jobs; None where one has to wait for another result.
            trial_timeout: Seconds a trial may take.

        Raises:
            ProcessLost: A process has ended, or cannot read a job. All are closed.
        """
        for job in jobs:
            if job is None:
                if any(worker.under_way for worker in self._workers):
                    yield self._next()
                continue
            while all(len(worker.under_way) >= AHEAD for worker in self._workers):
                yield self._next(job)
            worker = min(self._workers, key=lambda worker: len(worker.under_way))
            worker.under_way.append(job)
            try:
                worker.orders.send_bytes(pickle.dumps((job, trial_timeout), pickle.HIGHEST_PROTOCOL))
            except Exception as error:
                raise self._lost(died=isinstance(error, OSError)) from error
        while any(worker.under_way for worker in self._workers):
            yield self._next()

    def _next(self, *drawn: Job[G]) -> Tagged[G]:
        """The next result of any process; ``drawn`` are jobs that wait for it."""
        busy = {worker.results: worker for worker in self._workers if worker.under_way}
        worker = busy[wait(list(busy))[0]]  # type: ignore[index]
        try:
            answer: Tagged[G] | None = pickle.loads(worker.results.recv_bytes())
        except Exception as error:  # a pipe that has ended, or a class that only the process could import
            raise self._lost(*drawn, died=isinstance(error, OSError | EOFError)) from error
        if answer is None:
            raise self._lost(*drawn, died=False)
        worker.under_way.popleft()
        return answer

    def _lost(self, *drawn: Job[G], died: bool) -> ProcessLost:
        under_way = [job for worker in self._workers for job in worker.under_way]
        self.close()
        if died:  # others may start
            self._possible, self._evaluator = True, None
        return ProcessLost([*under_way, *drawn], died=died)


def _widen(end: int) -> None:
    """Let a pipe hold more, where the system allows it."""
    with suppress(ImportError, AttributeError, OSError):
        import fcntl

        fcntl.fcntl(end, fcntl.F_SETPIPE_SZ, PIPE_BYTES)


def _n_cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
