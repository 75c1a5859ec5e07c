"""Explicit download, from a mirror that is a folder."""

from __future__ import annotations

import dataclasses
import errno
import gzip
import hashlib
import shutil
from collections.abc import Callable, Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

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

    monkeypatch.setattr("evonas.serialization.files.os.replace", fail)
    with pytest.raises(DataError, match="expected a place to write, got disk full"):
        fetch("mnist", root=root, url=mirror.as_uri())
    assert list((root / "mnist").iterdir()) == []


class Faulty(SimpleHTTPRequestHandler):
    """Serves a folder; the first requests go wrong, in the way that the server says."""

    def do_GET(self) -> None:
        faults = self.server.faults  # type: ignore[attr-defined]
        fault = faults.pop(0) if faults else ""
        if fault == "busy":
            self.send_error(503)
        elif fault == "cut short":
            self.send_response(200)
            self.send_header("Content-Length", "1000000")
            self.end_headers()
            self.wfile.write(b"begun")
        else:
            super().do_GET()

    def log_message(self, *_: object) -> None:
        """Nothing is printed."""


@pytest.fixture
def server(mirror: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ThreadingHTTPServer]:
    """The mirror over HTTP on this machine; time between attempts passes at once."""
    monkeypatch.setenv("NO_PROXY", "*")
    monkeypatch.setattr("pooch.core.time.sleep", lambda seconds: None)
    served = ThreadingHTTPServer(("127.0.0.1", 0), partial(Faulty, directory=str(mirror)))
    served.faults = []  # type: ignore[attr-defined]
    Thread(target=served.serve_forever, daemon=True).start()
    yield served
    served.shutdown()
    served.server_close()


class Counted:
    """Adds up what it is told of each file."""

    def __init__(self) -> None:
        self.total = self.n_bytes = self.n_files = 0

    def update(self, n_bytes: int) -> None:
        self.n_bytes += n_bytes

    def reset(self) -> None:
        self.n_bytes = 0

    def close(self) -> None:
        assert self.n_bytes == self.total > 0
        self.n_bytes, self.n_files = 0, self.n_files + 1


@pytest.mark.parametrize("fault", ["busy", "cut short"])
def test_a_download_that_fails_on_the_way_is_tried_again(
    server: ThreadingHTTPServer, root: Path, fault: str
) -> None:
    server.faults += [fault, fault]  # type: ignore[attr-defined]
    progress = Counted()
    fetch("mnist", root=root, url=f"http://127.0.0.1:{server.server_port}", progress=progress)
    assert len(load("mnist", root=root).train) > 0
    assert progress.n_files == 4
    assert len(list((root / "mnist").iterdir())) == 4


def test_a_server_that_keeps_failing_is_given_up(server: ThreadingHTTPServer, root: Path) -> None:
    server.faults += ["busy"] * 10  # type: ignore[attr-defined]
    address = f"http://127.0.0.1:{server.server_port}"
    with pytest.raises(DataError, match=r"-ubyte\.gz: expected a file to download, got 503 .*; check the network, or"):
        fetch("mnist", root=root, url=address)
    assert len(server.faults) == 7  # type: ignore[attr-defined]
    assert not (root / "mnist").exists()
    with pytest.raises(DataError, match="expected a file to download"):
        fetch("mnist", root=root, url=f"{address}/nowhere")
    server.server_close()
    with pytest.raises(DataError, match="expected a file to download"):
        fetch("mnist", root=root, url=f"gopher{address[4:]}")


def test_a_full_disk_is_no_fault_of_the_network(mirror: Path, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(source: str, target: str) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(shutil, "copyfile", fail)
    with pytest.raises(DataError, match=r"expected a place to write, got .*No space left .*; make room, or name anoth"):
        fetch("mnist", root=root, url=mirror.as_uri())
    assert not (root / "mnist").exists()


@pytest.mark.parametrize(
    ("name", "hint"), [("cifar10", "cifar-10-binary"), ("digits", "choose one"), ("x", "choose one")],
)
def test_what_cannot_be_verified_is_not_downloaded(name: str, hint: str) -> None:
    with pytest.raises(DataError, match=f"expected one of mnist, fashion-mnist, got '{name}'.*{hint}"):
        fetch(name)
