"""Unpacked copies of large compressed arrays, which are mapped into memory by every process that reads them."""

from __future__ import annotations

import hashlib
import os
import sys
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from evonas.serialization.files import replacement

#: Days after which a copy that has not been used is removed.
MOST_DAYS = 30


def cache_folder() -> Path:
    """Folder of the copies: in the user's cache."""
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches" / "evonas" / "unpacked"
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "evonas" / "unpacked"


def unpacked(
    path: Path, entry: tuple[object, ...], dtype: np.dtype[Any], size: int, pieces: Callable[[], Iterable[bytes]]
) -> NDArray[Any]:
    """An array of an archive, mapped from its copy, which is made first if it is missing; without room for that, read.

    Args:
        path: The archive; another file, or another time of change, is another copy.
        entry: Name, checksum and sizes of the array's entry.
        dtype: Type of the values.
        size: Number of the values.
        pieces: Gives the bytes of the array from its beginning.
    """
    real = Path(os.path.realpath(path))
    stat = real.stat()
    name = hashlib.blake2b(repr((str(real), stat.st_size, stat.st_mtime_ns, entry)).encode(), digest_size=16)
    folder = cache_folder()
    copy = folder / f"{name.hexdigest()}.bin"
    try:
        if not (copy.is_file() and not copy.is_symlink() and copy.stat().st_size == dtype.itemsize * size):
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            _remove_unused(folder)
            with replacement(copy) as file:
                for piece in pieces():
                    file.write(piece)
        os.utime(copy)  # it has been used
        return np.memmap(copy, dtype, "c", 0, (size,))
    except OSError:
        return filled(pieces(), dtype, size)


def filled(pieces: Iterable[bytes], dtype: np.dtype[Any], size: int) -> NDArray[Any]:
    """A new array of these bytes.

    Args:
        pieces: The bytes of the array from its beginning.
        dtype: Type of the values.
        size: Number of the values.
    """
    array = np.empty(size, dtype)
    view, start = array.view(np.uint8), 0
    for piece in pieces:
        view[start : start + len(piece)] = np.frombuffer(piece, np.uint8)
        start += len(piece)
    return array


def _remove_unused(folder: Path) -> None:
    before = time.time() - MOST_DAYS * 24 * 3600
    for copy in folder.glob("*.bin"):
        with suppress(OSError):
            if copy.stat().st_mtime < before:
                copy.unlink()
