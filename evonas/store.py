"""A run on disk: one SQLite database (WAL; one writer, the driver) and one safetensors file of weights an evaluation.

A weights file is written whole before the row that names its digest, so that a killed run holds no half records.
Readers may look while the run goes on. No pickle is ever read, and no path is ever taken from the database.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import Any, Generic, NamedTuple

import numpy as np
import safetensors.numpy
from filelock import FileLock, Timeout
from safetensors import SafetensorError

from evonas.individual import Evaluation, Individual, Member, Start, Trial
from evonas.space import Encoded, G, InvalidGenotype, SearchSpace
from evonas.types import Json, UserError, Weights

#: Raised whenever an older reader could misread a newer run.
FORMAT = 1

_SCHEMA = """
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE individuals (
    id INTEGER PRIMARY KEY, birth INTEGER NOT NULL, operator TEXT NOT NULL, parents TEXT NOT NULL,
    digest TEXT NOT NULL, genotype BLOB NOT NULL);
CREATE TABLE evaluations (
    id INTEGER NOT NULL, budget INTEGER NOT NULL, status TEXT NOT NULL, metrics TEXT NOT NULL, seconds REAL NOT NULL,
    elapsed REAL NOT NULL, error TEXT, genotype BLOB, weights TEXT, PRIMARY KEY (id, budget));
CREATE TABLE retrainings (
    id INTEGER NOT NULL, start TEXT NOT NULL, epochs INTEGER NOT NULL, seed INTEGER NOT NULL, metrics TEXT NOT NULL,
    seconds REAL NOT NULL, weights TEXT NOT NULL, PRIMARY KEY (id, start, epochs, seed));
CREATE TABLE states (serial INTEGER PRIMARY KEY CHECK (serial = 1), state TEXT NOT NULL);
"""


class StoreError(UserError):
    """A run directory cannot be used."""


class Record(NamedTuple):
    """One evaluation with its individual's lineage, without genotypes: cheap to read by the thousand."""

    id: int
    budget: int
    birth: int
    operator: str
    parents: tuple[int, ...]
    status: str
    metrics: dict[str, float]
    seconds: float
    elapsed: float
    error: str | None


class Retraining(NamedTuple):
    """A final training of one individual: the only records that hold test metrics."""

    id: int
    start: str
    epochs: int
    seed: int
    metrics: dict[str, float]
    seconds: float


class RunInfo(NamedTuple):
    """What a run directory says of itself before any search space is known."""

    config: Json
    task: Json
    fingerprint: str
    normalisation: Json


def read_info(directory: Path) -> RunInfo:
    """The header of a run; raises :class:`StoreError` if there is none, or one from a newer format."""
    if not (directory / "run.db").is_file():
        raise StoreError(f"{directory} is not a run: it has no run.db; name a directory that `evonas evolve` wrote")
    with _sqlite_errors(directory):
        connection = _connect(directory)
        try:
            meta = dict(connection.execute("SELECT key, value FROM meta"))
        finally:
            connection.close()
        found = int(meta["format"])
        if found > FORMAT:
            raise StoreError(f"{directory} has run format {found}, this evonas reads up to {FORMAT}: upgrade evonas")
        config, task, normalisation = (json.loads(meta[key]) for key in ("config", "task", "normalisation"))
        return RunInfo(config, task, meta["fingerprint"], normalisation)


def check_absent(directory: Path) -> None:
    """Raises :class:`StoreError`, with the remedy, if the directory exists."""
    if directory.exists():
        remedy = f"resume it (evonas resume {directory}) or choose another --out" if (directory / "run.db").exists() \
            else "choose another --out"
        raise StoreError(f"{directory} exists already: {remedy}")


