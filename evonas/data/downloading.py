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
from evonas.serialization.files import atomic_write
from evonas.types import DataError

#: Seconds without an answer after which a download is retried, and the number of retries, after 1, 2, ... seconds.
TIMEOUT, RETRIES = 60, 2
#: Number of bytes that are stored at a time.
CHUNK = 2**16
#: Error numbers of a full disk.
NO_ROOM = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


class Progress(Protocol):
    """Observer of the progress of a download; pooch calls it.

    Attributes:
        total: Size of the file in bytes.
    """

    total: int

    def update(self, n_bytes: int) -> None:
        """Add bytes that have arrived."""
        ...

    def reset(self) -> None:
        """Reset the count."""
        ...

    def close(self) -> None:
        """Report that the file is complete."""
        ...


def fetch(
    name: str, *, root: str | Path | None = None, url: str | None = None, progress: Progress | None = None
) -> Path:
    """Download the missing files of a data set; each is verified by SHA-256 and stored atomically.

    Args:
        name: A data set whose published files have a verified SHA-256 (``mnist``, ``fashion-mnist``).
        root: Data folder; the files go to ``root/name``. None means ``$EVONAS_DATA`` or else the user's data folder.
        url: Base address of a mirror that serves the same files as ``.gz``; None means the publisher's.
        progress: Observer of the progress of each file.

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
    """The content at an address of http, https, ftp or file; failed transfers are retried."""
    import pooch  # imported here because only downloads need it

    pooch.get_logger().setLevel(logging.WARNING)  # the command itself reports the location of the data set
    with TemporaryDirectory(prefix="evonas-") as folder:
        store = pooch.create(path=folder, base_url="", registry={"file": None}, urls={"file": address},
                             retry_if_failed=RETRIES)
        try:
            return Path(store.fetch("file", downloader=_downloader(address, progress))).read_bytes()
        except (OSError, EOFError, ValueError) as error:  # the errors of requests and ftplib are OSErrors
            if isinstance(error, OSError) and error.errno in NO_ROOM:
                raise DataError(f"{folder}: expected a place to write, got {error}; make room, or name another by "
                                f"$TMPDIR") from error
            raise DataError(f"{address}: expected a file to download, got {error}; check the network, or download it "
                            f"by hand into a data folder") from error


def _downloader(address: str, progress: Progress | None) -> Any:
    """The callable that pooch calls with an address and the path of a new file."""
    import pooch

    protocol = urlsplit(address).scheme
    if protocol == "file":  # a mirror in a folder, which pooch does not support
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
    """Write a file completely or not at all, so that ``path`` never holds a partial file."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        atomic_write(path, content)
    except OSError as error:
        raise DataError(f"{path}: expected a place to write, got {error}; choose another root") from error
