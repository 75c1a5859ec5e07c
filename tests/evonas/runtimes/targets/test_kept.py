"""Files that are kept for all processes: they are few, the ones in use stay, and losing one costs only its making."""

from __future__ import annotations

import multiprocessing
import os
import tempfile
from pathlib import Path

import numpy as np
import pytest

from evonas.runtimes.compiled import find_compiler
from evonas.runtimes.folders import private_folder
from evonas.runtimes.targets import built_in_targets
from evonas.runtimes.targets import kept as module
from evonas.runtimes.targets.kept import keep, read_kept
from tests.evonas.runtimes.targets.targets_of_tests import SAMPLES, measured, summing

LIMIT = 40


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Folder of what is kept, empty and of this test alone, with room for few files."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setattr(module, "MOST_FILES", LIMIT)
    return private_folder() / "targets"


def age(path: Path, seconds: float) -> None:
    """Let a file be unused for a time."""
    then = path.stat().st_mtime - seconds
    os.utime(path, (then, then))


def test_what_is_kept_is_read_and_what_is_not_is_none(folder: Path) -> None:
    assert read_kept("a.o") is None
    keep("a.o", b"content")
    keep("a.o", b"newer")
    assert read_kept("a.o") == b"newer"


def test_files_unused_for_the_longest_go_first(folder: Path) -> None:
    for number in range(LIMIT):
        keep(f"{number}.o", b"x")
        age(folder / f"{number}.o", 1000 - number)
    assert len(list(folder.iterdir())) == LIMIT
    assert read_kept("0.o") == b"x"  # the oldest has been used now
    keep("last.o", b"x")
    left = {path.stem for path in folder.iterdir()}
    assert len(left) == LIMIT * 3 // 4
    assert left == {"0", "last", *map(str, range(LIMIT - len(left) + 2, LIMIT))}


def test_large_files_are_bounded_by_their_bytes(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_BYTES", 10_000)
    for number in range(10):
        keep(f"{number}.o", bytes(3000))
        age(folder / f"{number}.o", 100 - number)
        assert sum(path.stat().st_size for path in folder.iterdir()) <= 10_000
    assert read_kept("9.o") == bytes(3000)
    assert read_kept("0.o") is None


def test_a_folder_that_takes_nothing_more_is_no_failure(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(path: Path, content: bytes) -> None:
        raise OSError("no space left")

    monkeypatch.setattr(module, "atomic_write", full)
    keep("a.o", b"content")
    assert read_kept("a.o") is None


def _use(folder: str, seed: int) -> None:
    tempfile.tempdir = folder
    module.MOST_FILES = LIMIT
    rng = np.random.default_rng(seed)
    for _ in range(300):
        number = int(rng.integers(3 * LIMIT))
        content = bytes([number]) * 2000
        found = read_kept(f"{number}.o")
        assert found in (None, content), "a part of a file was read"
        if found is None:
            keep(f"{number}.o", content)


def test_processes_that_keep_and_remove_at_once_never_fail(folder: Path, tmp_path: Path) -> None:
    workers = [multiprocessing.get_context("spawn").Process(target=_use, args=(str(tmp_path), s)) for s in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert [worker.exitcode for worker in workers] == [0] * 4
    keep("last.o", b"x")
    assert len(list(folder.iterdir())) <= LIMIT
    assert not list(folder.glob("*.partial"))


@pytest.mark.skipif(find_compiler() is None, reason="no C compiler")
def test_images_are_built_where_every_kept_object_is_removed_at_once(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    host = built_in_targets()["host"]
    copies = [host.model_copy(update={"description": text}) for text in "ab"]  # not built in: figures are not kept
    expected = measured(copies[0], summing())
    monkeypatch.setattr(module, "MOST_FILES", 0)
    found = measured(copies[1], summing())
    assert not list(folder.iterdir())
    assert found[:2] == expected[:2]
    np.testing.assert_array_equal(found.outputs, np.stack([SAMPLES.sum(1), SAMPLES[:, 0]], 1))
