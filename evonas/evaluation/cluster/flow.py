"""The flow of trials to the workers of a cluster, and of their results back."""

from __future__ import annotations

import pickle
import time
import uuid
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Protocol

import cloudpickle
from distributed import Client, Future, KilledWorker, as_completed
from distributed.client import ClosedClientError

from evonas.evaluation.base import Job
from evonas.evaluation.cluster.data import Sent, short
from evonas.evaluation.cluster.worker import Order, Refused, evaluate_there, versions
from evonas.evaluation.trial import GRACE_SECONDS, Tagged, failed, key_of
from evonas.space import G
from evonas.training import Stop
from evonas.training.device import name_now
from evonas.types import UserError

#: Times that a trial runs again after its worker died.
MOST_DEATHS = 3
#: Seconds between two looks at which workers there are.
LOOK_SECONDS = 1.0
#: Trials that take fewer seconds on average wait at their worker, one for each, so that it need not wait for them.
SHORT = 0.5
#: Errors of the network when a scheduler cannot be reached, or no longer; Dask's CommClosedError is an OSError.
UNREACHABLE = (OSError, ClosedClientError)


class Workers(Protocol):
    """The workers of a cluster, see :class:`evonas.evaluation.cluster.place.Cluster`."""

    client: Client
    #: Threads of each worker, by its address.
    threads: dict[str, int]

    @property
    def has_refused(self) -> bool:
        """Whether a worker has been left out."""
        ...

    def look(self) -> None:
        """Look which workers there are, once a second."""
        ...

    def refuse(self, address: str, difference: str) -> None:
        """Leave a worker out that has other versions than this program."""
        ...

    def gone(self) -> UserError:
        """The error for a scheduler that does not answer any more."""
        ...


@dataclass
class _UnderWay:
    """A trial on its way.

    Attributes:
        job: The job.
        worker: Worker that it was given to.
        n_lost: Times that it came back without a result; refusals do not count.
        is_alone: Whether nothing else runs beside it, since workers have died that had it: the fault may be another's.
        only: Workers that alone may take it; empty where all may.
    """

    job: Job[Any]
    worker: str | None
    n_lost: int = 0
    is_alone: bool = False
    only: tuple[str, ...] = ()


