"""Weights as files whose digests a run records."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import safetensors.numpy

from evonas.encoding import read_arrays
from evonas.files import read_regular, write_whole
from evonas.store.directory import StoreError
from evonas.types import Weights

#: Most bytes of a file of weights: a hundred million edges and more.
MOST_BYTES = 2**30


def write_weights(path: Path, weights: Weights) -> str:
    """Atomic: a reader sees the whole file or none. Returns the digest of its bytes."""
    blob = safetensors.numpy.save({name: np.ascontiguousarray(array) for name, array in weights.items()})
    try:
        write_whole(path, blob)
    except OSError as error:
        raise StoreError(f"cannot write {path}: {error.strerror}") from None
    return hashlib.blake2b(blob, digest_size=16).hexdigest()


def read_weights(path: Path, digest: str) -> Weights:
    """Weights of which :func:`write_weights` returned the digest.

    Raises:
        StoreError: The file is missing, unreadable, torn, or not the one that was recorded.
    """
    try:
        blob = read_regular(path, most=MOST_BYTES)
    except FileNotFoundError:
        raise StoreError(f"{path} is missing, though the run's database names it") from None
    except OSError as error:
        raise StoreError(f"cannot read {path}: {error.strerror}") from None
    if hashlib.blake2b(blob, digest_size=16).hexdigest() != digest:
        raise StoreError(f"{path} is torn or was changed: its digest is not the recorded {digest}")
    try:
        return read_arrays(blob)[0]
    except ValueError as error:
        raise StoreError(f"this run is damaged: {path} holds no weights: {error}") from None
