"""How much data this machine has room for: asked before memory is taken."""

from __future__ import annotations

from pathlib import Path

from evonas.data.memory import usable_memory
from evonas.types import DataError

#: Bytes that any compressed file may become; above that, how many times its size. Real data become ten times smaller.
ANY_SIZE, MOST_TIMES = 2**27, 100
#: Share of the machine's memory that one file's values may take: they are normalised, split and trained on as well.
SHARE = 0.5
#: Most features of a sample and classes of a data set. A dense layer of that many inputs and a hundred neurons takes
#: some 50 MB.
MOST_FEATURES, MOST_CLASSES = 100_000, 2_000


def room_for(compressed: int) -> int:
    """Bytes that this many compressed ones may become."""
    return int(min(max(ANY_SIZE, MOST_TIMES * compressed), SHARE * usable_memory()))


def check_room(n_bytes: int, path: Path) -> None:
    """Raises :class:`DataError` where values of a file do not fit into this machine's memory."""
    if n_bytes > (most := SHARE * usable_memory()):
        raise DataError(f"{path}: expected at most {most / 1e9:.1f} GB, half of this machine's memory, got "
                        f"{n_bytes / 1e9:.1f} GB; use fewer samples, or store them as uint8 or float32")


def check_size(shape: tuple[int, ...], n_classes: int | None, origin: str) -> None:
    """Raises :class:`DataError` for samples or classes that no network of this program is meant for.

    Args:
        shape: Of a sample.
        n_classes: None for a regression.
    """
    n_features = 1
    for size in shape:
        n_features *= size
    if n_features > MOST_FEATURES:
        raise DataError(f"{origin}: expected samples of at most {MOST_FEATURES:,} values, got {n_features:,} (shape "
                        f"{shape}); choose features, or make the samples smaller")
    if n_classes is not None and n_classes > MOST_CLASSES:
        raise DataError(f"{origin}: expected at most {MOST_CLASSES:,} classes, got {n_classes:,}; merge classes, or "
                        f"store y as float for a regression")
