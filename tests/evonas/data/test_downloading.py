"""Explicit download, from a mirror that is a folder."""

from __future__ import annotations

import dataclasses
import gzip
import hashlib
from collections.abc import Callable
from pathlib import Path

import pytest

from evonas.data import DataError, downloading, fetch, load
from evonas.data.sources import SOURCES


@pytest.fixture
def mirror(write_mnist: Callable[..., Path], monkeypatch: pytest.MonkeyPatch) -> Path:
    folder: Path = write_mnist("mirror")
    digests = {
        name: hashlib.sha256(gzip.decompress((folder / f"{name}.gz").read_bytes())).hexdigest()
        for name in SOURCES["mnist"].files
    }
    monkeypatch.setattr(downloading, "SOURCES", {"mnist": dataclasses.replace(SOURCES["mnist"], files=digests)})
    return folder


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "root").mkdir()
    return tmp_path / "root"


def test_a_fetched_data_set_can_be_loaded(mirror: Path, root: Path) -> None:
    assert fetch("mnist", root=root, url=mirror.as_uri()) == root / "mnist"
    assert len(load("mnist", root=root).train) > 0
    assert sorted(path.name for path in (root / "mnist").iterdir()) == sorted(path.name for path in mirror.iterdir())


def test_files_that_are_there_are_verified_and_not_downloaded_again(mirror: Path, root: Path) -> None:
    fetch("mnist", root=root, url=mirror.as_uri())
    (mirror / "train-images-idx3-ubyte.gz").unlink()
    fetch("mnist", root=root, url=mirror.as_uri())
    (root / "mnist" / "train-images-idx3-ubyte.gz").write_bytes(gzip.compress(b"other"))
    with pytest.raises(DataError, match=r"expected content with SHA-256 .*; remove it and fetch again"):
        fetch("mnist", root=root, url=mirror.as_uri())


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (gzip.compress(b"other"), "expected content with SHA-256"),
        (b"<html>not found</html>", "expected a complete gzip"),
        (None, "expected a file to download"),
    ],
    ids=["other content", "a page", "no file"],
)
def test_a_wrong_missing_or_damaged_download_leaves_nothing_under_its_name(
    mirror: Path, root: Path, content: bytes | None, message: str,
) -> None:
    file = mirror / "train-images-idx3-ubyte.gz"
    file.unlink()
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(DataError, match=message):
        fetch("mnist", root=root, url=mirror.as_uri())
    assert not (root / "mnist").exists() or not any("train-images" in path.name for path in (root / "mnist").iterdir())


def test_an_interrupted_write_leaves_no_file(mirror: Path, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(partial: Path, target: Path) -> None:
        raise OSError("disk full")

    monkeypatch.setattr("evonas.files.os.replace", fail)
    with pytest.raises(DataError, match="expected a place to write, got disk full"):
        fetch("mnist", root=root, url=mirror.as_uri())
    assert list((root / "mnist").iterdir()) == []


@pytest.mark.parametrize(
    ("name", "hint"), [("cifar10", "cifar-10-binary"), ("digits", "choose one"), ("x", "choose one")],
)
def test_what_cannot_be_verified_is_not_downloaded(name: str, hint: str) -> None:
    with pytest.raises(DataError, match=f"expected one of mnist, fashion-mnist, got '{name}'.*{hint}"):
        fetch(name)
