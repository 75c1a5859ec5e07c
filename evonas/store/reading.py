"""Reading of a run: its evaluations, its individuals and their weights. No path is taken from the database."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Iterator, Sequence, Set
from functools import lru_cache
from pathlib import Path
from typing import Any, Generic

import numpy as np

from evonas.individual import Evaluation, Individual, Member, Start, Trial
from evonas.serialization.arrays import BAD_DATA, unpack
from evonas.serialization.files import DATABASE
from evonas.space import G, SearchSpace
from evonas.store import rows, upgrade
from evonas.store.directory import StoreError, connect, damaged, from_blob, read_weights, sqlite_errors
from evonas.store.records import Record, Retraining, RunInfo
from evonas.types import Floats, Json, Metrics, Weights

#: Number of individuals, and of evaluations, kept in memory: those of a few generations, including most parents.
MOST_KEPT = 256
_ORIGINS = "LEFT JOIN origins o ON o.id = e.id AND o.budget = e.budget"


class RunReader(Generic[G]):
    """A run that is open for reading. Another process may write to it at the same time.

    Args:
        directory: A run made by :func:`create`.
        space: The run's search space.
        info: The run's header, from :func:`read_info`.
        measured: Metrics that every successful evaluation must have: the run's objectives.

    Raises:
        StoreError: The database cannot be opened.
    """

    def __init__(self, directory: Path, space: SearchSpace[G], info: RunInfo, *, measured: Set[str]) -> None:
        self.info, self.directory = info, directory
        self._space, self._measured = space, measured
        with sqlite_errors(directory):
            self._db = connect(directory)
            upgrade.complete(self._db, info)
        self._individual = lru_cache(maxsize=MOST_KEPT)(self._read_individual)
        self._evaluations: OrderedDict[tuple[int, int], Evaluation[G]] = OrderedDict()  # the most recently used ones
        self._records: list[Record] = []  # the rows parsed so far, which never change
        self._last_row = -1
        self._timed_by_command = self.info.config.get("latency_command") is not None

    def costs(self) -> Metrics:
        """Costs of a random network of the space; all networks have metrics of these names."""
        return self._space.cost(self._space.sample(np.random.default_rng(0)))

    @property
    def state(self) -> Json:
        """The searcher's last state, None before the first generation ended."""
        row = self._one("SELECT state FROM states")
        with sqlite_errors(self.directory):
            return None if row is None else rows.state_of(row[0])

    def teacher_outputs(self) -> Floats | None:
        """The outputs that :meth:`add_teacher` was given, None without a teacher; raises as :meth:`weights` does."""
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
        """The individual with an id.

        Raises:
            StoreError: There is none.
        """
        return self._individual(id)

    def evaluation(self, id: int, budget: int) -> Evaluation[G]:
        """An evaluation, with the genotype that training returned."""
        if (id, budget) in self._evaluations:
            self._evaluations.move_to_end((id, budget))
        else:
            self._keep(self._read_evaluation(id, budget))
        return self._evaluations[id, budget]

    def member(self, id: int) -> Member[G]:
        """An individual with its evaluation at the largest budget; a failed evaluation only if all failed.

        Raises:
            StoreError: The individual has no evaluation.
        """
        query = "SELECT budget FROM evaluations WHERE id = ? ORDER BY status = 'ok' DESC, budget DESC LIMIT 1"
        row = self._one(query, id)
        if row is None:
            raise StoreError(f"{self.directory} has no evaluated individual {id}")
        with sqlite_errors(self.directory):
            budget = rows.whole(row[0], "a budget")
        return Member(self.individual(id), self.evaluation(id, budget))

    def holds(self, id: int) -> bool:
        """Whether an individual with this id is stored, evaluated or not."""
        return self._one("SELECT 1 FROM individuals WHERE id = ?", id) is not None

    def missing(self, trials: Iterable[Trial[G]]) -> list[Trial[G]]:
        """The trials without an evaluation."""
        query = "SELECT 1 FROM evaluations WHERE id = ? AND budget = ?"
        return [t for t in trials if self._one(query, *t.key) is None]

    def digests(self, before: int) -> Iterator[str]:
        """Digests of the genotypes of all individuals with an id below ``before``."""
        with sqlite_errors(self.directory):
            for (digest,) in self._db.execute("SELECT digest FROM individuals WHERE id < ?", (before,)):
                yield rows.digest_of(digest)

    def records(self) -> list[Record]:
        """All evaluations in order of completion; their metrics include those measured later.

        Raises:
            StoreError: A row is damaged, or a successful evaluation lacks an objective.
        """
        query = (
            "SELECT e.rowid, e.id, e.budget, i.birth, i.operator, i.parents, e.status, e.metrics, e.seconds, "
            f"e.elapsed, e.error, o.run, o.id_there FROM evaluations e JOIN individuals i ON i.id = e.id {_ORIGINS} "
            "WHERE e.rowid > ? ORDER BY e.rowid"
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
        """The machine or command that metrics were measured with, by metric; empty for runs that kept none."""
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
        """All final trainings."""
        with sqlite_errors(self.directory):
            query = "SELECT id, start, epochs, seed, metrics, seconds FROM retrainings ORDER BY rowid"
            return [rows.retraining_of(row) for row in self._db.execute(query).fetchall()]

    def weights(self, id: int, budget: int) -> Weights | None:
        """Trained weights of an evaluation, None if it has none.

        Raises:
            StoreError: They are missing, torn, or not those that were recorded.
        """
        row = self._one("SELECT weights FROM evaluations WHERE id = ? AND budget = ?", id, budget)
        if row is None or row[0] is None:
            return None
        digest, blob = self._digest(row[0]), None
        if self._has("weights"):  # else an older version made the run and wrote a file for each
            blob = self._one("SELECT data FROM weights WHERE id = ? AND budget = ?", id, budget)
        if blob is None:
            return read_weights(self._weights_path(id, budget), digest)
        place = f"the entry of the weights of individual {id} in {self.directory / DATABASE}"
        if type(blob[0]) is not bytes:
            raise damaged(f"{place} holds no bytes")
        return from_blob(blob[0], digest, place)

    def retrained_weights(self, retraining: Retraining) -> Weights:
        """Weights of a final training.

        Raises:
            StoreError: There is no such training, or its file is missing, torn, or not the one that was recorded.
        """
        r = retraining
        query = "SELECT weights FROM retrainings WHERE id = ? AND start = ? AND epochs = ? AND seed = ?"
        row = self._one(query, r.id, r.start, r.epochs, r.seed)
        if row is None:
            raise StoreError(f"{self.directory} has no such retraining of individual {r.id}")
        return read_weights(self._retrained_path(r), self._digest(row[0]))

    def start(self, trial: Trial[G]) -> Start[G] | None:
        """The weights that a trial starts from: those of its own smaller budget, else its first parent's, else none.

        A budget of 0 changes no genotype but in what training still has to do: that is left for a larger one.
        """
        id, parents = trial.individual.id, trial.individual.parents
        query = "SELECT MAX(budget) FROM evaluations WHERE id = ? AND weights IS NOT NULL"
        (budget,) = self._one(f"{query} AND budget < ?", *trial.key)
        if budget is not None:
            return self._start(id, budget, continues=True)
        if parents:
            (budget,) = self._one(query, parents[0])
            if budget is not None:
                return self._start(parents[0], budget, continues=False)
        return None

    def _start(self, id: int, budget: int, *, continues: bool) -> Start[G]:
        weights = self.weights(id, budget)
        assert weights is not None
        trained = self.evaluation(id, budget).genotype if budget or not continues else None
        return Start(self.individual(id).genotype if trained is None else trained, weights, continues)

    def _read_individual(self, id: int) -> Individual[G]:
        row = self._one("SELECT birth, operator, parents, genotype FROM individuals WHERE id = ?", id)
        if row is None:
            raise StoreError(f"{self.directory} has no individual {id}")
        with sqlite_errors(self.directory):
            birth, operator = rows.whole(row[0], "a birth"), rows.name_of(row[1], "an operator")
            parents = rows.parents_of(row[2], id)
        return Individual(id, self._unpack(row[3]), birth, operator, parents)

    def _read_evaluation(self, id: int, budget: int) -> Evaluation[G]:
        columns = "e.status, e.metrics, e.seconds, e.error, e.genotype, o.run, o.id_there"
        query = f"SELECT {columns} FROM evaluations e {_ORIGINS} WHERE e.id = ? AND e.budget = ?"
        row = self._one(query, id, budget)
        if row is None:
            raise StoreError(f"{self.directory} has no evaluation of individual {id} with budget {budget}")
        *columns, blob, run, id_there = row
        return self._parsed(id, budget, (*columns, run, id_there), None if blob is None else self._unpack(blob))

    def _parsed(self, id: int, budget: int, row: Sequence[Any], genotype: G | None) -> Evaluation[G]:
        """An evaluation as it is read.

        Args:
            id: The individual's id.
            budget: The trial's budget.
            row: The columns status, metrics, seconds and error, and run and id of its origin.
            genotype: The genotype that training returned, None if it is the individual's.
        """
        with sqlite_errors(self.directory):
            status, metrics = rows.status_of(row[0]), rows.metrics_of(row[1])
            seconds, error, origin = rows.seconds_of(row[2]), rows.error_of(row[3]), rows.origin_of(row[4], row[5])
        metrics = rows.with_device(metrics) if self._timed_by_command else metrics
        return Evaluation(id, budget, status, metrics, seconds, error, genotype, origin=origin)

    def _keep(self, evaluation: Evaluation[G]) -> None:
        self._evaluations[evaluation.key] = evaluation
        if len(self._evaluations) > MOST_KEPT:
            self._evaluations.popitem(last=False)

    def _one(self, query: str, *values: object) -> Any:
        with sqlite_errors(self.directory):
            return self._db.execute(query, values).fetchone()

    def _digest(self, value: object) -> str:
        with sqlite_errors(self.directory):
            return rows.digest_of(value)

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
        """A file of the run's; SQLite holds texts in columns of numbers, and a run may come from elsewhere."""
        path = self.directory / folder / name
        if path.resolve().parent != self.directory.resolve() / folder:
            raise StoreError(f"{self.directory} names a file that is not in its folder {folder}: {name!r}")
        return path
