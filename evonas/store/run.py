"""An open run: one SQLite database (WAL; one writer, the driver) and one safetensors file of weights an evaluation.

A weights file is written whole before the row that names its digest, so that a killed run holds no half records.
Readers may look while the run goes on. No path is taken from the database, and none leaves the directory.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from functools import lru_cache
from pathlib import Path
from typing import Any, Generic

import numpy as np
from filelock import FileLock, Timeout

from evonas.encoding import BAD_DATA, pack, unpack
from evonas.individual import Evaluation, Individual, Member, Start, Trial
from evonas.space import G, SearchSpace
from evonas.store import rows
from evonas.store.blobs import read_weights, write_weights
from evonas.store.directory import (
    LOCK,
    MEASUREMENTS,
    SOURCES,
    StoreError,
    connect,
    damaged,
    of_another,
    read_info,
    sqlite_errors,
)
from evonas.store.records import Record, Retraining, TeacherSource
from evonas.types import Floats, Goal, Json, Metrics, Weights


class RunStore(Generic[G]):
    """An open run.

    Args:
        directory: A run made by :func:`create`.
        space: The run's search space.
        writing: Take the run's lock; a second driver is refused.
        measured: Metrics that every evaluation which succeeded must have: the run's objectives.

    Raises:
        StoreError: The directory is not a run, is damaged, or another driver writes to it.
    """

    def __init__(
        self, directory: Path, space: SearchSpace[G], *, writing: bool = False, measured: Set[str] = frozenset()
    ) -> None:
        self.info = read_info(directory)
        self.directory, self._space, self._measured = directory, space, measured
        self._lock = FileLock(directory / LOCK)
        if writing:
            self._acquire()
        try:
            with sqlite_errors(directory):
                self._db = connect(directory)
                if writing and (state := self._db.execute("PRAGMA quick_check(1)").fetchone()[0]) != "ok":
                    raise sqlite3.DatabaseError(state.splitlines()[-1])
        except BaseException:
            self._lock.release()
            raise
        self._individual = lru_cache(maxsize=256)(self._read_individual)
        self._records: list[Record] = []  # parsed so far, and the row of the last: rows never change
        self._last_row = -1
        self._timed_by_command = self.info.config.get("latency_command") is not None

    def close(self) -> None:
        """Release the database and the lock."""
        self._db.close()
        self._lock.release()

    def __enter__(self) -> RunStore[G]:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def _acquire(self) -> None:
        try:
            self._lock.acquire(timeout=0)
        except Timeout:
            message = "is being written by another process: wait for it, or stop it and resume"
            raise StoreError(f"{self.directory} {message}") from None
        except OSError as error:
            raise StoreError(f"cannot write to {self.directory}: {error.strerror}") from None

    # -- writing, by the driver only

    def set_config(self, config: Json) -> None:
        """Another configuration from now on: what a resumed run was told to change."""
        with sqlite_errors(self.directory), self._db:
            self._db.execute("UPDATE meta SET value = ? WHERE key = 'config'", (json.dumps(config),))

    def claim(self, *, searcher: str, evaluator: str, goals: Mapping[str, Goal]) -> None:
        """Keep what searches the run, and what it makes of metrics; once, since another would not go on but mix.

        Args:
            searcher, evaluator: Names that tell one from another.
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
        """Keep whether metrics are minimised or maximised; raises :class:`StoreError` for the opposite of before."""
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
        with sqlite_errors(self.directory), self._db:
            self._db.executemany("INSERT OR REPLACE INTO meta VALUES (?, ?)", items)

    def add_teacher(self, run: str, ids: Sequence[int], outputs: Floats) -> None:
        """What the individuals ``ids`` of another run say of the training samples; once, before anything is trained."""
        source = TeacherSource(run, tuple(ids), write_weights(self._teacher_path, {"outputs": outputs}))
        with sqlite_errors(self.directory), self._db:
            self._db.execute("INSERT INTO meta VALUES ('teacher', ?)", (json.dumps(source),))

    def add_individuals(self, individuals: Iterable[Individual[G]]) -> None:
        """Idempotent: a resumed run adds the same ones again."""
        found = [
            (i.id, i.birth, i.operator, json.dumps(i.parents), i.genotype.digest, self._pack(i.genotype))
            for i in individuals
        ]
        with sqlite_errors(self.directory), self._db:
            self._db.executemany("INSERT OR IGNORE INTO individuals VALUES (?, ?, ?, ?, ?, ?)", found)

    def add_evaluation(self, evaluation: Evaluation[G], weights: Weights | None, *, elapsed: float) -> None:
        """Weights first, then the row that names them."""
        e = evaluation
        digest = None if weights is None else write_weights(self._weights_path(*e.key), weights)
        genotype = None if e.genotype is None else self._pack(e.genotype)
        row = (*e.key, e.status, json.dumps(dict(e.metrics)), e.seconds, elapsed, e.error, genotype, digest)
        with sqlite_errors(self.directory), self._db:
            self._db.execute("INSERT INTO evaluations VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", row)

    def add_state(self, state: Json) -> None:
        """The searcher's state after a generation."""
        with sqlite_errors(self.directory), self._db:
            self._db.execute("INSERT OR REPLACE INTO states VALUES (1, ?)", (json.dumps(state),))

    def add_retraining(self, retraining: Retraining, weights: Weights) -> None:
        """A final training with its weights."""
        r = retraining
        digest = write_weights(self._retrained_path(r), weights)
        row = (r.id, r.start, r.epochs, r.seed, json.dumps(r.metrics), r.seconds, digest)
        with sqlite_errors(self.directory), self._db:
            self._db.execute("INSERT OR REPLACE INTO retrainings VALUES (?, ?, ?, ?, ?, ?, ?)", row)

    def add_measurement(self, id: int, budget: int, metrics: Metrics) -> None:
        """What was measured of an evaluation's network later; in the place of earlier values of the same metrics."""
        with sqlite_errors(self.directory), self._db:
            self._db.execute(MEASUREMENTS)
            query = "SELECT metrics FROM measurements WHERE id = ? AND budget = ?"
            earlier = self._db.execute(query, (id, budget)).fetchone()
            known = {} if earlier is None else rows.with_device(rows.metrics_of(earlier[0]))
            row = (id, budget, json.dumps({**known, **metrics}))
            self._db.execute("INSERT OR REPLACE INTO measurements VALUES (?, ?, ?)", row)

    def drop_measurements(self, metric: str) -> None:
        """What was measured later of one metric, and its spread, of all evaluations."""
        kept = {
            key: {name: value for name, value in metrics.items() if name not in (metric, f"{metric}_spread")}
            for key, metrics in self.measurements().items()
        }
        with sqlite_errors(self.directory), self._db:
            for (id, budget), metrics in kept.items():
                row = (json.dumps(metrics), id, budget)
                self._db.execute("UPDATE measurements SET metrics = ? WHERE id = ? AND budget = ?", row)

    def set_source(self, metric: str, source: str) -> None:
        """What a metric is measured with: a machine, or a command."""
        with sqlite_errors(self.directory), self._db:
            self._db.execute(SOURCES)
            self._db.execute("INSERT OR REPLACE INTO sources VALUES (?, ?)", (metric, source))

    # -- reading

    def costs(self) -> Metrics:
        """Costs of a random network of the space; their names are those of all."""
        return self._space.cost(self._space.sample(np.random.default_rng(0)))

    @property
    def state(self) -> Json:
        """The searcher's last state, None before the first generation ended."""
        row = self._one("SELECT state FROM states")
        with sqlite_errors(self.directory):
            return None if row is None else rows.state_of(row[0])

    def teacher_outputs(self) -> Floats | None:
        """What :meth:`add_teacher` was given, None where the run has no teacher; raises as :meth:`weights` does."""
        teacher = self.info.teacher
        if teacher is None:
            return None
        outputs = read_weights(self._teacher_path, teacher.digest).get("outputs")
        if outputs is None or outputs.dtype != np.float32 or outputs.ndim != 2 or not np.isfinite(outputs).all():
            raise damaged(f"{self._teacher_path} has no table of a teacher's outputs")
        return outputs

    @property
    def elapsed(self) -> float:
        """Seconds that the run has taken up to its last evaluation."""
        row = self._one("SELECT MAX(elapsed) FROM evaluations")
        with sqlite_errors(self.directory):
            return 0.0 if row is None or row[0] is None else rows.seconds_of(row[0])

    def individual(self, id: int) -> Individual[G]:
        """An individual by its id; raises :class:`StoreError` if there is none."""
        return self._individual(id)

    def evaluation(self, id: int, budget: int) -> Evaluation[G]:
        """An evaluation with the genotype that came out of it."""
        columns = "status, metrics, seconds, error, genotype"
        row = self._one(f"SELECT {columns} FROM evaluations WHERE id = ? AND budget = ?", id, budget)
        if row is None:
            raise StoreError(f"{self.directory} has no evaluation of individual {id} with budget {budget}")
        with sqlite_errors(self.directory):
            status, metrics = rows.status_of(row[0]), rows.metrics_of(row[1])
            seconds, error = rows.seconds_of(row[2]), rows.error_of(row[3])
        metrics = rows.with_device(metrics) if self._timed_by_command else metrics
        genotype = None if row[4] is None else self._unpack(row[4])
        return Evaluation(id, budget, status, metrics, seconds, error, genotype)

    def member(self, id: int) -> Member[G]:
        """An individual with its evaluation of the largest budget, a failed one only where all failed."""
        query = "SELECT budget FROM evaluations WHERE id = ? ORDER BY status = 'ok' DESC, budget DESC LIMIT 1"
        row = self._one(query, id)
        if row is None:
            raise StoreError(f"{self.directory} has no evaluated individual {id}")
        with sqlite_errors(self.directory):
            budget = rows.whole(row[0], "a budget")
        return Member(self.individual(id), self.evaluation(id, budget))

    def missing(self, trials: Iterable[Trial[G]]) -> list[Trial[G]]:
        """The trials that have no evaluation yet."""
        query = "SELECT 1 FROM evaluations WHERE id = ? AND budget = ?"
        return [t for t in trials if self._one(query, *t.key) is None]

    def digests(self, before: int) -> Iterator[str]:
        """Digests of the genotypes of all individuals with an id below ``before``."""
        with sqlite_errors(self.directory):
            for (digest,) in self._db.execute("SELECT digest FROM individuals WHERE id < ?", (before,)):
                yield rows.digest_of(digest)

    def records(self) -> list[Record]:
        """Every evaluation, in order of completion, with what was measured later among its metrics."""
        query = (
            "SELECT e.rowid, e.id, e.budget, i.birth, i.operator, i.parents, e.status, e.metrics, e.seconds, "
            "e.elapsed, e.error FROM evaluations e JOIN individuals i ON i.id = e.id WHERE e.rowid > ? ORDER BY e.rowid"
        )
        with sqlite_errors(self.directory):
            for number, *row in self._db.execute(query, (self._last_row,)).fetchall():
                record = rows.record_of(row)
                if self._timed_by_command:
                    record = record._replace(metrics=rows.with_device(record.metrics))
                self._records.append(record)
                self._last_row = number
        later = self.measurements()
        if later:
            found = [r._replace(metrics={**later.get((r.id, r.budget), {}), **r.metrics}) for r in self._records]
        else:
            found = list(self._records)
        for record in found:
            if record.status == "ok" and not self._measured <= record.metrics.keys():
                lacking = ", ".join(sorted(self._measured - record.metrics.keys()))
                raise damaged(f"{self.directory}: the evaluation of individual {record.id} has no {lacking}")
        return found

    def measurements(self) -> dict[tuple[int, int], dict[str, float]]:
        """Metrics that were measured after the run, by id and budget."""
        if not self._has("measurements"):
            return {}
        with sqlite_errors(self.directory):
            found = self._db.execute("SELECT id, budget, metrics FROM measurements").fetchall()
            return {
                (rows.whole(id, "an id"), rows.whole(budget, "a budget")): rows.with_device(rows.metrics_of(metrics))
                for id, budget, metrics in found
            }

    def sources(self) -> dict[str, str]:
        """What the metrics were measured with that depend on it, by metric; nothing for runs that kept none."""
        if not self._has("sources"):
            return {}
        with sqlite_errors(self.directory):
            found = self._db.execute("SELECT metric, source FROM sources LIMIT 100").fetchall()
            return {
                rows.name_of(metric, "a metric"): rows.name_of(source, "a source", 10_000) for metric, source in found
            }

    def _has(self, table: str) -> bool:
        query = "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = ?"
        return self._one(query, table) is not None

    def retrainings(self) -> list[Retraining]:
        """Every final training."""
        with sqlite_errors(self.directory):
            query = "SELECT id, start, epochs, seed, metrics, seconds FROM retrainings ORDER BY rowid"
            return [rows.retraining_of(row) for row in self._db.execute(query).fetchall()]

    def weights(self, id: int, budget: int) -> Weights | None:
        """Trained weights of an evaluation, None where it has none.

        Raises:
            StoreError: The file is missing, torn, or not the one that was recorded.
        """
        row = self._one("SELECT weights FROM evaluations WHERE id = ? AND budget = ?", id, budget)
        if row is None or row[0] is None:
            return None
        return read_weights(self._weights_path(id, budget), self._digest(row[0]))

    def retrained_weights(self, retraining: Retraining) -> Weights:
        """Weights of a final training."""
        r = retraining
        query = "SELECT weights FROM retrainings WHERE id = ? AND start = ? AND epochs = ? AND seed = ?"
        row = self._one(query, r.id, r.start, r.epochs, r.seed)
        if row is None:
            raise StoreError(f"{self.directory} has no such retraining of individual {r.id}")
        return read_weights(self._retrained_path(r), self._digest(row[0]))

    def start(self, trial: Trial[G]) -> Start[G] | None:
        """What a trial starts from: its own smaller budget's weights, else its first parent's, else nothing.

        A budget of 0 changes no genotype but in what training still has to do: that is left for a larger one.
        """
        donors = [(trial.individual.id, trial.budget, True)]
        donors += [(parent, 2**62, False) for parent in trial.individual.parents[:1]]
        for id, below, continues in donors:
            query = "SELECT MAX(budget) FROM evaluations WHERE id = ? AND budget < ? AND weights IS NOT NULL"
            row = self._one(query, id, below)
            if row is not None and row[0] is not None:
                individual, weights = self.individual(id), self.weights(id, row[0])
                assert weights is not None
                genotype = individual.genotype
                if row[0] or not continues:
                    genotype = Member(individual, self.evaluation(id, row[0])).genotype
                return Start(genotype, weights, continues)
        return None

    def _read_individual(self, id: int) -> Individual[G]:
        row = self._one("SELECT birth, operator, parents, genotype FROM individuals WHERE id = ?", id)
        if row is None:
            raise StoreError(f"{self.directory} has no individual {id}")
        with sqlite_errors(self.directory):
            birth, operator = rows.whole(row[0], "a birth"), rows.name_of(row[1], "an operator")
            parents = rows.parents_of(row[2], id)
        return Individual(id, self._unpack(row[3]), birth, operator, parents)

    def _one(self, query: str, *values: object) -> Any:
        with sqlite_errors(self.directory):
            return self._db.execute(query, values).fetchone()

    def _digest(self, value: object) -> str:
        with sqlite_errors(self.directory):
            return rows.digest_of(value)

    def _pack(self, genotype: G) -> bytes:
        return pack(self._space.encode(genotype))

    def _unpack(self, blob: object) -> G:
        try:
            if not isinstance(blob, bytes):
                raise ValueError("it is no blob")
            return self._space.decode(unpack(blob))
        except BAD_DATA as error:
            raise StoreError(f"{self.directory} holds a damaged genotype: {error}") from None

    def _weights_path(self, id: int, budget: int) -> Path:
        return self._inside("weights", f"{id:06d}-{budget}.safetensors")

    @property
    def _teacher_path(self) -> Path:
        return self.directory / "teacher.safetensors"

    def _retrained_path(self, r: Retraining) -> Path:
        return self._inside("retrained", f"{r.id:06d}-{r.start}-{r.epochs}-{r.seed}.safetensors")

    def _inside(self, folder: str, name: str) -> Path:
        """A file of the run's; SQLite holds texts in columns of numbers, and a run may come from a stranger."""
        path = self.directory / folder / name
        if path.resolve().parent != self.directory.resolve() / folder:
            raise StoreError(f"{self.directory} names a file that is not in its folder {folder}: {name!r}")
        return path
