"""Arrays from ``.npy`` files that lie beside each other; the size in a header is checked before memory is allocated."""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO, Any, NamedTuple

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from evonas.data.room import check_room
from evonas.serialization.files import open_regular
from evonas.types import DataError

SUFFIX = ".npy"
#: Arrays of fewer bytes are read; others are mapped, so that memory holds what of them is used at the moment.
MAPPED = 2**25
#: Bytes of the longest name that a file can have.
LONGEST = 255
#: How texts become labels.
NUMBERING = ("number the classes alike in every part, as classes, y = np.unique(y, return_inverse=True) does, and "
             "store classes.astype(str) as an array classes")
#: What archives and arrays begin with.
_ARCHIVE, _ARRAY = b"PK\x03\x04", npy.MAGIC_PREFIX
#: Errors of damaged files.
_DAMAGE = (OSError, EOFError, ValueError, TypeError, SyntaxError, RecursionError, OverflowError, MemoryError)


class Header(NamedTuple):
    """What stands before the values of an array.

    Attributes:
        shape: Shape of the array.
        fortran: Whether columns come first.
        dtype: Type of its values.
    """

    shape: tuple[int, ...]
    fortran: bool
    dtype: np.dtype[Any]

    @property
    def n_values(self) -> int:
        """Number of the values."""
        return math.prod(self.shape)

    @property
    def n_bytes(self) -> int:
        """Size of the values in bytes."""
        return self.n_values * self.dtype.itemsize

    def checked(self, n_bytes: int, name: str) -> Header:
        """Return the header, where it says what there is.

        Args:
            n_bytes: Number of the bytes behind the header.
            name: Name of the array, for messages.

        Raises:
            ValueError: The array holds no numbers, or the header claims more or less than there is.
        """
        if self.dtype.kind == "V" or self.dtype.hasobject or self.dtype.itemsize == 0:
            way = f": {NUMBERING}" if self.dtype.hasobject and name.startswith("y") else ""
            raise ValueError(f"{name} holds {self.dtype}, which is no number{way}")
        if min(self.shape, default=0) < 0 or self.n_bytes != n_bytes:
            raise ValueError(f"the header of {name} claims {self.n_bytes:,} bytes, shape {str(self.shape)[:80]}, but "
                             f"there are {n_bytes:,}")
        return self

    def array(self, values: NDArray[Any]) -> NDArray[Any]:
        """Return values ``(n_values,)`` in the array's shape."""
        return np.asarray(values).reshape(self.shape, order="F" if self.fortran else "C")


def read_header(file: IO[bytes], name: str) -> Header:
    """The header of an array.

    Args:
        file: The file, at its beginning; afterwards behind the header.
        name: Name of the array, for messages.

    Raises:
        ValueError: It has an unknown format.
    """
    version = npy.read_magic(file)
    if version not in ((1, 0), (2, 0)):
        raise ValueError(f"{name} has the format {version}, expected (1, 0) or (2, 0)")
    return Header(*(npy.read_array_header_1_0(file) if version == (1, 0) else npy.read_array_header_2_0(file)))


def read_npy(path: Path, names: Sequence[str]) -> list[NDArray[Any]]:
    """The arrays ``NAME.npy`` beside a file; pickled objects are never read.

    Args:
        path: One of the files.
        names: Names of the arrays.

    Raises:
        DataError: A file is missing or damaged, or does not fit into memory; or a name is that of a file.
    """
    files = [_beside(path, name) for name in names]
    if missing := [file.name for file in files if not file.is_file()]:
        raise DataError(f"{path.parent}: expected the arrays {', '.join(file.name for file in files)}, one a file, got "
                        f"no {' and no '.join(missing)}; save what is missing with numpy.save")
    check_room(sum(file.stat().st_size for file in files), path.parent)
    return [_read(file) for file in files]


def npy_shapes(path: Path, names: Sequence[str]) -> dict[str, tuple[int, ...] | None]:
    """The shapes of the arrays ``NAME.npy`` beside a file that exist, None if one cannot be read; no values are read.

    Args:
        path: One of the files.
        names: Names of the arrays.

    Raises:
        DataError: A name is that of a file.
    """
    files = {name: _beside(path, name) for name in names}
    return {name: _shape(file) for name, file in files.items() if file.is_file()}


def check_ending(path: Path) -> None:
    """Raise :class:`DataError` for an archive that is named as an array, or the reverse."""
    begin = b""
    with suppress(*_DAMAGE), open_regular(path, follow=True) as file:
        begin = file.read(len(_ARRAY))
    if path.suffix == SUFFIX and begin.startswith(_ARCHIVE):
        raise DataError(f"{path}: expected an array, as numpy.save writes it, got an .npz archive of arrays: rename it "
                        f"to {path.stem}.npz")
    if path.suffix == ".npz" and begin == _ARRAY:
        raise DataError(f"{path}: expected an archive, as numpy.savez writes it, got an array alone: rename it to "
                        f"{path.stem}{SUFFIX}")


def _beside(path: Path, name: str) -> Path:
    """The file of an array beside another file."""
    plain = Path(name).name.removesuffix(SUFFIX)
    if plain != name or not name or "\0" in name:
        instead = f"give {plain:.80}, stored in that folder" if plain else "correct it"
        raise DataError(f"{path}: expected the name of an array beside it, without folder and without {SUFFIX}, as "
                        f"group_train, got {name!r:.200}; {instead}")
    if len(os.fsencode(name + SUFFIX)) > LONGEST:
        raise DataError(f"{path}: expected the name of an array beside it, got one of {len(name)} letters, which no "
                        f"file can have; shorten it")
    return path.with_name(name + SUFFIX)


def _shape(path: Path) -> tuple[int, ...] | None:
    with suppress(*_DAMAGE), open_regular(path, follow=True) as file:
        header = read_header(file, path.name)
        return None if header.dtype.hasobject else header.shape
    return None


def _read(path: Path) -> NDArray[Any]:
    try:
        with open_regular(path, follow=True) as file:
            header = read_header(file, path.name)
            begin = file.tell()
            header = header.checked(os.fstat(file.fileno()).st_size - begin, path.name)
            if header.n_bytes < MAPPED:
                return header.array(np.frombuffer(bytearray(file.read()), header.dtype, header.n_values))
            return header.array(np.memmap(file, header.dtype, "c", begin, (header.n_values,)))
    except _DAMAGE as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else error
        raise DataError(f"{path}: expected an .npy file of a plain numeric array, got one that cannot be read safely "
                        f"({reason}); write it again with numpy.save, without objects") from error
