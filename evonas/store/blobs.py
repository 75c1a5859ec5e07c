"""Weights as bytes whose digests a run records: values of its database, and files where they are large."""

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


def to_blob(weights: Weights) -> bytes:
    """Weights as a file of safetensors has them."""
    return safetensors.numpy.save({name: np.ascontiguousarray(array) for name, array in weights.items()})


def from_blob(blob: bytes, digest: str, place: str) -> Weights:
    """The inverse of :func:`to_blob`.

    Args:
        blob: What was read.
        digest: What :func:`digest_of_blob` gave when it was written.
        place: Where it was read, as the subject of a sentence.

    Raises:
        StoreError: The bytes are not those that were recorded, or no weights.
    """
    if digest_of_blob(blob) != digest:
        raise StoreError(f"{place} is torn or was changed: its digest is not the recorded {digest}")
    try:
        return read_arrays(blob)[0]
    except ValueError as error:
        raise StoreError(f"this run is damaged: {place} holds no weights: {error}") from None


def digest_of_blob(blob: bytes) -> str:
    """What a run records of bytes that it keeps."""
    return hashlib.blake2b(blob, digest_size=16).hexdigest()


def write_blob(path: Path, blob: bytes) -> None:
    """Atomic and durable: a reader sees the whole file or none; raises :class:`StoreError` if it cannot be written."""
    try:
        write_whole(path, blob)
    except OSError as error:
        raise StoreError(f"cannot write {path}: {error.strerror}") from None


def write_weights(path: Path, weights: Weights) -> str:
    """A file of weights, as :func:`write_blob` writes it. Returns the digest of its bytes."""
    blob = to_blob(weights)
    write_blob(path, blob)
    return digest_of_blob(blob)


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
    return from_blob(blob, digest, str(path))
