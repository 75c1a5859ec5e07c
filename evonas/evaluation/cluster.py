"""A Dask cluster as the place where trials run; the driver alone writes to the run.

The data travel once: large arrays of the evaluator, known by their digest, are tasks of their own, which a worker
computes or fetches from another before its first trial, and the scheduler computes again when all that had them have
died. Parents' weights travel with the trial. The driver gives every worker as many trials as it has threads, so that
what kills a worker is one of few; Dask runs the trials of a worker that died elsewhere, up to :data:`MOST_DEATHS`
times.

Dask unpickles what its scheduler and workers send each other: whoever can reach their address can run programs there
and here. A cluster that this program starts itself is for this run alone, by certificates that exist in memory only.
"""

from __future__ import annotations

import hashlib
import logging
import pickle
import re
import time
import uuid
import warnings
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from itertools import chain, repeat
from typing import Any

import cloudpickle
import dask
import numpy as np
from distributed import Client, Future, KilledWorker, LocalCluster, as_completed
from distributed.security import Security

from evonas.evaluation.base import Evaluator, Job
from evonas.evaluation.cluster_worker import Order, Refused, differences, evaluate_there, hold, versions
from evonas.evaluation.trial import GRACE_SECONDS, Tagged, failed, key_of
from evonas.space import G
from evonas.training import Stop
from evonas.types import UserError

#: Times that a trial runs again after its worker died.
MOST_DEATHS = 3
#: Seconds in which a scheduler must answer; between two looks at which workers there are; without any worker, after
#: which that is said, and after which the run ends.
ANSWER_SECONDS, LOOK_SECONDS, SAID_SECONDS, MOST_SECONDS = 15, 1.0, 20.0, 600.0
#: Arrays of fewer bytes travel with the evaluator.
LARGE = 2**20
#: Trials that take fewer seconds on average wait at their worker, one for each, so that it need not wait for them.
SHORT = 0.5
#: Errors of Dask, and of the network, when a scheduler cannot be reached, or no longer.
_UNREACHABLE = (OSError, TypeError, ValueError, RuntimeError)
LOCAL = re.compile(r"local:(\d+)")


@contextmanager
def connected(address: str) -> Iterator[Cluster]:
    """A cluster, which is left, or ended if it was started here, with the context.

    Args:
        address: ``"tcp://HOST:PORT"`` or ``"tls://HOST:PORT"`` of a scheduler, with the certificates that Dask is
            configured with; or ``"local:N"`` for N processes on this machine.

    Raises:
        UserError: There is no scheduler at the address, or its workers have other versions than this program.
    """
    local = LOCAL.fullmatch(address)
    quiet = {"distributed.admin.large-graph-warning-threshold": "1 TB"}  # data and weights are large, as they must be
    with ExitStack() as stack:
        stack.enter_context(dask.config.set(quiet))
        client = _local_client(int(local[1]), stack) if local else _client(address)
        cluster = Cluster(client, address)
        stack.callback(cluster.close)
        cluster.look()
        yield cluster


def _client(address: str) -> Client:
    try:
        return Client(address, timeout=ANSWER_SECONDS, set_as_default=False)
    except _UNREACHABLE as error:
        raise UserError(f"cluster: no scheduler answers at {address} ({_short(error)}): start one with `dask "
                        f"scheduler`, and `dask worker {address}` on each machine, or correct the address; tls:// "
                        f"needs the certificates of Dask's settings") from error


def _local_client(n_workers: int, stack: ExitStack) -> Client:
    """A client of processes on this machine, which end with the stack."""
    try:
        security = Security.temporary()
    except ImportError:
        raise UserError("cluster: a local cluster needs cryptography: pip install 'evonas[dask]'") from None
    try:
        cluster = stack.enter_context(LocalCluster(
            n_workers=n_workers, threads_per_worker=1, processes=True, host="127.0.0.1", dashboard_address=None,
            memory_limit=None, security=security, silence_logs=logging.ERROR,
            scheduler_kwargs={"allowed_failures": MOST_DEATHS}, preload=["evonas.evaluation.cluster_worker"],
        ))
    except _UNREACHABLE as error:
        raise UserError(f"cluster: local workers cannot start ({_short(error)}); a script begins its run under `if "
                        f"__name__ == \"__main__\":`, since they import it") from error
    return Client(cluster, set_as_default=False)


def _short(error: BaseException) -> str:
    return str(error).strip().partition("\n")[0][:200] or type(error).__name__


