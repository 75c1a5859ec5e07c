"""Genotypes and weights as bytes: safetensors, whole and checked. No pickle is ever read."""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path

import numpy as np
import safetensors.numpy
from safetensors import SafetensorError

from evonas.space import Encoded
from evonas.store.directory import StoreError
from evonas.types import Weights


def pack(data: Encoded) -> bytes:
    """An encoded genotype; its header goes into the metadata."""
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


def write_weights(path: Path, weights: Weights) -> str:
    """Atomic: a reader sees the whole file or none. Returns the digest of its bytes."""
    blob = safetensors.numpy.save({name: np.ascontiguousarray(array) for name, array in weights.items()})
    partial = path.with_suffix(".partial")
    try:
        with partial.open("wb") as file:
            file.write(blob)
            file.flush()
            os.fsync(file.fileno())
        os.replace(partial, path)
    except OSError as error:
        raise StoreError(f"cannot write the weights file {path}: {error.strerror}") from None
    return hashlib.blake2b(blob, digest_size=16).hexdigest()


def read_weights(path: Path, digest: str) -> Weights:
    """Weights of which :func:`write_weights` returned the digest.

    Raises:
        StoreError: The file is missing, unreadable, torn, or not the one that was recorded.
    """
    try:
        blob = path.read_bytes()
    except FileNotFoundError:
        raise StoreError(f"the weights file {path} is missing, though the run's database names it") from None
    except OSError as error:
        raise StoreError(f"cannot read the weights file {path}: {error.strerror}") from None
    if hashlib.blake2b(blob, digest_size=16).hexdigest() != digest:
        raise StoreError(f"the weights file {path} is torn or was changed: its digest is not the recorded {digest}")
    return safetensors.numpy.load(blob)
