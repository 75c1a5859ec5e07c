"""Arrays from ``.npz`` archives and ``.npy`` files; sizes in headers are checked before memory is allocated."""

from __future__ import annotations

import io
import os
import struct
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from evonas.data.formats import read_bytes
from evonas.data.npy_files import MAPPED, SUFFIX, npy_shapes, read_header, read_npy
from evonas.data.room import check_room, room_for
from evonas.data.unpacking import filled, unpacked
from evonas.serialization.files import open_regular
from evonas.types import DataError

#: Compressions that `numpy.savez` and `numpy.savez_compressed` use.
COMPRESSIONS = {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED}
#: Number of bytes that are read at a time.
CHUNK = 2**22
#: Errors of damaged archives: encrypted members raise RuntimeError, unknown compressions NotImplementedError.
_DAMAGE = (
    OSError, EOFError, ValueError, TypeError, KeyError, RuntimeError, NotImplementedError, SyntaxError, RecursionError,
    OverflowError, MemoryError, zipfile.BadZipFile, zlib.error,
)


def read_named(path: Path, names: Sequence[str]) -> list[NDArray[Any]]:
    """The named arrays of an ``.npz`` file, or those of a folder's ``.npy`` files, of which ``path`` is one.

    Raises:
        DataError: See :func:`read_npz`, :func:`evonas.data.npy_files.read_npy`.
    """
    return read_npy(path, names) if path.suffix == SUFFIX else read_npz(path, names)


def read_npz(path: Path, names: Sequence[str]) -> list[NDArray[Any]]:
    """The named arrays of an ``.npz`` file; pickled objects are never read.

    Raises:
        DataError: An array is missing, or the file is damaged, encrypted, claims more than it has, or does not fit into
            memory.
    """
    try:
        with _opened(path) as file, zipfile.ZipFile(file) as archive:
            size = file.seek(0, os.SEEK_END)
            members = {name: _member(archive, name, path) for name in names}
            missing = [name for name, member in members.items() if member is None]
            if missing:
                there = ", ".join(entry.filename.removesuffix(".npy")[:40] for entry in archive.infolist()[:20])
                raise DataError(f"{path}: expected the arrays {', '.join(names)}, got {there or 'none'}; add "
                                f"{', '.join(missing)} with numpy.savez")
            found = [member for member in members.values() if member is not None]
            check_room(sum(_checked(member, size, path) for member in found), path)
            return [_array(archive, member, path) for member in found]
    except DataError:
        raise
    except _DAMAGE as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else error
        raise DataError(f"{path}: expected an .npz archive of plain numeric arrays, got one that cannot be read safely "
                        f"({reason}); write it again with numpy.savez, without object arrays") from error


def array_shapes(path: Path, names: Sequence[str]) -> dict[str, tuple[int, ...] | None]:
    """The shapes of the named arrays that exist, None if one cannot be read; no values are read.

    Raises:
        DataError: The file is no archive.
    """
    if path.suffix == SUFFIX:
        return npy_shapes(path, names)
    try:
        with _opened(path) as file, zipfile.ZipFile(file) as archive:
            members = {name: _member(archive, name, path) for name in names}
            return {name: _shape(archive, member) for name, member in members.items() if member is not None}
    except DataError:
        raise
    except _DAMAGE as error:
        raise DataError(f"{path}: expected an .npz archive, got one that cannot be read ({error}); write it again with "
                        f"numpy.savez") from error


def _shape(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> tuple[int, ...] | None:
    with suppress(*_DAMAGE), archive.open(member) as file:
        header = read_header(file, member.filename)
        return None if header.dtype.hasobject else header.shape
    return None


def _opened(path: Path) -> IO[bytes]:
    return io.BytesIO(read_bytes(path)) if path.suffix == ".gz" else open_regular(path, follow=True)


def _member(archive: zipfile.ZipFile, name: str, path: Path) -> zipfile.ZipInfo | None:
    found = [entry for entry in archive.infolist() if entry.filename in (name, f"{name}.npy")]
    if len(found) > 1:
        raise DataError(f"{path}: expected one array {name}, got {len(found)}; write the file again with numpy.savez")
    return found[0] if found else None


def _checked(member: zipfile.ZipInfo, size: int, path: Path) -> int:
    """The uncompressed size of a member in bytes.

    Args:
        member: Entry of the archive.
        size: Size of the archive in bytes.
        path: The archive, for messages.

    Raises:
        ValueError: The member is not as numpy writes it.
    """
    if member.flag_bits & 0x1:
        raise ValueError(f"{member.filename} is encrypted")
    if member.compress_type not in COMPRESSIONS:
        raise ValueError(f"{member.filename} is compressed in another way than numpy does")
    if member.compress_size > size:
        raise ValueError(f"{member.filename} claims {member.compress_size:,} bytes of a file of {size:,}")
    most = member.compress_size if member.compress_type == zipfile.ZIP_STORED else room_for(member.compress_size)
    if member.file_size > most:
        raise ValueError(f"{member.filename} claims to become {member.file_size:,} bytes from {member.compress_size:,}")
    return member.file_size


def _array(archive: zipfile.ZipFile, member: zipfile.ZipInfo, path: Path) -> NDArray[Any]:
    """An array of an archive; a large one is mapped into memory, from the archive or its unpacked copy.

    Args:
        archive: The archive.
        member: Its entry.
        path: Its path; of a compressed archive the bytes are in memory already.
    """
    with archive.open(member) as file:
        header = read_header(file, member.filename)
        values = file.tell()
    header = header.checked(member.file_size - values, member.filename)
    dtype, size = header.dtype, header.n_values
    if header.n_bytes < MAPPED or path.suffix == ".gz":
        array = filled(_pieces(archive, member, values), dtype, size)
    elif member.compress_type == zipfile.ZIP_STORED:
        begin = _begin(archive, member)
        for _ in _pieces(archive, member, values):
            pass  # compares the checksum
        array = np.memmap(_file(archive), dtype, "c", begin + values, (size,))
    else:
        entry = (member.filename, member.CRC, member.file_size, member.compress_size)
        array = unpacked(path, entry, dtype, size, lambda: _pieces(archive, member, values))
    return header.array(array)


def _pieces(archive: zipfile.ZipFile, member: zipfile.ZipInfo, header: int) -> Iterator[bytes]:
    """The values of an array, a piece at a time, all bytes that it claims.

    Args:
        archive: The archive.
        member: Its entry.
        header: Size of the header before the values, in bytes.
    """
    with archive.open(member) as file:
        file.read(header)
        left = member.file_size - header
        while left:
            chunk = file.read(min(CHUNK, left))
            if not chunk:
                raise EOFError(f"{member.filename} ends {left:,} bytes early")
            left -= len(chunk)
            yield chunk
        if file.read(1):  # reading to the end also makes zipfile compare the checksum
            raise ValueError(f"{member.filename} has more than it claims")


def _file(archive: zipfile.ZipFile) -> IO[bytes]:
    assert archive.fp is not None, "it is open"
    return archive.fp


def _begin(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> int:
    """Place in the file of the first byte of a stored entry, after its own header of 30 bytes, name and extra field."""
    file = _file(archive)
    file.seek(member.header_offset)
    _, n_name, n_extra = struct.unpack("<26sHH", file.read(30))
    return member.header_offset + 30 + int(n_name) + int(n_extra)
