"""A Dask cluster as the place where trials run; the driver alone writes to the run.

The data travel once: large arrays of the evaluator, known by their digest, are tasks of their own, which a worker
computes or fetches from another before its first trial, and the scheduler computes again when all that had them have
died. Processes on this machine map them from a file, so that memory has them once. Parents' weights travel with the
trial. The driver gives every worker as many trials as it has threads, so that what kills a worker is one of few; Dask
runs the trials of a worker that died elsewhere, up to three times; then each of them runs alone.

Dask unpickles what its scheduler and workers send each other: every program that reaches their address can run
programs there and here. A cluster that this program starts itself is for this run alone, by certificates that exist in
memory only.
"""

from __future__ import annotations

import logging
import time
import warnings
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from itertools import chain, repeat
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import dask
import numpy as np
from distributed import Client, LocalCluster
from distributed.security import Security

from evonas.evaluation.base import Evaluator, Job
from evonas.evaluation.cluster.data import Sent, send, short
from evonas.evaluation.cluster.flow import LOOK_SECONDS, MOST_DEATHS, UNREACHABLE, Flow
from evonas.evaluation.cluster.worker import differences, versions
from evonas.evaluation.trial import Tagged
from evonas.space import G
from evonas.training import Stop
from evonas.types import LOCAL_CLUSTER, UserError

#: Seconds in which a scheduler must answer; without any worker, after which that is said, and after which the run ends.
ANSWER_SECONDS, SAID_SECONDS, MOST_SECONDS = 15, 20.0, 600.0


@contextmanager
def connected(address: str) -> Iterator[Cluster]:
    """A cluster, which is left, or ended if it was started here, with the context.

    Args:
        address: ``"tcp://HOST:PORT"`` or ``"tls://HOST:PORT"`` of a scheduler, with the certificates that Dask is
            configured with; or ``"local:N"`` for N processes on this machine.

    Raises:
        UserError: There is no scheduler at the address, or its workers have other versions than this program.
    """
    local = LOCAL_CLUSTER.fullmatch(address)
    settings: dict[str, Any] = {"distributed.admin.large-graph-warning-threshold": "1 TB"}  # weights may be large
    if local:  # it shows its state to no other program
        settings |= {f"distributed.{role}.http.routes": [] for role in ("scheduler", "worker")}
    with ExitStack() as stack:
        stack.enter_context(dask.config.set(settings))
        client = _local_client(int(local[1]), stack) if local else _client(address)
        folder = Path(stack.enter_context(TemporaryDirectory(prefix="evonas-"))) if local else None
        cluster = Cluster(client, address, folder)
        stack.callback(cluster.close)
        cluster.look()
        yield cluster


def _client(address: str) -> Client:
    try:
        return Client(address, timeout=ANSWER_SECONDS, set_as_default=False)
    except (*UNREACHABLE, TypeError, ValueError, RuntimeError) as error:
        # Client() raises TypeError for tls:// without certificates, ValueError for an address that it cannot read, and
        # RuntimeError for tcp:// where Dask's settings require encryption
        raise UserError(f"cluster: no scheduler answers at {address} ({short(error)}): start one with `dask "
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
            n_workers=n_workers, threads_per_worker=1, processes=True, host="127.0.0.1", memory_limit=None,
            security=security, silence_logs=logging.ERROR, preload=["evonas.evaluation.cluster.worker"],
            scheduler_kwargs={"allowed_failures": MOST_DEATHS, "dashboard": False, "dashboard_address": "127.0.0.1:0"},
        ))
    except (*UNREACHABLE, RuntimeError) as error:  # LocalCluster() raises the latter where a process ends as it begins
        raise UserError(f"cluster: local workers cannot start ({short(error)}); a script begins its run under `if "
                        f"__name__ == \"__main__\":`, since they import it") from error
    return Client(cluster, set_as_default=False)


class Cluster:
    """Workers of Dask, see :class:`evonas.evaluation.executor.Place`.

    Args:
        client: Client of the scheduler.
        address: Its address, for messages.
        folder: Folder that all workers see, for large arrays; None where they are on other machines.
    """

    def __init__(self, client: Client, address: str, folder: Path | None = None) -> None:
        self.client, self.address, self._folder = client, address, folder
        self.threads: dict[str, int] = {}
        self._refused: set[str] = set()
        self._looked, self._said = -np.inf, False
        self._empty_since: float | None = None  # the first look that found no worker
        self._sent: Sent | None = None

    @property
    def has_refused(self) -> bool:
        """Whether a worker has been left out, since it has other versions."""
        return bool(self._refused)

    @property
    def n_workers(self) -> int:
        """Threads of all workers."""
        return max(1, sum(self.threads.values()))

    def draws_beside(self, evaluator: Evaluator[G]) -> bool:
        """Return False: what takes long is to come first."""
        return False

    def can_wait(self, evaluator: Evaluator[G]) -> bool:
        """Return True: a worker takes one job of any evaluator at a time."""
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
            self._sent = send(self.client, evaluator, self._sent, self._folder)
        with Flow(self, self._sent, stop, trial_timeout) as flow:
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
        threads = self._asked(self.client.nthreads)
        # local workers are of this program; asking one that has just died would take half a minute
        known = threads.keys() if self._folder is not None else self.threads.keys() | self._refused
        new = [address for address in threads if address not in known]
        answers = self._asked(lambda: self.client.run(versions, workers=new, on_error="return")) if new else {}
        for address, found in answers.items():
            is_error = isinstance(found, BaseException)
            difference = f"no evonas ({short(found)})" if is_error else differences(found, versions())
            if difference and not isinstance(found, OSError):  # such a one has gone again
                self.refuse(address, difference, only_warn=not is_first)
        self.threads = {address: n for address, n in threads.items() if address not in self._refused}
        self._looked = now = time.monotonic()
        if self.threads:
            self._empty_since, self._said = None, False
        elif self._empty_since is None:
            self._empty_since = now
        elif now - self._empty_since > MOST_SECONDS:
            raise UserError(f"cluster: {self.address} has had no worker for {MOST_SECONDS / 60:.0f} minutes: start "
                            f"some, and resume the run")
        elif now - self._empty_since > SAID_SECONDS and not self._said:
            self._said = True
            warnings.warn(f"cluster: {self.address} has no worker: waiting for one", stacklevel=2)

    def _asked(self, ask: Callable[[], dict[str, Any]]) -> dict[str, Any]:
        """The answer of the scheduler, by the addresses of workers."""
        try:
            return dict(ask())
        except UNREACHABLE as error:
            raise self.gone() from error
        except (AttributeError, RuntimeError) as error:
            # Client.nthreads() and Client.run() raise the former once the client is closed, since its ``scheduler`` is
            # None then, and the latter once its loop or its connections have ended
            if self.client.status == "running":
                raise
            raise self.gone() from error

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
        with suppress(*UNREACHABLE, RuntimeError):  # Client.close() raises the latter once its loop has ended
            self.client.close()