class Cluster:
    """Workers of Dask, see :class:`evonas.evaluation.executor.Place`.

    Args:
        client: Client of the scheduler.
        address: Its address, for messages.
    """

    def __init__(self, client: Client, address: str) -> None:
        self.client, self.address = client, address
        self.threads: dict[str, int] = {}
        self._refused: set[str] = set()
        self._looked, self._seen, self._said = -np.inf, time.monotonic(), False
        self._sent: _Sent | None = None

    @property
    def n_workers(self) -> int:
        """Threads of all workers."""
        return max(1, sum(self.threads.values()))

    def draws_beside(self, evaluator: Evaluator[G]) -> bool:
        """No: what takes long is to come first."""
        return False

    def can_wait(self, evaluator: Evaluator[G]) -> bool:
        """With any evaluator."""
        return True

    def run(
        self, evaluator: Evaluator[G], jobs: Iterable[Job[G] | None], stop: Stop, trial_timeout: float | None
    ) -> Iterator[Tagged[G]]:
        """Evaluate jobs, see :meth:`evonas.evaluation.executor.Place.run`.

        Args:
            evaluator: The evaluator.
            jobs: The jobs; None where one has to wait for another result.
            stop: Request to stop.
            trial_timeout: Seconds that a trial may take; None for no limit.

        Raises:
            UserError: The scheduler is gone, or there has been no worker for a long time.
        """
        if self._sent is None or self._sent.evaluator is not evaluator:
            self._sent = _send(self.client, evaluator, self._sent)
        with _Flow(self, self._sent, stop, trial_timeout) as flow:
            for job in chain(jobs, repeat(None)):
                if job is not None:
                    flow.submit(job)
                results: list[Tagged[G]] = []
                while flow.is_busy and not flow.is_over and (flow.is_full or (job is None and not results)):
                    results = flow.wait()
                    yield from results
                if flow.is_over or (job is None and not flow.is_busy):
                    return

    def look(self) -> None:
        """Look which workers there are, once a second.

        Raises:
            UserError: The scheduler is gone, there has been no worker for :data:`MOST_SECONDS`, or all there were at
                first have other versions than this program.
        """
        if time.monotonic() - self._looked < LOOK_SECONDS:
            return
        is_first = self._looked == -np.inf
        try:
            threads: dict[str, int] = dict(self.client.nthreads())
            self._refused |= self._differing([a for a in threads if a not in self.threads], only_warn=not is_first)
        except _UNREACHABLE as error:
            raise self.gone() from error
        self.threads = {address: n for address, n in threads.items() if address not in self._refused}
        self._looked = now = time.monotonic()
        if self.threads:
            self._seen, self._said = now, False
        elif now - self._seen > MOST_SECONDS:
            raise UserError(f"cluster: {self.address} has had no worker for {MOST_SECONDS / 60:.0f} minutes: start "
                            f"some, and resume the run")
        elif now - self._seen > SAID_SECONDS and not self._said:
            self._said = True
            warnings.warn(f"cluster: {self.address} has no worker: waiting for one", stacklevel=2)

    def _differing(self, addresses: list[str], *, only_warn: bool) -> set[str]:
        """Those of some new workers that have other versions than this program.

        Args:
            addresses: Addresses of the workers.
            only_warn: Warn of them, and go on with the others; else raise an error.
        """
        new = [address for address in addresses if address not in self._refused]
        if not new:
            return set()
        refused = set()
        for address, found in self.client.run(versions, workers=new, on_error="return").items():
            if isinstance(found, OSError):
                continue  # it has gone again
            is_error = isinstance(found, BaseException)
            if difference := f"no evonas ({_short(found)})" if is_error else differences(found, versions()):
                refused.add(address)
                self.refuse(address, difference, only_warn=only_warn)
        return refused

    def refuse(self, address: str, difference: str, *, only_warn: bool = True) -> None:
        """Leave a worker out that has other versions than this program.

        Args:
            address: Address of the worker.
            difference: Its versions.
            only_warn: Warn of it; else raise an error.

        Raises:
            UserError: Unless ``only_warn``.
        """
        sentence = (f"cluster: the worker {address} has {difference}, with which the same seed would not give the same "
                    f"run: give it the driver's versions")
        if not only_warn:
            raise UserError(sentence)
        if address not in self._refused:
            warnings.warn(f"{sentence}; it is left out", stacklevel=2)
        self._refused.add(address)
        self.threads.pop(address, None)

    def gone(self) -> UserError:
        """The error for a scheduler that does not answer any more."""
        return UserError(f"cluster: the scheduler {self.address} does not answer any more: what was evaluated is kept; "
                         f"go on with `evonas resume`, with or without a cluster")

    def close(self) -> None:
        """Cancel what runs, and leave the cluster."""
        self._sent = None
        with suppress(*_UNREACHABLE):
            self.client.close()


@dataclass(frozen=True)
class _Sent:
    """An evaluator on its way to workers.

    Attributes:
        evaluator: The evaluator.
        digest: Digest of its bytes.
        held: Tasks that hold its bytes, by the digest of each: first the evaluator, then its large arrays.
    """

    evaluator: Evaluator[Any]
    digest: str
    held: dict[str, Future]

    @property
    def is_lost(self) -> bool:
        """Whether the scheduler has dropped some of it."""
        return any(future.status in ("cancelled", "lost") for future in self.held.values())


