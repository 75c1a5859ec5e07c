"""Small files that are made once for all processes of the user: those unused for the longest are removed."""

from __future__ import annotations

import hashlib
import os
from contextlib import suppress
from pathlib import Path

from evonas.runtimes.folders import private_folder
from evonas.serialization.files import atomic_write

#: Most files, and most bytes of all: a network leaves a few hundred bytes, a set of samples some megabytes.
MOST_FILES, MOST_BYTES = 4096, 1 << 27
#: Share of both that is left where files are removed, so that not every new one looks for an old one.
LEFT = 0.75


def digest_of(*parts: bytes) -> str:
    """Digest of several parts, whose bounds count."""
    digest = hashlib.sha256()
    for part in parts:
        digest.update(len(part).to_bytes(8, "little") + part)
    return digest.hexdigest()


def read_kept(name: str) -> bytes | None:
    """The content of a file that was kept, None if there is none; it counts as used now.

    Raises:
        UserError: See :func:`evonas.runtimes.folders.private_folder`.
    """
    path = _folder() / name
    try:
        content = path.read_bytes()
    except OSError:
        return None
    with suppress(OSError):  # another process has removed it meanwhile
        os.utime(path)
    return content


def keep(name: str, content: bytes) -> None:
    """Keep a file as far as there is room; where files have become too many, those unused for the longest go.

    Another process may remove a file at any time: readers take contents, never paths.

    Args:
        name: Says all that the content depends on.
        content: The content.

    Raises:
        UserError: See :func:`evonas.runtimes.folders.private_folder`.
    """
    folder = _folder()
    with suppress(OSError):  # the folder is full, or gone
        atomic_write(folder / name, content)
        _remove_oldest(folder)


def _folder() -> Path:
    folder = private_folder() / "targets"
    folder.mkdir(exist_ok=True)
    return folder


def _remove_oldest(folder: Path) -> None:
    """Remove the files unused for the longest where there are more than :data:`MOST_FILES` or :data:`MOST_BYTES`."""
    files: list[tuple[int, str, int]] = []
    with os.scandir(folder) as entries:
        for entry in entries:
            with suppress(OSError):  # another process has removed it meanwhile
                state = entry.stat(follow_symlinks=False)
                files.append((state.st_mtime_ns, entry.name, state.st_size))
    n_files, n_bytes = len(files), sum(size for _, _, size in files)
    if n_files <= MOST_FILES and n_bytes <= MOST_BYTES:
        return
    for _, name, size in sorted(files):
        if n_files <= LEFT * MOST_FILES and n_bytes <= LEFT * MOST_BYTES:
            break
        with suppress(OSError):
            (folder / name).unlink()
        n_files, n_bytes = n_files - 1, n_bytes - size
