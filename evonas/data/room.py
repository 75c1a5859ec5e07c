"""Limits on the size of data, checked before memory is allocated."""

from __future__ import annotations

import math
from pathlib import Path

from evonas.data.memory import usable_memory
from evonas.types import DataError

#: Bytes that any compressed file may expand to; above that, the largest expansion ratio. Real data expand tenfold.
ANY_SIZE, MOST_TIMES = 2**27, 100
#: Share of the machine's memory for one file's values, which are also normalised, split and trained on.
SHARE = 0.5
#: Largest number of features of a sample, and of classes: images of 3 x 224 x 224 have 150 528. A dense layer of that
#: many inputs and a hundred neurons takes some 60 MB.
MOST_FEATURES, MOST_CLASSES = 160_000, 2_000


def room_for(compressed: int) -> int:
    """Number of bytes that a compressed file of a given size may expand to."""
    return int(min(max(ANY_SIZE, MOST_TIMES * compressed), SHARE * usable_memory()))


def check_room(n_bytes: int, path: Path) -> None:
    """Check that the values of a file fit into this machine's memory.

    Raises:
        DataError: They do not.
    """
    if n_bytes > (most := SHARE * usable_memory()):
        raise DataError(f"{path}: expected at most {most / 1e9:.1f} GB, half of this machine's memory, got "
                        f"{n_bytes / 1e9:.1f} GB; use fewer samples, or store them as uint8 or float32")


def check_samples(n: int, shape: tuple[int, ...], origin: str) -> None:
    """Check that samples fit into this machine's memory once they are normalised, before they are.

    Args:
        n: Number of the samples that are held, for training and validation.
        shape: Shape of a sample.
        origin: Description of the data for messages.

    Raises:
        DataError: They do not.
    """
    each, most = 4 * math.prod(shape), SHARE * usable_memory()
    if n * each > most:
        raise DataError(f"{origin}: expected samples of at most {most / 1e9:.1f} GB as float32, half of this machine's "
                        f"memory, got {n:,} of {math.prod(shape):,} values each, {n * each / 1e9:.1f} GB; use "
                        f"{int(most / each):,} of them at most (--n-train), or make them smaller")


def check_size(shape: tuple[int, ...], n_classes: int | None, origin: str) -> None:
    """Check that samples and classes are within the limits of this program.

    Args:
        shape: Shape of a sample.
        n_classes: Number of classes; None for a regression.
        origin: Description of the data for messages.

    Raises:
        DataError: They are not.
    """
    n_features = math.prod(shape)
    if n_features > MOST_FEATURES:
        raise DataError(f"{origin}: expected samples of at most {MOST_FEATURES:,} values, got {n_features:,} (shape "
                        f"{shape}); choose features, or make the samples smaller")
    if n_classes is not None and n_classes > MOST_CLASSES:
        raise DataError(f"{origin}: expected at most {MOST_CLASSES:,} classes, got {n_classes:,}; merge classes, or "
                        f"store y as float for a regression")
