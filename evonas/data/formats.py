"""Readers of the file formats: bytes become plain arrays; damage raises a :class:`DataError` that names the file."""

from __future__ import annotations

import csv
import gzip
import math
import os
import zlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from evonas.data.room import check_room, room_for
from evonas.serialization.files import open_regular
from evonas.types import DataError, Doubles

#: One label byte, then the red, green and blue planes of a 32 x 32 image (https://www.cs.toronto.edu/~kriz/cifar.html).
CIFAR_RECORD = 1 + 3 * 32 * 32
#: Upper bound of gzip's compression ratio.
DEFLATE = 1100


def read_bytes(path: Path) -> bytes:
    """The content of ``path``, decompressed if its name ends in ``.gz``.

    Raises:
        DataError: The file cannot be read, or exceeds the available room.
    """
    try:
        with open_regular(path, follow=True) as file:
            size = os.fstat(file.fileno()).st_size
            check_room(size, path)
            if path.suffix != ".gz":
                return file.read()
            most = room_for(size)
            file.seek(max(0, size - 4))
            told = int.from_bytes(file.read(4), "little")
            if most < told < DEFLATE * size:  # a larger ratio is impossible in gzip
                raise _too_much(path, size, most)
            file.seek(0)
            with gzip.open(file) as unpacked:
                content = unpacked.read(most + 1)
    except (OSError, EOFError, zlib.error) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else error
        raise DataError(f"{path}: expected a complete, readable file, got {reason}; get the file again") from error
    if len(content) > most:
        raise _too_much(path, size, most)
    return content


def _too_much(path: Path, size: int, most: int) -> DataError:
    return DataError(f"{path}: expected at most {most:,} bytes from {size:,} compressed ones, got more; get the file "
                     f"again, or store it uncompressed")


def parse_idx(content: bytes, path: Path, n_dims: int) -> NDArray[np.uint8]:
    """The array of ``n_dims`` dimensions in an IDX file of unsigned bytes.

    Format: two zero bytes, the type (8 = unsigned byte), the number of dimensions, each dimension as a big-endian
    32-bit integer, the values (http://yann.lecun.com/exdb/mnist/).

    Args:
        content: Content of the file.
        path: The file, for messages.
        n_dims: Expected number of dimensions.

    Raises:
        DataError: The content is no such file.
    """
    magic, header = 0x0800 + n_dims, 4 + 4 * n_dims
    found = int.from_bytes(content[:4], "big")
    if found != magic or len(content) < header:
        raise DataError(
            f"{path}: expected an IDX file of unsigned bytes in {n_dims} dimensions (magic {magic:#010x}), got magic "
            f"{found:#010x} in {len(content)} bytes; check that the file is the one its name says"
        )
    shape = [int(size) for size in np.frombuffer(content, ">u4", n_dims, offset=4)]
    if len(content) - header != math.prod(shape):
        raise DataError(
            f"{path}: expected {math.prod(shape)} bytes of data as its header {tuple(shape)} says, got "
            f"{len(content) - header}; the file is damaged, get it again"
        )
    return np.frombuffer(content, np.uint8, offset=header).reshape(shape)


def parse_cifar10(content: bytes, path: Path) -> NDArray[np.uint8]:
    """A file of CIFAR-10's binary version as records, shape ``(n, 3073)``: the label, then the pixels.

    Raises:
        DataError: The content is no multiple of a record.
    """
    if len(content) % CIFAR_RECORD:
        raise DataError(
            f"{path}: expected records of {CIFAR_RECORD} bytes (CIFAR-10, binary version), got {len(content)} bytes, "
            f"which is no multiple; the file is damaged or of another version, get the binary version again"
        )
    return np.frombuffer(content, np.uint8).reshape(-1, CIFAR_RECORD)


def read_csv(path: Path, columns: Sequence[str]) -> Doubles:
    """The named numeric columns of a comma-separated file with a header, shape ``(n, len(columns))``.

    Raises:
        DataError: The file cannot be read, a column is missing, there are no rows, or a value is no number.
    """
    try:
        rows = list(csv.reader(read_bytes(path).decode("utf-8-sig").splitlines()))
    except (UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"{path}: expected comma-separated text, got {error}; get the file again") from error
    header = [name.strip() for name in rows[0]] if rows else []
    missing = [name for name in columns if name not in header]
    if missing:
        raise DataError(f"{path}: expected a header with the columns {', '.join(columns)}, got none named "
                        f"{', '.join(missing)}; add the header or get the file again")
    if len(rows) < 2:
        raise DataError(f"{path}: expected lines of numbers below the header, got none; add the samples")
    values = np.empty((len(rows) - 1, len(columns)))
    for i, row in enumerate(rows[1:]):
        for j, name in enumerate(columns):
            try:
                values[i, j] = float(row[header.index(name)])
            except (ValueError, IndexError) as error:
                raise DataError(
                    f"{path}: expected a number in line {i + 2}, column {name}, got {','.join(row)!r}; "
                    f"complete or remove the line"
                ) from error
    return values
