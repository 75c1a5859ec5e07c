"""Files: written completely or not at all, and read only if they are plain files.

A folder from a third party may hold links that lead out of it, pipes that never end, and files that grow without bound.
All that evonas writes goes through :func:`replacement` (its own folders) or :func:`write_output` (a path that the user
named); all that it reads from such a folder goes through :func:`read_regular`.
"""

from __future__ import annotations

import errno
import os
import re
import secrets
import stat
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from evonas.types import UserError

#: File that marks a folder as a run, in which no link is followed.
DATABASE = "run.db"
#: Largest length of a chain of links; the system has the same limit.
MOST_LINKS = 40
#: Seconds to wait for a program that reads from a named pipe, and seconds between two checks.
READER_PATIENCE, LOOK_EVERY = 10.0, 0.05
#: Default limit in bytes of a file that is read into memory at once.
MOST_BYTES = 2**31
_DESCRIPTOR = re.compile(r"/proc/(?:self|thread-self|(?P<process>\d+))/(?:task/\d+/)?fd/(?P<number>\d+)|/dev/fd/(\d+)")


@contextmanager
def replacement(path: Path) -> Iterator[BinaryIO]:
    """A new file that replaces ``path`` when the context ends without error, durable by then; else nothing is left.

    A reader sees the old file or the whole new one. The previous entry at ``path``, even a link or a pipe, is replaced,
    never opened. The new file is created beside it under an unpredictable name.

    Raises:
        OSError: The file cannot be written.
    """
    if not path.name:
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
    partial, descriptor = _made_beside(path)
    try:
        with os.fdopen(descriptor, "w+b") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.replace(partial, path)
    except BaseException:
        with suppress(OSError):  # in a read-only folder nothing can be removed
            partial.unlink()
        raise


def atomic_write(path: Path, content: bytes) -> None:
    """Write a file of one of the program's own folders by :func:`replacement`.

    Raises:
        OSError: The file cannot be written.
    """
    with replacement(path) as file:
        file.write(content)


def write_output(path: Path, content: bytes, *, what: str = "") -> None:
    """Write to a path that the user named.

    A plain file is replaced as a whole. A link is followed, since users name other paths that way, except inside the
    folder of a run, which may come from a third party. A pipe or a device is written into.

    Args:
        path: The path.
        content: The bytes to write.
        what: Description of the file for messages, like ``"the plot "``.

    Raises:
        UserError: It cannot be written.
        BrokenPipeError: The reader of a pipe has ended.
    """
    try:
        if (stream := _stream(path)) is not None:
            _write_into(stream, content)
            return
        atomic_write(_target(path), content)
    except BrokenPipeError:
        raise
    except (OSError, ValueError) as error:  # a path with a null character is a ValueError
        remedy = "make its folder first" if isinstance(error, FileNotFoundError) else "name another path"
        raise UserError(f"cannot write {what}{path}: {getattr(error, 'strerror', None) or error}; {remedy}") from None


def check_ending(path: Path, *endings: str) -> None:
    """Raises :class:`UserError` for a file of the option ``--out`` that ends in something else; nothing at all is fine.

    Args:
        path: Path of a file that has one kind of content only.
        endings: Endings that say so.
    """
    if path.suffix and path.suffix.lower() not in endings and not is_stream(path):
        raise UserError(f"--out must end in {' or '.join(endings)}, since that is what is written, got {path}: rename "
                        f"it")


def is_stream(path: Path) -> bool:
    """Whether ``path`` leads to a pipe or a device, so that writing leaves no file to look at."""
    try:
        return _stream(path) is not None
    except OSError:
        return False


def read_regular(path: Path, *, most: int = MOST_BYTES, follow: bool = False) -> bytes:
    """The content of a plain file.

    Args:
        path: The file.
        most: Largest size in bytes.
        follow: See :func:`open_regular`.

    Raises:
        FileNotFoundError: There is nothing.
        OSError: It is a link, a pipe, a device or a folder, is larger than ``most``, or cannot be read; the call never
            waits for it.
    """
    with open_regular(path, follow=follow) as file:
        size = os.fstat(file.fileno()).st_size
        content = file.read(most + 1) if size <= most else b""
    if max(size, len(content)) > most:
        raise OSError(errno.EFBIG, f"it has more than the {most:,} bytes that are read")
    return content


def open_regular(path: Path, *, follow: bool) -> BinaryIO:
    """A plain file, open for reading.

    Args:
        path: The file.
        follow: Whether to follow a link, as for a path that the user named.

    Raises:
        OSError: See :func:`read_regular`.
    """
    flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
    if not follow:
        check_plain(path)
        flags |= getattr(os, "O_NOFOLLOW", 0)
    descriptor = os.open(path, flags)
    try:
        kind = os.fstat(descriptor).st_mode
        if not stat.S_ISREG(kind):
            raise OSError(errno.EINVAL, f"it is {kind_of(kind)}, expected a plain file")
        return os.fdopen(descriptor, "rb")
    except BaseException:
        os.close(descriptor)
        raise