def create(directory: Path, *, config: Json, task: Json, fingerprint: str, normalisation: Json) -> None:
    """Make an empty run, all of it or nothing; raises :class:`StoreError` if the directory exists or cannot be made."""
    check_absent(directory)
    partial = directory.with_name(f".{directory.name}.{os.getpid()}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    try:
        (partial / "weights").mkdir(parents=True)
        (partial / "retrained").mkdir()
    except OSError as error:
        raise StoreError(f"cannot make {directory}: {error.strerror}; choose another --out") from None
    connection = _connect(partial)
    connection.execute("PRAGMA journal_mode=WAL")  # a property of the file: readers change nothing
    with connection:
        connection.executescript(_SCHEMA)
        documents = {"config": config, "task": task, "normalisation": normalisation}
        meta = {name: json.dumps(document) for name, document in documents.items()}
        meta |= {"format": str(FORMAT), "fingerprint": fingerprint}
        connection.executemany("INSERT INTO meta VALUES (?, ?)", meta.items())
    connection.close()
    os.rename(partial, directory)


class RunStore(Generic[G]):
    """An open run.

    Args:
        directory: A run made by :func:`create`.
        space: The run's search space.
        writing: Take the run's lock; a second driver is refused.

    Raises:
        StoreError: The directory is not a run, is damaged, or another driver writes to it.
    """

    def __init__(self, directory: Path, space: SearchSpace[G], *, writing: bool = False) -> None:
        self.info = read_info(directory)
        self.directory, self._space = directory, space
        self._lock = FileLock(directory / "run.lock")
        if writing:
            try:
                self._lock.acquire(timeout=0)
            except Timeout:
                message = "is being written by another process: wait for it, or stop it and resume"
                raise StoreError(f"{directory} {message}") from None
        with _sqlite_errors(directory):
            self._db = _connect(directory)
            if writing:
                (state,) = self._db.execute("PRAGMA quick_check(1)").fetchone()
                if state != "ok":
                    raise sqlite3.DatabaseError(state.splitlines()[-1])
        self._individual = lru_cache(maxsize=256)(self._read_individual)

    def close(self) -> None:
        """Release the database and the lock."""
        self._db.close()
        self._lock.release()

    def __enter__(self) -> RunStore[G]:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    # -- writing, by the driver only

    def add_individuals(self, individuals: Iterable[Individual[G]]) -> None:
        """Idempotent: a resumed run adds the same ones again."""
        rows = [
            (i.id, i.birth, i.operator, json.dumps(i.parents), i.genotype.digest, self._pack(i.genotype))
            for i in individuals
        ]
        with _sqlite_errors(self.directory), self._db:
            self._db.executemany("INSERT OR IGNORE INTO individuals VALUES (?, ?, ?, ?, ?, ?)", rows)

    def add_evaluation(self, evaluation: Evaluation[G], weights: Weights | None, *, elapsed: float) -> None:
        """Weights first, then the row that names them."""
        e = evaluation
        digest = None if weights is None else _write_weights(self._weights_path(*e.key), weights)
        genotype = None if e.genotype is None else self._pack(e.genotype)
        row = (*e.key, e.status, json.dumps(dict(e.metrics)), e.seconds, elapsed, e.error, genotype, digest)
        with _sqlite_errors(self.directory), self._db:
            self._db.execute("INSERT INTO evaluations VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", row)

    def add_state(self, state: Json) -> None:
        """The searcher's state after a generation."""
        with _sqlite_errors(self.directory), self._db:
            self._db.execute("INSERT OR REPLACE INTO states VALUES (1, ?)", (json.dumps(state),))

    def add_retraining(self, retraining: Retraining, weights: Weights) -> None:
        """A final training with its weights."""
        r = retraining
        digest = _write_weights(self._retrained_path(r), weights)
        row = (r.id, r.start, r.epochs, r.seed, json.dumps(r.metrics), r.seconds, digest)
        with _sqlite_errors(self.directory), self._db:
            self._db.execute("INSERT OR REPLACE INTO retrainings VALUES (?, ?, ?, ?, ?, ?, ?)", row)

    # -- reading

    @property
    def state(self) -> Json:
        """The searcher's last state, None before the first generation ended."""
        row = self._one("SELECT state FROM states")
        return None if row is None else json.loads(row[0])

    @property
    def elapsed(self) -> float:
        """Seconds that the run has taken up to its last evaluation."""
        row = self._one("SELECT MAX(elapsed) FROM evaluations")
        return 0.0 if row is None or row[0] is None else float(row[0])

    def individual(self, id: int) -> Individual[G]:
        """An individual by its id; raises :class:`StoreError` if there is none."""
        return self._individual(id)

    def evaluation(self, id: int, budget: int) -> Evaluation[G]:
        """An evaluation with the genotype that came out of it."""
        columns = "status, metrics, seconds, error, genotype"
        row = self._one(f"SELECT {columns} FROM evaluations WHERE id = ? AND budget = ?", id, budget)
        if row is None:
            raise StoreError(f"{self.directory} has no evaluation of individual {id} with budget {budget}")
        status, metrics, seconds, error, blob = row
        genotype = None if blob is None else self._unpack(blob)
        return Evaluation(id, budget, status, json.loads(metrics), seconds, error, genotype)

    def member(self, id: int) -> Member[G]:
        """An individual with its evaluation of the largest budget."""
        row = self._one("SELECT MAX(budget) FROM evaluations WHERE id = ?", id)
        if row is None or row[0] is None:
            raise StoreError(f"{self.directory} has no evaluated individual {id}")
        return Member(self.individual(id), self.evaluation(id, row[0]))

    def missing(self, trials: Iterable[Trial[G]]) -> list[Trial[G]]:
        """The trials that have no evaluation yet."""
        query = "SELECT 1 FROM evaluations WHERE id = ? AND budget = ?"
        return [t for t in trials if self._one(query, *t.key) is None]

    def digests(self, before: int) -> Iterator[str]:
        """Digests of the genotypes of all individuals with an id below ``before``."""
        with _sqlite_errors(self.directory):
            for (digest,) in self._db.execute("SELECT digest FROM individuals WHERE id < ?", (before,)):
                yield digest

    def records(self) -> list[Record]:
        """Every evaluation, in order of completion."""
        query = (
            "SELECT e.id, e.budget, i.birth, i.operator, i.parents, e.status, e.metrics, e.seconds, e.elapsed, e.error "
            "FROM evaluations e JOIN individuals i ON i.id = e.id ORDER BY e.rowid"
        )
        with _sqlite_errors(self.directory):
            rows = self._db.execute(query).fetchall()
        return [Record._make((*r[:4], tuple(json.loads(r[4])), r[5], json.loads(r[6]), *r[7:])) for r in rows]

    def retrainings(self) -> list[Retraining]:
        """Every final training."""
        with _sqlite_errors(self.directory):
            rows = self._db.execute("SELECT id, start, epochs, seed, metrics, seconds FROM retrainings").fetchall()
        return [Retraining._make((*r[:4], json.loads(r[4]), r[5])) for r in rows]

    def weights(self, id: int, budget: int) -> Weights | None:
        """Trained weights of an evaluation, None where it has none.

        Raises:
            StoreError: The file is missing, torn, or not the one that was recorded.
        """
        row = self._one("SELECT weights FROM evaluations WHERE id = ? AND budget = ?", id, budget)
        return None if row is None or row[0] is None else _read_weights(self._weights_path(id, budget), row[0])

    def retrained_weights(self, retraining: Retraining) -> Weights:
        """Weights of a final training."""
        r = retraining
        query = "SELECT weights FROM retrainings WHERE id = ? AND start = ? AND epochs = ? AND seed = ?"
        row = self._one(query, r.id, r.start, r.epochs, r.seed)
        return _read_weights(self._retrained_path(r), row[0])

    def start(self, trial: Trial[G]) -> Start[G] | None:
        """What a trial starts from: its own smaller budget's weights, else its first parent's, else nothing."""
        donors = [(trial.individual.id, trial.budget, True)]
        donors += [(parent, 2**62, False) for parent in trial.individual.parents[:1]]
        for id, below, continues in donors:
            query = "SELECT MAX(budget) FROM evaluations WHERE id = ? AND budget < ? AND weights IS NOT NULL"
            row = self._one(query, id, below)
            if row is not None and row[0] is not None:
                member = Member(self.individual(id), self.evaluation(id, row[0]))
                weights = self.weights(id, row[0])
                assert weights is not None
                return Start(member.genotype, weights, continues)
        return None

    def _read_individual(self, id: int) -> Individual[G]:
        row = self._one("SELECT birth, operator, parents, genotype FROM individuals WHERE id = ?", id)
        if row is None:
            raise StoreError(f"{self.directory} has no individual {id}")
        return Individual(id, self._unpack(row[3]), row[0], row[1], tuple(json.loads(row[2])))

    def _one(self, query: str, *values: object) -> Any:
        with _sqlite_errors(self.directory):
            return self._db.execute(query, values).fetchone()

    def _pack(self, genotype: G) -> bytes:
        header, arrays = self._space.encode(genotype)
        contiguous = {name: np.ascontiguousarray(array) for name, array in arrays.items()}
        return safetensors.numpy.save(contiguous, metadata={"header": json.dumps(header)})

    def _unpack(self, blob: bytes) -> G:
        try:
            arrays = safetensors.numpy.load(blob)
            length = int.from_bytes(blob[:8], "little")
            header = json.loads(json.loads(blob[8 : 8 + length])["__metadata__"]["header"])
            return self._space.decode(Encoded(header, arrays))
        except (SafetensorError, KeyError, InvalidGenotype, ValueError) as error:
            raise StoreError(f"{self.directory} holds a damaged genotype: {error}") from None

    def _weights_path(self, id: int, budget: int) -> Path:
        return self.directory / "weights" / f"{id:06d}-{budget}.safetensors"

    def _retrained_path(self, r: Retraining) -> Path:
        return self.directory / "retrained" / f"{r.id:06d}-{r.start}-{r.epochs}-{r.seed}.safetensors"


def _connect(directory: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(directory / "run.db", timeout=30)
    connection.execute("PRAGMA synchronous=FULL")
    return connection


@contextmanager
def _sqlite_errors(directory: Path) -> Iterator[None]:
    try:
        yield
    except (sqlite3.DatabaseError, KeyError, json.JSONDecodeError) as error:
        raise StoreError(f"{directory / 'run.db'} is damaged or not a run: {error}") from None


def _write_weights(path: Path, weights: Weights) -> str:
    """Atomic: a reader sees the whole file or none. Returns the digest of its bytes."""
    blob = safetensors.numpy.save({name: np.ascontiguousarray(array) for name, array in weights.items()})
    partial = path.with_suffix(".partial")
    with partial.open("wb") as file:
        file.write(blob)
        file.flush()
        os.fsync(file.fileno())
    os.replace(partial, path)
    return hashlib.blake2b(blob, digest_size=16).hexdigest()


def _read_weights(path: Path, digest: str) -> Weights:
    try:
        blob = path.read_bytes()
    except FileNotFoundError:
        raise StoreError(f"the weights file {path} is missing, though the run's database names it") from None
    if hashlib.blake2b(blob, digest_size=16).hexdigest() != digest:
        raise StoreError(f"the weights file {path} is torn or was changed: its digest is not the recorded {digest}")
    return safetensors.numpy.load(blob)


