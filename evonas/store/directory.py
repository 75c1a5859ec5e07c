"""The directory of a run: its contents, its creation, and access to its database.

Weights are bytes whose digests a run records: small ones are values in its database, large ones are files.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import safetensors.numpy

from evonas.serialization.arrays import read_arrays
from evonas.serialization.files import DATABASE, atomic_write, check_plain, make_hidden_folder, read_regular
from evonas.store.database import bounded, check_tables
from evonas.store.records import RunInfo, SeedSource
from evonas.store.rows import BadRow, format_of, info_of
from evonas.types import Json, Task, UserError, Weights, task_from

#: Number of the format. Increase it if an older reader could misread a newer run, or a newer one cannot read an older
#: run.
FORMAT = 5
#: The first that is read; :mod:`evonas.store.upgrade` says what has changed since.
OLDEST = 2

_INDIVIDUALS = """
CREATE TABLE individuals (
    id INTEGER PRIMARY KEY, generation INTEGER NOT NULL, operator TEXT NOT NULL, parents TEXT NOT NULL,
    digest TEXT NOT NULL, genotype BLOB NOT NULL);
"""
#: The same table of runs of the formats 2 to 4.
_FORMER_INDIVIDUALS = _INDIVIDUALS.replace("generation", "birth")
_SCHEMA = f"""
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL);
{_INDIVIDUALS}
CREATE TABLE evaluations (
    id INTEGER NOT NULL, budget INTEGER NOT NULL, status TEXT NOT NULL, metrics TEXT NOT NULL, seconds REAL NOT NULL,
    elapsed REAL NOT NULL, error TEXT, genotype BLOB, weights TEXT, PRIMARY KEY (id, budget));
CREATE TABLE retrainings (
    id INTEGER NOT NULL, start TEXT NOT NULL, epochs INTEGER NOT NULL, seed INTEGER NOT NULL, metrics TEXT NOT NULL,
    seconds REAL NOT NULL, weights TEXT NOT NULL, PRIMARY KEY (id, start, epochs, seed));
CREATE TABLE states (serial INTEGER PRIMARY KEY CHECK (serial = 1), state TEXT NOT NULL);
"""
#: Folders of every run, and the file that a writer locks.
FOLDERS, LOCK = ("weights", "retrained"), "run.lock"
#: Runs of format 2 lack it.
WEIGHTS = """
CREATE TABLE IF NOT EXISTS weights (
    id INTEGER NOT NULL, budget INTEGER NOT NULL, data BLOB NOT NULL, PRIMARY KEY (id, budget))
"""
#: The evaluations that other runs made; runs of the formats 2 and 3 lack it.
ORIGINS = """
CREATE TABLE IF NOT EXISTS origins (
    id INTEGER NOT NULL, budget INTEGER NOT NULL, run TEXT NOT NULL, id_there INTEGER NOT NULL,
    PRIMARY KEY (id, budget))
"""
#: Tables that are created when the first measurement is stored; readers do not need them.
SOURCES = "CREATE TABLE IF NOT EXISTS sources (metric TEXT PRIMARY KEY, source TEXT NOT NULL)"
MEASUREMENTS = """
CREATE TABLE IF NOT EXISTS measurements (
    id INTEGER NOT NULL, budget INTEGER NOT NULL, metrics TEXT NOT NULL, PRIMARY KEY (id, budget))
