"""Explicit, verified download of a data set's published files. Nothing else in this package touches the network."""

from __future__ import annotations

import errno
import gzip
import hashlib
import logging
import shutil
import zlib
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Protocol
from urllib.parse import urlsplit
from urllib.request import url2pathname

from evonas.data.formats import read_bytes
from evonas.data.locating import data_folders
from evonas.data.sources import SOURCES, stored
from evonas.serialization.files import write_whole
from evonas.types import DataError

#: Seconds without an answer after which a download is tried again, and how often it is, after 1, 2, ... seconds.
TIMEOUT, RETRIES = 60, 2
#: Bytes that are stored at a time.
CHUNK = 2**16
#: What a disk without room says.
NO_ROOM = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


class Progress(Protocol):
    """What is told how much of a file has come; pooch calls it."""

    total: int

    def update(self, n_bytes: int) -> None:
        """More bytes have come."""
        ...

    def reset(self) -> None:
        """Counting begins anew."""
        ...

    def close(self) -> None:
        """The file is complete."""
        ...


def fetch(
    name: str, *, root: str | Path | None = None, url: str | None = None, progress: Progress | None = None
) -> Path:
    """Downloads the files of a data set that are not there yet; verifies each by SHA-256 and stores it atomically.

    Args:
        name: A data set whose published files have a verified SHA-256 (``mnist``, ``fashion-mnist``).
        root: Data folder; the files go to ``root/name``. None takes ``$EVONAS_DATA`` or else the user's data folder.
        url: Base address of a mirror that serves the same files as ``.gz``; None takes the publisher's.
        progress: Is told how much of each file has come.

    Returns:
        The folder of the files.

    Raises:
        DataError: If there is nothing to download for ``name``, or if a file cannot be downloaded, verified or stored.
    """
    fetchable = [source.name for source in SOURCES.values() if source.url]
    if name not in fetchable:
        by_hand = f"; by hand: {SOURCES[name].origin}" if name in SOURCES and SOURCES[name].origin else ""
        raise DataError(f"fetch: expected one of {', '.join(fetchable)}, got {name!r}"
                        f"{by_hand or '; choose one of these'}")
    source = SOURCES[name]
    base = f"{(url or source.url or '').rstrip('/')}/"
    folder = data_folders(root)[0] / name
    for file, digest in source.files.items():
        present = stored(folder, file)
        if present is not None:
            _verify(read_bytes(present), digest, str(present), "remove it and fetch again")
            continue
        address = f"{base}{file}.gz"
        compressed = _download(address, progress)
        _verify(_decompressed(compressed, address), digest, address, f"try another mirror, or {source.origin}")
        _write(folder / f"{file}.gz", compressed)
    return folder


def _download(address: str, progress: Progress | None) -> bytes:
    """The content at an address of http, https, ftp or file; what fails on the way is tried again."""
    import pooch  # here, because it takes a moment that only downloads need

    pooch.get_logger().setLevel(logging.WARNING)  # the command says itself where the data set is
    with TemporaryDirectory(prefix="evonas-") as folder:
        store = pooch.create(path=folder, base_url="", registry={"file": None}, urls={"file": address},
                             retry_if_failed=RETRIES)
        try:
            return Path(store.fetch("file", downloader=_downloader(address, progress))).read_bytes()
        except (OSError, EOFError, ValueError) as error:  # OSError: also what requests and ftplib raise
            if isinstance(error, OSError) and error.errno in NO_ROOM:
                raise DataError(f"{folder}: expected a place to write, got {error}; make room, or name another by "
                                f"$TMPDIR") from error
            raise DataError(f"{address}: expected a file to download, got {error}; check the network, or download it "
                            f"by hand into a data folder") from error


def _downloader(address: str, progress: Progress | None) -> Any:
    """What pooch calls with an address and the path of a new file."""
    import pooch

    protocol = urlsplit(address).scheme
    if protocol == "file":  # a mirror in a folder, which pooch does not know
        return lambda url, path, _: shutil.copyfile(url2pathname(urlsplit(url).path), path)
    if protocol == "ftp":
        return pooch.FTPDownloader(timeout=TIMEOUT, chunk_size=CHUNK)
    return pooch.HTTPDownloader(timeout=TIMEOUT, chunk_size=CHUNK, progressbar=progress or False)


def _decompressed(compressed: bytes, address: str) -> bytes:
    try:
        return gzip.decompress(compressed)
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(f"{address}: expected a complete gzip file, got {error}; try another mirror") from error


def _verify(content: bytes, digest: str | None, origin: str, remedy: str) -> None:
    found = hashlib.sha256(content).hexdigest()
    if found != digest:
        raise DataError(f"{origin}: expected content with SHA-256 {digest}, got {found}; {remedy}")


def _write(path: Path, content: bytes) -> None:
    """Whole or not at all: no half of a file is ever found under ``path``."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(path, content)
    except OSError as error:
        raise DataError(f"{path}: expected a place to write, got {error}; choose another root") from error