class Flow:
    """Trials that are evaluated by a cluster; as a context manager it cancels what is left at its end.

    Args:
        cluster: The cluster.
        sent: The evaluator.
        stop: Its deadline is that of the run.
        trial_timeout: Seconds that a trial may take; None for no limit.
    """

    def __init__(self, cluster: Workers, sent: Sent, stop: Stop, trial_timeout: float | None) -> None:
        self._cluster, self._sent, self._stop, self._trial_timeout = cluster, sent, stop, trial_timeout
        self._ended = as_completed(loop=cluster.client.loop, with_results=True, raise_errors=False)
        self._under_way: dict[Future, _UnderWay] = {}
        self._suspects: list[_UnderWay] = []  # each runs alone once nothing else does
        self._waiting: list[_UnderWay] = []  # until there is a worker
        self._loads: Counter[str | None] = Counter()
        self._seconds = 0.0  # a moving mean

    def __enter__(self) -> Flow:
        return self

    def __exit__(self, *exception: object) -> None:
        if self._under_way:
            with suppress(*UNREACHABLE, RuntimeError):  # Client.sync raises the latter once its loop has ended
                self._cluster.client.cancel(list(self._under_way))
            self._under_way.clear()

    @property
    def is_busy(self) -> bool:
        """Whether trials are under way."""
        return bool(self._under_way or self._suspects or self._waiting)

    @property
    def is_full(self) -> bool:
        """Whether all workers have as many trials as they need, or one trial has to run alone."""
        if self._suspects or self._waiting or any(trial.is_alone for trial in self._under_way.values()):
            return True
        threads = self._cluster.threads
        ahead = len(threads) if 0 < self._seconds < SHORT else 0
        return len(self._under_way) >= sum(threads.values()) + ahead

    def submit(self, job: Job[G]) -> None:
        """Give a job to the worker that has the fewest for its threads, as soon as there is one."""
        self._give(_UnderWay(job, None))

    def _give(self, trial: _UnderWay) -> None:
        threads, client = self._cluster.threads, self._cluster.client
        if not threads:
            self._waiting.append(trial)
            return
        trial.worker = min(threads, key=lambda address: self._loads[address] / threads[address])
        trial.only = tuple(threads) if self._cluster.has_refused else ()  # Dask would give it to any, or let any steal
        seconds = self._stop.deadline - time.monotonic()
        job = trial.job
        content = cloudpickle.dumps((job.trial, job.seed, job.start), protocol=pickle.HIGHEST_PROTOCOL)
        order = Order(content, self._sent.digest, seconds, self._trial_timeout, versions(), name_now())
        future = client.submit(
            evaluate_there, order, *self._sent.held.values(), key=f"evonas-trial-{uuid.uuid4().hex}", pure=False,
            workers=list(trial.only) or [trial.worker], allow_other_workers=not trial.only,
        )
        self._loads[trial.worker] += 1
        self._under_way[future] = trial
        self._ended.add(future)

    @property
    def is_over(self) -> bool:
        """Whether the time of the run is up."""
        return bool(self._stop.flag[0]) or time.monotonic() > self._stop.deadline + GRACE_SECONDS

    def wait(self) -> list[Tagged[Any]]:
        """Results that have come; waits a second for one.

        Raises:
            UserError: See :meth:`Cluster.look`.
        """
        self._cluster.look()
        self._give_again()
        with self._ended.thread_condition:
            if not self._ended.has_ready():
                left = self._stop.deadline + GRACE_SECONDS - time.monotonic()
                self._ended.thread_condition.wait(min(LOOK_SECONDS, max(0.0, left)))
        results = []
        for future, answer in self._ended.next_batch(block=False):
            trial = self._under_way.pop(future)
            self._loads[trial.worker] -= 1
            if (result := self._result(future, answer, trial)) is not None:
                results.append(result)
        return results

    def _give_again(self) -> None:
        """Give trials that waited for a worker; take back those that only workers may have that have all gone."""
        threads = self._cluster.threads
        if threads and self._waiting:
            waiting, self._waiting = self._waiting, []
            for trial in waiting:
                self._give(trial)
        elif threads and self._suspects and not self._under_way:
            self._give(self._suspects.pop())
        stranded = [
            future for future, trial in self._under_way.items() if trial.only and threads.keys().isdisjoint(trial.only)
        ]
        if stranded:
            self._cluster.client.cancel(stranded)  # each comes back as one that was lost
            for future in stranded:
                self._under_way[future].only = ()

    def _result(self, future: Future, answer: Any, trial: _UnderWay) -> Tagged[Any] | None:
        """The result of a trial; None if it has to run again.

        Args:
            future: Its future.
            answer: The answer of a worker, or an error.
            trial: The trial.
        """
        key = key_of(trial.job.trial)
        if future.status == "finished" and not isinstance(answer, Refused):
            evaluation = answer[1]
            if evaluation is not None:
                self._seconds = 0.8 * self._seconds + 0.2 * evaluation.seconds if self._seconds else evaluation.seconds
            return key, evaluation
        if future.status == "error":
            error = answer[1] if isinstance(answer, tuple) else answer
            if isinstance(error, KilledWorker) and not trial.is_alone:
                trial.is_alone = True
                self._suspects.append(trial)
                return None
            if isinstance(error, KilledWorker):
                text = f"{MOST_DEATHS + 1} worker processes died with it, as they do when memory runs out"
            else:
                text = f"it cannot travel to a worker or back: {type(error).__name__}: {short(error)}"
            return key, failed(trial.job.trial, text, 0.0)
        if isinstance(answer, Refused):
            self._cluster.refuse(answer.address, answer.difference)
            self._give(trial)
            return None
        if self._cluster.client.status != "running" or self._sent.is_lost:
            raise self._cluster.gone()
        trial.n_lost += 1
        if trial.n_lost > MOST_DEATHS:
            return key, failed(trial.job.trial, "the cluster has dropped it several times", 0.0)
        self._give(trial)
        return None
