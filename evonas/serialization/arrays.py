"""Named arrays with a JSON header as bytes and as files of safetensors, written atomically. No pickle is ever read."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import safetensors.numpy
from numpy.typing import NDArray
from safetensors import SafetensorError

from evonas.serialization.files import atomic_write, read_regular
from evonas.types import Encoded, UserError

#: Errors that code may raise for data of an unexpected form.
BAD_DATA = (ValueError, TypeError, LookupError, ArithmeticError, AttributeError, RecursionError, MemoryError)


def pack(data: Encoded) -> bytes:
    """An encoded genotype, or other data of that form, as bytes; its header goes into the metadata."""
    contiguous = {name: np.ascontiguousarray(array) for name, array in data.arrays.items()}
    return safetensors.numpy.save(contiguous, metadata={"header": json.dumps(data.header)})


def unpack(blob: bytes) -> Encoded:
    """The inverse of :func:`pack`.

    Raises:
        ValueError: The bytes are no packed data.
    """
    arrays, metadata = read_arrays(blob)
    try:
        return Encoded(json.loads(metadata["header"]), arrays)
    except (KeyError, ValueError, RecursionError) as error:
        raise ValueError(f"not a packed genotype: {type(error).__name__}: {error}") from None


def read_arrays(blob: bytes) -> tuple[dict[str, NDArray[Any]], dict[str, str]]:
    """The arrays of a file of safetensors and the texts of its metadata, by name.

    Raises:
        ValueError: It is no such file, it claims more than it has, or an array does not hold numbers.
    """
    try:
        arrays = safetensors.numpy.load(blob)
        length = int.from_bytes(blob[:8], "little")
        metadata = json.loads(blob[8 : 8 + length]).get("__metadata__") or {}
    except (SafetensorError, *BAD_DATA) as error:
        raise ValueError(f"not a file of arrays: {error}") from None
    for name, array in arrays.items():
        if array.dtype.kind not in "biuf":
            raise ValueError(f"the array {name[:60]!r} holds {array.dtype}, expected numbers")
    return arrays, metadata


def save(path: Path, data: Encoded) -> None:
    """Write a checkpoint in the place of an earlier one.

    Raises:
        UserError: It cannot be written.
    """
    try:
        atomic_write(path, pack(data))
    except OSError as error:
        raise UserError(f"cannot write {path}: {error.strerror}") from None


def load(path: Path) -> Encoded | None:
    """The checkpoint that :func:`save` wrote, None if there is none.

    Raises:
        UserError: It cannot be read, or is damaged.
    """
    try:
        return unpack(read_regular(path))
    except FileNotFoundError:
        return None
    except OSError as error:
        raise UserError(f"cannot read {path}: {error.strerror}") from None
    except ValueError as error:
        raise UserError(f"{path} is damaged ({error}): delete it, and what it holds is computed again") from None
