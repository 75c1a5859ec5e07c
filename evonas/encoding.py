"""Named arrays with a JSON header as bytes and as files: safetensors, whole or not at all. No pickle is ever read."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import safetensors.numpy
from safetensors import SafetensorError

from evonas.files import read_regular, write_whole
from evonas.space import Encoded
from evonas.types import UserError


def pack(data: Encoded) -> bytes:
    """An encoded genotype, or anything of that form; its header goes into the metadata."""
    contiguous = {name: np.ascontiguousarray(array) for name, array in data.arrays.items()}
    return safetensors.numpy.save(contiguous, metadata={"header": json.dumps(data.header)})


def unpack(blob: bytes) -> Encoded:
    """The inverse of :func:`pack`; ``ValueError`` for anything else."""
    try:
        arrays = safetensors.numpy.load(blob)
        length = int.from_bytes(blob[:8], "little")
        return Encoded(json.loads(json.loads(blob[8 : 8 + length])["__metadata__"]["header"]), arrays)
    except (SafetensorError, KeyError) as error:
        raise ValueError(f"not a packed genotype: {error}") from None


def save(path: Path, data: Encoded) -> None:
    """Write a checkpoint, in the place of an earlier one; raises :class:`UserError` if that cannot be done."""
    try:
        write_whole(path, pack(data))
    except OSError as error:
        raise UserError(f"cannot write {path}: {error.strerror}") from None


def load(path: Path) -> Encoded | None:
    """What :func:`save` wrote there, None if nothing; raises :class:`UserError` if that cannot be read."""
    try:
        return unpack(read_regular(path))
    except FileNotFoundError:
        return None
    except OSError as error:
        raise UserError(f"cannot read {path}: {error.strerror}") from None
    except ValueError as error:
        raise UserError(f"{path} is damaged ({error}): delete it, and what it holds is computed again") from None
