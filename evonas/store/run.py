"""An open run: one SQLite database (WAL; one writer, the driver), which holds all but what is large.

What is durable when:

- :meth:`RunStore.add_evaluations` stores a group of evaluations with their weights in one transaction, and syncs once.
  When it returns, they survive a power cut; :class:`evonas.store.group.Group` says how large a group is, and reports
  no evaluation before. A kill or a power cut at any moment loses whole groups that were not reported, and nothing else:
  SQLite's log has a checksum for every page, and what follows the last whole transaction is cut off when it is opened.
- Individuals come with the first group of which they are a part, or before it; they and the searcher's state are not
  synced by themselves, and after a power cut may lack what came after the last group. The searcher draws the same
  individuals again, and is told the same evaluations.
- Weights of more than :data:`LARGE` bytes have a file each, written whole and synced before the row that names its
  digest: a value of SQLite is written twice, and is bounded. So have the weights of retrainings, of which there are
  few.
- A run of an earlier format becomes one of the present format when it is opened for writing, by one transaction: see
  :mod:`evonas.store.upgrade`.

Readers may look while the run goes on. No path is taken from the database, and none leaves the directory.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Generic, NamedTuple, TypeAlias

from filelock import FileLock, Timeout

from evonas.individual import Evaluation, Individual
from evonas.serialization.arrays import pack
from evonas.space import G, SearchSpace
from evonas.store import rows, upgrade
from evonas.store.directory import (
    FORMAT,
    LOCK,
    MEASUREMENTS,
    SOURCES,
    StoreError,
    digest_of_blob,
    of_another,
    read_info,
    sqlite_errors,
    to_blob,
    write_blob,
    write_weights,
)
from evonas.store.reading import RunReader
from evonas.store.records import Retraining, TeacherSource
from evonas.types import Floats, Goal, Json, Metrics, Weights

#: Size in bytes above which weights have a file of their own.
LARGE = 2**20


#: Columns id, generation, operator, parents, digest and genotype.
IndividualRow: TypeAlias = tuple[int, int, str, str, str, bytes]


class Unstored(NamedTuple, Generic[G]):
    """An evaluation that ended, ready to be stored.

    Attributes:
        evaluation: The evaluation as it is read later, without weights.
        row: The row of the table of evaluations.
        blob: Its weights, None where it has none.
    """

    evaluation: Evaluation[G]
    row: tuple[Any, ...]
    blob: bytes | None


class RunStore(RunReader[G]):
    """A run that is open for reading and, with ``writing``, for writing.

    Args:
        directory: A run made by :func:`create`.
        space: The run's search space.
        writing: Whether to take the run's lock; a second driver is refused.
        measured: Metrics that every successful evaluation must have: the run's objectives.

    Raises:
        StoreError: The directory is not a run, is damaged, or another driver writes to it.
    """

    def __init__(
        self, directory: Path, space: SearchSpace[G], *, writing: bool = False, measured: Set[str] = frozenset()
    ) -> None:
        info = read_info(directory)
        self._lock = FileLock(directory / LOCK)
        if writing:
            self._acquire(directory)
        try:
            super().__init__(directory, space, info, measured=measured)
            with sqlite_errors(directory):
                if writing and (state := self._db.execute("PRAGMA quick_check(1)").fetchone()[0]) != "ok":
                    raise sqlite3.DatabaseError(state.splitlines()[-1])
            if writing and self.info.format < FORMAT:
                with self._transaction():
                    upgrade.convert(self._db)
                self.info, self._is_old = self.info._replace(format=FORMAT), False
        except BaseException:
            self._lock.release()
            raise

    def close(self) -> None:
        """Release the database and the lock."""
        self._db.close()
        self._lock.release()

    def __enter__(self) -> RunStore[G]:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def _acquire(self, directory: Path) -> None:
        try:
            self._lock.acquire(timeout=0)
        except Timeout:
            message = "is being written by another process: wait for it, or stop it and resume"
            raise StoreError(f"{directory} {message}") from None
        except OSError as error:
            raise StoreError(f"cannot write to {directory}: {error.strerror}") from None

    @contextmanager
    def _transaction(self, *, synced: bool = True) -> Iterator[None]:
        """Statements in this context are stored as a whole or not at all.

        Args:
            synced: It survives a power cut, and all that was written before it; else it does after the next that is.
        """
        with sqlite_errors(self.directory):
            if not synced:
                self._db.execute("PRAGMA synchronous=NORMAL")
            try:
                with self._db:
                    yield
            finally:
                if not synced:
                    self._db.execute("PRAGMA synchronous=FULL")

    def set_config(self, config: Json) -> None:
        """Replace the configuration, for a resumed run with changed settings."""
        with self._transaction():
            self._db.execute("UPDATE meta SET value = ? WHERE key = 'config'", (json.dumps(config),))

    def claim(self, *, searcher: str, evaluator: str, goals: Mapping[str, Goal]) -> None:
        """Record the searcher, the evaluator and the goals of metrics.

        They are recorded once: a change would mix two searches.

        Args:
            searcher, evaluator: Names that identify them.
            goals: Whether metrics are minimised or maximised.

        Raises:
            StoreError: The run was searched by another searcher or evaluator, or for the opposite of a metric.
        """
        if self.info.searcher not in (None, searcher):
            raise of_another(self.directory, f"searched by {self.info.searcher}", searcher)
        if self.info.evaluator not in (None, evaluator):
            raise of_another(self.directory, f"evaluated by {self.info.evaluator}", evaluator)
        self.declare(goals)
        self._set_meta({"searcher": searcher, "evaluator": evaluator})
        self.info = self.info._replace(searcher=searcher, evaluator=evaluator)

    def declare(self, goals: Mapping[str, Goal]) -> None:
        """Record whether metrics are minimised or maximised.

        Raises:
            StoreError: A goal is unknown, or the opposite of the recorded one.
        """
        for name, goal in goals.items():
            if goal not in ("min", "max"):
                raise StoreError(f"the goal of the metric {name!r} must be 'min' or 'max', got {goal!r}")
            if self.info.goals.get(name, goal) != goal:
                known = self.info.goals[name]
                raise StoreError(f"{self.directory} was searched for the {known}imum of {name}, not for its "
                                 f"{goal}imum: go on with that, or begin another run")
        self.info = self.info._replace(goals={**self.info.goals, **goals})
        self._set_meta({"goals": self.info.goals})

    def _set_meta(self, documents: Mapping[str, Json]) -> None:
        items = [(key, json.dumps(document)) for key, document in documents.items()]
        with self._transaction():
            self._db.executemany("INSERT OR REPLACE INTO meta VALUES (?, ?)", items)

    def add_teacher(self, run: str, ids: Sequence[int], outputs: Floats) -> None:
        """Keep the outputs of a teacher, before anything is trained.

        Args:
            run: The teacher's run.
            ids: Ids of the individuals that are averaged.
            outputs: Outputs for the training samples, ``(n_train, n_outputs)``.
        """
        source = TeacherSource(run, tuple(ids), write_weights(self._teacher_path, {"outputs": outputs}))
        with self._transaction():
            self._db.execute("INSERT INTO meta VALUES ('teacher', ?)", (json.dumps(source),))

    def add_individuals(self, individuals: Iterable[Individual[G]]) -> None:
        """Store individuals; existing ones are left as they are, because a resumed run adds them again."""
        found = [self.packed_individual(individual) for individual in individuals]
        with self._transaction(synced=False):
            self._insert_individuals(found)

    def packed_individual(self, individual: Individual[G]) -> IndividualRow:
        """A row of the table of individuals, for :meth:`add_evaluations`."""
        i = individual
        return i.id, i.generation, i.operator, json.dumps(i.parents), i.genotype.digest, self._pack(i.genotype)

    def _insert_individuals(self, found: Sequence[IndividualRow]) -> None:
        self._db.executemany("INSERT OR IGNORE INTO individuals VALUES (?, ?, ?, ?, ?, ?)", found)

    def add_evaluation(self, evaluation: Evaluation[G], *, elapsed: float) -> None:
        """Store one evaluation.

        Args:
            evaluation: The completed evaluation.
            elapsed: Seconds into the run at which it ended.

        Raises:
            StoreError: See :meth:`add_evaluations`.
        """
        self.add_evaluations([self.packed(evaluation, elapsed=elapsed)])

    def packed(self, evaluation: Evaluation[G], *, elapsed: float) -> Unstored[G]:
        """Rows and bytes for :meth:`add_evaluations`; to make them takes most of the time of storing.

        Args:
            evaluation: The evaluation, with its weights if it has any.
            elapsed: Seconds into the run at which it ended; 0 for one that the run begins with.

        Raises:
            ValueError: The evaluation is one of a replicate. A run has one evaluation of an individual and budget;
                replicates are among its retrainings.
        """
        e = evaluation
        if e.replicate:
            raise ValueError(f"expected the evaluation of a search, got the replicate {e.replicate} of individual "
                             f"{e.id}: store it by add_retraining")
        blob = None if e.weights is None else to_blob(e.weights)
        genotype = None if e.genotype is None else self._pack(e.genotype)
        columns = e.status, json.dumps(dict(e.metrics)), e.seconds, e.error
        row = (*e.key, *columns[:3], elapsed, e.error, genotype, None if blob is None else digest_of_blob(blob))
        return Unstored(self._parsed(*e.key, (*columns, *(e.origin or (None, None))), e.genotype), row, blob)

    def add_evaluations(self, unstored: Sequence[Unstored[G]], individuals: Sequence[IndividualRow] = ()) -> None:
        """Store evaluations with their weights: all of them, durable on return, or none.

        Args:
            unstored: Results of :meth:`packed`.
            individuals: Results of :meth:`packed_individual` for individuals that are to be stored with them.

        Raises:
            StoreError: They cannot be written, as on a full disk.
        """
        weighed = []
        for evaluation, _, blob in unstored:
            if blob is not None and len(blob) > LARGE:
                write_blob(self._weights_path(*evaluation.key), blob)  # before the row that names it
            elif blob is not None:
                weighed.append((*evaluation.key, blob))
        came = [(*e.key, *e.origin) for e, _, _ in unstored if e.origin is not None]
        with self._transaction():
            self._insert_individuals(individuals)
            self._db.executemany("INSERT INTO origins VALUES (?, ?, ?, ?)", came)
            self._db.executemany("INSERT INTO weights VALUES (?, ?, ?)", weighed)
            self._db.executemany(
                "INSERT INTO evaluations VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", [row for _, row, _ in unstored]
            )
        for evaluation, _, _ in unstored:
            self._keep(evaluation)

    def add_state(self, state: Json) -> None:
        """Store the searcher's state after a generation."""
        with self._transaction(synced=False):
            self._db.execute("INSERT OR REPLACE INTO states VALUES (1, ?)", (json.dumps(state),))

    def add_retraining(self, retraining: Retraining, weights: Weights) -> None:
        """Store a final training with its weights."""
        r = retraining
        digest = write_weights(self._retrained_path(r), weights)
        row = (r.id, r.start, r.epochs, r.seed, json.dumps(r.metrics), r.seconds, digest)
        with self._transaction():
            self._db.execute("INSERT OR REPLACE INTO retrainings VALUES (?, ?, ?, ?, ?, ?, ?)", row)

    def add_measurement(self, id: int, budget: int, metrics: Metrics) -> None:
        """Keep later measurements of an evaluation's network, which replace earlier values of these metrics.

        Args:
            id: Id of the individual.
            budget: Budget of the evaluation.
            metrics: Metrics by name.
        """
        with self._transaction():
            self._db.execute(MEASUREMENTS)
            query = "SELECT metrics FROM measurements WHERE id = ? AND budget = ?"
            earlier = self._db.execute(query, (id, budget)).fetchone()
            known = {} if earlier is None else rows.with_device(rows.metrics_of(earlier[0]))
            row = (id, budget, json.dumps({**known, **metrics}))
            self._db.execute("INSERT OR REPLACE INTO measurements VALUES (?, ?, ?)", row)

    def drop_measurements(self, metric: str) -> None:
        """Drop what was measured later of one metric, and its spread, of all evaluations."""
        kept = {
            key: {name: value for name, value in metrics.items() if name not in (metric, f"{metric}_spread")}
            for key, metrics in self.measurements().items()
        }
        with self._transaction():
            for (id, budget), metrics in kept.items():
                row = (json.dumps(metrics), id, budget)
                self._db.execute("UPDATE measurements SET metrics = ? WHERE id = ? AND budget = ?", row)

    def set_source(self, metric: str, source: str) -> None:
        """Keep what a metric is measured with: a machine, or a command."""
        with self._transaction():
            self._db.execute(SOURCES)
            self._db.execute("INSERT OR REPLACE INTO sources VALUES (?, ?)", (metric, source))

    def _pack(self, genotype: G) -> bytes:
        return pack(self._space.encode(genotype))