"""


class StoreError(UserError):
    """Raised if a run directory cannot be used."""


def read_info(directory: Path) -> RunInfo:
    """The header of a run.

    Raises:
        StoreError: The directory holds no run, or one of another format.
    """
    if not os.path.lexists(directory / DATABASE):
        raise StoreError(f"{directory} is not a run: it has no run.db; name a directory that `evonas evolve` wrote")
    with sqlite_errors(directory):
        connection = connect(directory)
        try:
            meta = dict(connection.execute("SELECT key, value FROM meta LIMIT 100").fetchall())
        finally:
            connection.close()
        found = format_of(meta)
        if not OLDEST <= found <= FORMAT:
            remedy = "upgrade evonas" if found > FORMAT else "make the run again"
            raise StoreError(f"{directory} has run format {found}, this evonas reads {OLDEST} to {FORMAT}: {remedy}")
        return info_of(meta)


def task_of(info: RunInfo, run: Path | str) -> Task:
    """The task of a run.

    Raises:
        StoreError: The task is damaged; the message names the run.
    """
    try:
        return task_from(info.task)
    except ValueError as error:
        raise damaged(f"{run}: {error}") from None


def of_another(directory: Path, how: str, ours: str) -> StoreError:
    """Error for a run that cannot be continued.

    Args:
        how: Way in which the run was made, such as ``"searched by NSGA2"``.
        ours: Searcher that would continue it.
    """
    store = f"RunStore({str(directory)!r}, space, writing=True)"
    theirs = how.partition(" by ")[2]
    return StoreError(f"{directory} was {how}, not by {ours}: go on from Python with {theirs}, as in "
                      f"loop.run(searcher, evaluator, {store}, ...)")


def check_absent(directory: Path) -> None:
    """Check that a directory does not exist.

    Raises:
        StoreError: It exists; the message says how to go on.
    """
    if os.path.lexists(directory):
        is_run = os.path.lexists(directory / DATABASE)
        remedy = f"resume it (evonas resume {directory}) or choose" if is_run else "choose"
        raise StoreError(f"{directory} exists already: {remedy} another --out")


def create(
    directory: Path, *, config: Json, task: Json, fingerprint: str, normalisation: Json,
    seeds: Sequence[SeedSource] = (), fill: Callable[[Path], None] | None = None,
) -> None:
    """Create a run, completely or not at all.

    Args:
        directory: Path of the new run.
        config: The run's configuration.
        task: Shape and kind of the task.
        fingerprint: Digest of the data.
        normalisation: Parameters of the normalisation of inputs.
        seeds: Runs from which this run takes founders.
        fill: Called with the run's directory, still under a temporary name, to write its initial contents.

    Raises:
        StoreError: The directory exists or cannot be created.
    """
    check_absent(directory)
    documents = {"config": config, "task": task, "normalisation": normalisation, "seeds": seeds}
    meta = {name: json.dumps(document) for name, document in documents.items()}
    meta |= {"format": str(FORMAT), "fingerprint": fingerprint}
    partial = None
    try:
        partial = make_hidden_folder(directory)
        for folder in FOLDERS:
            (partial / folder).mkdir()
        connection = connect(partial)
        connection.execute("PRAGMA journal_mode=WAL")  # stored in the file, so that readers change nothing
        with connection:
            connection.executescript(f"{_SCHEMA}{WEIGHTS};{ORIGINS}")
            connection.executemany("INSERT INTO meta VALUES (?, ?)", meta.items())
        connection.close()
        if fill is not None:
            fill(partial)
        os.rename(partial, directory)
    except (OSError, sqlite3.Error) as error:
        raise StoreError(f"cannot make {directory}: {error}; choose another --out") from None
    finally:
        if partial is not None:
            shutil.rmtree(partial, ignore_errors=True)


def connect(directory: Path) -> sqlite3.Connection:
    """The run's database; committed transactions survive a power cut.

    SQLite has to write beside a database that other processes may write to. In a read-only folder (an archive) this is
    not necessary, unless a writer was killed there.

    Raises:
        StoreError: A link, a pipe or something else is in the place of the run's own files and folders.
    """
    check_own(directory)
    path = directory / DATABASE
    archived = not os.access(directory, os.W_OK) and not path.with_name(f"{DATABASE}-wal").exists()
    connection = bounded(path, immutable=archived)
    try:
        check_tables(connection, f"{_SCHEMA}{_FORMER_INDIVIDUALS}{WEIGHTS};{ORIGINS};{MEASUREMENTS};{SOURCES}")
    except BaseException:
        connection.close()
        raise
    return connection


def check_own(directory: Path) -> None:
    """Check that the run's files and folders are plain ones, since a link may lead to files of another owner.

    Raises:
        StoreError: One of them is a link, a pipe or something else.
    """
    files = [DATABASE, *(f"{DATABASE}-{suffix}" for suffix in ("wal", "shm")), LOCK, "teacher.safetensors"]
    for name in (*files, *FOLDERS, "seeder"):
        try:
            check_plain(directory / name, folder=name not in files)
        except OSError as error:
            raise damaged(f"{directory / name} cannot be used: {error.strerror}") from None
    journal = directory / f"{DATABASE}-journal"
    if os.path.lexists(journal):  # it may name any file, which SQLite would then remove
        raise damaged(f"{journal} is none of a run's files")


def damaged(what: str) -> StoreError:
    """An error that says what is wrong with a run that others may have made, or that a disk has harmed."""
    return StoreError(f"this run is damaged: {what}")


@contextmanager
def sqlite_errors(directory: Path) -> Iterator[None]:
    """Errors of SQLite as one sentence; a full disk and a lock are no damage."""
    try:
        yield
    except BadRow as error:
        raise damaged(f"{directory / DATABASE}: {error}") from None
    except (sqlite3.DatabaseError, UnicodeDecodeError) as error:
        code = getattr(error, "sqlite_errorcode", None)
        if code == sqlite3.SQLITE_INTERRUPT:
            raise damaged(f"{directory / DATABASE} has more to read than its size can hold") from None
        if isinstance(error, sqlite3.OperationalError) and code not in (None, sqlite3.SQLITE_ERROR):  # a missing table
            raise StoreError(f"cannot use {directory / DATABASE}: {error}") from None
        raise StoreError(f"{directory / DATABASE} is damaged or not a run: {error}") from None


#: Largest size of a file of weights in bytes: enough for more than a hundred million edges.
MOST_BYTES = 2**30


def to_blob(weights: Weights) -> bytes:
    """Weights in the format of safetensors."""
    return safetensors.numpy.save({name: np.ascontiguousarray(array) for name, array in weights.items()})


def from_blob(blob: bytes, digest: str, place: str) -> Weights:
    """The weights in a blob; inverse of :func:`to_blob`.

    Args:
        blob: The bytes that were read.
        digest: Result of :func:`digest_of_blob` when they were written.
        place: Location of the bytes, as the subject of a sentence.

    Raises:
        StoreError: The bytes differ from the recorded ones, or are no weights.
    """
    if digest_of_blob(blob) != digest:
        raise StoreError(f"{place} is torn or was changed: its digest is not the recorded {digest}")
    try:
        return read_arrays(blob)[0]
    except ValueError as error:
        raise StoreError(f"this run is damaged: {place} holds no weights: {error}") from None


def digest_of_blob(blob: bytes) -> str:
    """The digest that a run records of bytes that it keeps."""
    return hashlib.blake2b(blob, digest_size=16).hexdigest()


def write_blob(path: Path, blob: bytes) -> None:
    """Write a file atomically and durably: a reader sees the whole file or none.

    Raises:
        StoreError: The file cannot be written.
    """
    try:
        atomic_write(path, blob)
    except OSError as error:
        raise StoreError(f"cannot write {path}: {error.strerror}") from None


def write_weights(path: Path, weights: Weights) -> str:
    """Write a file of weights, as :func:`write_blob` does. Returns the digest of its bytes."""
    blob = to_blob(weights)
    write_blob(path, blob)
    return digest_of_blob(blob)


def read_weights(path: Path, digest: str) -> Weights:
    """The weights in a file whose digest :func:`write_weights` returned.

    Raises:
        StoreError: The file is missing, unreadable, torn, or not the one that was recorded.
    """
    try:
        blob = read_regular(path, most=MOST_BYTES)
    except FileNotFoundError:
        raise StoreError(f"{path} is missing, though the run's database names it") from None
    except OSError as error:
        raise StoreError(f"cannot read {path}: {error.strerror}") from None
    return from_blob(blob, digest, str(path))