def _send(client: Client, evaluator: Evaluator[G], before: _Sent | None) -> _Sent:
    """Make tasks that hold the bytes of an evaluator; those that an earlier one had, too, are its own.

    Args:
        client: Client of the scheduler.
        evaluator: The evaluator.
        before: The one before; None for none.

    Raises:
        UserError: It cannot be sent.
    """
    large: list[memoryview] = []

    def keep(buffer: pickle.PickleBuffer) -> bool:
        """Keep large arrays out of the stream; returns whether this one stays in it."""
        try:
            raw = buffer.raw()
        except BufferError:  # it is not contiguous
            return True
        if raw.nbytes < LARGE:
            return True
        large.append(raw)
        return False

    try:
        head = cloudpickle.dumps(evaluator, protocol=pickle.HIGHEST_PROTOCOL, buffer_callback=keep)
    except Exception as error:
        raise UserError(f"cluster: the evaluator cannot be sent to workers ({_short(error)}): leave the cluster "
                        f"out") from error
    data: dict[str, Any] = {_digest(head): head}
    data |= {_digest(raw): np.frombuffer(raw, np.uint8) for raw in large}
    known = {} if before is None else before.held
    held = {
        digest: known[digest] if digest in known else client.submit(hold, bytes_, key=f"evonas-data-{digest}")
        for digest, bytes_ in data.items()
    }
    return _Sent(evaluator, _digest("".join(data).encode()), held)


def _digest(data: bytes | memoryview) -> str:
    return hashlib.blake2b(data, digest_size=16).hexdigest()


@dataclass
class _UnderWay:
    """A trial on its way.

    Attributes:
        job: The job.
        worker: Worker that it was given to.
        n_lost: Times that it came back without a result.
    """

    job: Job[Any]
    worker: str | None
    n_lost: int = 0


class _Flow:
    """Trials that are evaluated by a cluster; as a context manager it cancels what is left at its end.

    Args:
        cluster: The cluster.
        sent: The evaluator.
        stop: Its deadline is that of the run.
        trial_timeout: Seconds that a trial may take; None for no limit.
    """

    def __init__(self, cluster: Cluster, sent: _Sent, stop: Stop, trial_timeout: float | None) -> None:
        self._cluster, self._sent, self._stop, self._trial_timeout = cluster, sent, stop, trial_timeout
        self._ended = as_completed(loop=cluster.client.loop, with_results=True, raise_errors=False)
        self._under_way: dict[Future, _UnderWay] = {}
        self._loads: Counter[str | None] = Counter()
        self._seconds = 0.0  # a moving mean

    def __enter__(self) -> _Flow:
        return self

    def __exit__(self, *exception: object) -> None:
        if self._under_way:
            with suppress(*_UNREACHABLE):
                self._cluster.client.cancel(list(self._under_way))
            self._under_way.clear()

    @property
    def is_busy(self) -> bool:
        """Whether trials are under way."""
        return bool(self._under_way)

    @property
    def is_full(self) -> bool:
        """Whether all workers have as many trials as they need."""
        threads = self._cluster.threads
        ahead = len(threads) if 0 < self._seconds < SHORT else 0
        return len(self._under_way) >= sum(threads.values()) + ahead

    def submit(self, job: Job[G]) -> None:
        """Give a job to the worker that has the fewest for its threads."""
        self._give(_UnderWay(job, None))

    def _give(self, trial: _UnderWay) -> None:
        threads, client = self._cluster.threads, self._cluster.client
        trial.worker = min(threads, key=lambda address: self._loads[address] / threads[address], default=None)
        seconds = self._stop.deadline - time.monotonic()
        job = trial.job
        content = cloudpickle.dumps((job.trial, job.seed, job.start), protocol=pickle.HIGHEST_PROTOCOL)
        order = Order(content, self._sent.digest, seconds, self._trial_timeout, versions())
        somewhere = {} if trial.worker is None else {"workers": [trial.worker], "allow_other_workers": True}
        future = client.submit(
            evaluate_there, order, *self._sent.held.values(), key=f"evonas-trial-{uuid.uuid4().hex}", pure=False,
            **somewhere,
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
            if isinstance(error, KilledWorker):
                text = f"{MOST_DEATHS + 1} worker processes died with it, as they do when memory runs out"
            else:
                text = f"it cannot travel to a worker or back: {type(error).__name__}: {_short(error)}"
            return key, failed(trial.job.trial, text, 0.0)
        if isinstance(answer, Refused):
            self._cluster.refuse(answer.address, answer.difference)
        elif self._cluster.client.status != "running" or self._sent.is_lost:
            raise self._cluster.gone()
        trial.n_lost += 1
        if trial.n_lost > MOST_DEATHS:
            return key, failed(trial.job.trial, "the cluster has dropped it several times", 0.0)
        self._give(trial)
        return None
