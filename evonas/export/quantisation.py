"""Numbers as a device stores them: float32, or integers with one scale for each group."""

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
        values: Stored values, shape ``(n,)``.
        scales: Value of an integer 1 of each group, ``(n_groups,)``; None for float32.
        worth: Represented values, shape ``(n,)``.
    """

    values: NDArray[Any]
    scales: Floats | None
    worth: Doubles


def store(numbers: NDArray[np.floating[Any]], group: Ints, n_groups: int, dtype: StoredType) -> Stored:
    """Round ``(n,)`` numbers; the largest of each group becomes the largest integer of the type.

    The range is symmetric, so that 0 is exact and a number and its negative are rounded alike.

    Args:
        numbers: The numbers.
        group: Group of each number, ``(n,)``.
        n_groups: Number of groups.
        dtype: Stored type.
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