def check_plain(path: Path, *, folder: bool = False) -> bool:
    """Whether a plain file (or folder) exists at a path.

    Links are refused: a folder from a third party must not lead out of itself.

    Raises:
        OSError: Something else is there.
    """
    try:
        kind = path.lstat().st_mode
    except FileNotFoundError:
        return False
    if not (stat.S_ISDIR(kind) if folder else stat.S_ISREG(kind)):
        raise OSError(errno.EINVAL, f"it is {kind_of(kind)}, expected a {'folder' if folder else 'plain file'}")
    return True


def make_folder(path: Path) -> None:
    """Create one of the program's own folders unless it exists.

    Raises:
        OSError: It cannot be created, or a link or something else is there.
    """
    if not check_plain(path, folder=True):
        path.mkdir()


def make_hidden_folder(path: Path) -> Path:
    """A new folder beside ``path`` with an unpredictable name, to be renamed to it.

    Raises:
        OSError: It cannot be created.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except FileExistsError:
        raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), str(path.parent)) from None
    partial = path.with_name(f".evonas-{secrets.token_hex(8)}.partial")
    partial.mkdir()
    return partial


def kind_of(mode: int) -> str:
    """Description of a file by its mode, as the end of a sentence."""
    kinds = {
        stat.S_IFLNK: "a link", stat.S_IFDIR: "a folder", stat.S_IFIFO: "a pipe", stat.S_IFSOCK: "a socket",
        stat.S_IFCHR: "a device", stat.S_IFBLK: "a device",
    }
    return kinds.get(stat.S_IFMT(mode), "a plain file")


def _made_beside(path: Path) -> tuple[Path, int]:
    """Create a file like ``mkstemp``, but with the permissions of any new file, or of the file that is replaced."""
    partial = path.with_name(f".evonas-{secrets.token_hex(8)}.partial")
    flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)
    descriptor = os.open(partial, flags, 0o666)
    with suppress(OSError):  # there is none yet, or the file system has no permissions
        old = path.lstat().st_mode
        if stat.S_ISREG(old):
            partial.chmod(stat.S_IMODE(old) & 0o777)
    return partial, descriptor


def _run_of(path: Path) -> Path | None:
    """The folder of the run that contains a path, None if there is none."""
    return next((folder for folder in path.absolute().parents if os.path.lexists(folder / DATABASE)), None)


def _target(path: Path) -> Path:
    """The path to write to, with links followed outside runs.

    Raises:
        OSError: The path leaves a run by a link.
    """
    run = _run_of(path)
    if run is None:
        return Path(os.path.realpath(path))
    for folder in path.absolute().parents:
        if folder == run:
            break
        check_plain(folder, folder=True)
    return path


def _stream(path: Path) -> str | int | None:
    """The descriptor of this process, or the pipe or device, that ``path`` leads to; None for anything else."""
    if _run_of(path) is not None:
        return None
    place = os.path.abspath(path)
    for _ in range(MOST_LINKS):
        named = os.path.join(os.path.realpath(os.path.dirname(place)), os.path.basename(place))
        for candidate in (place, named):
            if (found := _descriptor(candidate)) is not None:
                return found
        try:
            kind = os.lstat(place).st_mode
        except OSError:
            return None
        if not stat.S_ISLNK(kind):
            return None if stat.S_ISREG(kind) or stat.S_ISDIR(kind) else place
        place = os.path.join(os.path.dirname(named), os.readlink(place))
    raise OSError(errno.ELOOP, os.strerror(errno.ELOOP))


def _descriptor(place: str) -> int | None:
    standard = {"/dev/stdin": 0, "/dev/stdout": 1, "/dev/stderr": 2}
    if place in standard:
        return standard[place]
    found = _DESCRIPTOR.fullmatch(place)
    if found is None or found["process"] not in (None, str(os.getpid())):
        return None
    return int(found["number"] or found[3])


def _write_into(stream: str | int, content: bytes) -> None:
    if isinstance(stream, int):
        for printed in (sys.stdout, sys.stderr):  # keep the order of earlier output
            printed.flush()
        descriptor = os.dup(stream)
    else:
        descriptor = _opened(stream)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)


def _opened(place: str) -> int:
    """A descriptor of a pipe or device, open for writing; waits a while for the reader of a pipe."""
    kind = os.stat(place).st_mode
    if stat.S_ISBLK(kind):
        raise OSError(errno.EINVAL, "it is a disk")
    deadline = time.monotonic() + READER_PATIENCE
    while True:
        try:
            descriptor = os.open(place, os.O_WRONLY | os.O_NONBLOCK | os.O_NOCTTY)
        except OSError as error:
            if error.errno != errno.ENXIO or not stat.S_ISFIFO(kind):
                raise
            if time.monotonic() > deadline:
                raise OSError(errno.ENXIO, f"no program reads from this pipe for {READER_PATIENCE:.0f} s") from None
            time.sleep(LOOK_EVERY)
        else:
            os.set_blocking(descriptor, True)
            return descriptor
