"""Group commit: consecutive evaluations are stored by one transaction and one sync."""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic

from evonas.individual import Evaluation, Individual
from evonas.space import G
from evonas.store.run import IndividualRow, RunStore, Unstored

#: Seconds of training that may be lost: little compared to a run, much compared to the milliseconds of a sync.
MOST_SECONDS = 1.0
#: Largest size of the weights that wait in memory, in bytes.
MOST_BYTES = 2**24


class Group(Generic[G]):
    """Evaluations that wait to be stored: those of a generation, or of a second of training if that is shorter.

    As a context manager it stores the waiting evaluations at its end, also after an exception such as Ctrl-C.

    Args:
        store: The run, open for writing.
        report: Called for each evaluation once it is stored, in order of completion.
    """

    def __init__(self, store: RunStore[G], report: Callable[[Evaluation[G]], None] = lambda evaluation: None) -> None:
        self._store, self._report = store, report
        self._waiting: list[Unstored[G]] = []
        self._individuals: list[IndividualRow] = []
        self._seconds, self._n_bytes = 0.0, 0

    def __enter__(self) -> Group[G]:
        return self

    def __exit__(self, *exception: object) -> None:
        self.store()

    def add_individual(self, individual: Individual[G]) -> None:
        """Add an individual, to be stored with the next evaluations."""
        self._individuals.append(self._store.packed_individual(individual))

    def add(self, evaluation: Evaluation[G], *, elapsed: float) -> None:
        """Add an evaluation, and store the group if it is large enough.

        Args:
            evaluation: The completed evaluation.
            elapsed: Seconds into the run at which it ended.

        Raises:
            StoreError: See :meth:`RunStore.add_evaluations`.
        """
        unstored = self._store.packed(evaluation, elapsed=elapsed)
        self._waiting.append(unstored)
        self._seconds += unstored.evaluation.seconds
        self._n_bytes += len(unstored.blob or b"")
        if self._seconds >= MOST_SECONDS or self._n_bytes >= MOST_BYTES:
            self.store()

    def store(self, *, individuals: bool = False) -> None:
        """Store the waiting evaluations, then report them.

        Args:
            individuals: Also store individuals if no evaluation waits.

        Raises:
            StoreError: See :meth:`RunStore.add_evaluations`; none is reported.
        """
        waiting, self._waiting = self._waiting, []
        self._seconds, self._n_bytes = 0.0, 0
        if waiting or individuals:
            rows, self._individuals = self._individuals, []
            self._store.add_evaluations(waiting, rows)
        for unstored in waiting:
            self._report(unstored.evaluation)
