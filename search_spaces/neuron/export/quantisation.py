"""Numbers as a device stores them: float32, or integers with one scale a group."""

from __future__ import annotations

from typing import Any, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from evonas.types import Doubles, Floats, Ints

StoredType: TypeAlias = type[np.float32] | type[np.int8] | type[np.int16]
_LARGEST: dict[StoredType, int] = {np.int8: 2**7 - 1, np.int16: 2**15 - 1}


class Stored(NamedTuple):
    """Rounded numbers.

    Attributes:
        values: As they are stored, shape ``(n,)``.
        scales: What an integer 1 of each group stands for, ``(n_groups,)``; None for float32.
        worth: What they stand for, shape ``(n,)``.
    """

    values: NDArray[Any]
    scales: Floats | None
    worth: Doubles


def store(numbers: NDArray[np.floating[Any]], group: Ints, n_groups: int, dtype: StoredType) -> Stored:
    """Round ``(n,)`` numbers; of each group the largest becomes the largest integer of the type.

    The range is symmetric, so that 0 is exact and no number changes more than its negative.
    """
    if dtype not in _LARGEST:
        values = numbers.astype(np.float32)
        return Stored(values, None, values.astype(np.float64))
    limit = _LARGEST[dtype]
    largest = np.zeros(n_groups)
    np.maximum.at(largest, group, np.abs(numbers))
    scales = np.where(largest > 0, largest / limit, 1.0).astype(np.float32)
    scale_of = scales.astype(np.float64)[group]
    integers = np.clip(np.rint(numbers / scale_of), -limit, limit)
    return Stored(integers.astype(dtype), scales, integers * scale_of)
