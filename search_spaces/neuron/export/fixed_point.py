"""Arithmetic of integer programs on arrays: bit for bit what the C of :mod:`c_integer` computes.

Jacob 2018, https://arxiv.org/abs/1712.05877: a factor is an integer of 31 bits and a shift to the right.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from evonas.types import Ints

#: Longest shift of a product of 64 bits.
LONGEST_SHIFT = 62
#: First guess of 1 / sqrt(u) for u in [1/4, 1), ``GUESS - SLOPE * u``, 8.6 % off at most, in multiples of 2^-28.
GUESS, SLOPE = round(2.1326 * 2**28), round(1.2186 * 2**28)
#: Newton's steps; each squares the error: .086, .011, 2e-4, 5e-8.
N_STEPS = 3
#: Bits behind the point of a normalised sum: a sum over the root of the sum of all squares, at most 1.
NORMALISED_BITS = 15


class Factor(NamedTuple):
    """The number ``multiplier / 2**shift``.

    Attributes:
        multiplier: At most 2^31 - 1.
        shift: From 1 to :data:`LONGEST_SHIFT`.
    """

    multiplier: int
    shift: int

    @property
    def value(self) -> float:
        """The number."""
        return math.ldexp(self.multiplier, -self.shift)


def factor(value: float) -> Factor:
    """The nearest factor of a number from 0 to 2^29, with 31 bits."""
    if value == 0:
        return Factor(0, 1)
    exponent = math.frexp(value)[1]
    shift = min(31 - exponent, LONGEST_SHIFT)
    multiplier = round(math.ldexp(value, shift))
    return Factor(multiplier, shift) if multiplier < 2**31 else Factor(multiplier >> 1, shift - 1)


def scaled(values: Ints, by: Factor) -> Ints:
    """Integers of 32 bits times a factor, to the nearest integer, halves upwards."""
    return shifted(values * by.multiplier, by.shift)


def shifted(values: Ints, shift: int | Ints) -> Ints:
    """Integers of 64 bits over ``2**shift``, to the nearest integer, halves upwards; ``shift`` is at least 1."""
    halves: Ints = (values + (np.int64(1) << (np.int64(shift) - 1))) >> shift
    return halves


class InverseRoots(NamedTuple):
    """The numbers ``multipliers / 2**(44 + exponents)``.

    Attributes:
        multipliers: From 2^28 on, at most 2^29.
        exponents: From -15 to 16.
    """

    multipliers: Ints
    exponents: Ints


def inverse_roots(values: NDArray[np.uint64]) -> InverseRoots:
    """One over the square roots of positive integers of 64 bits, to 24 bits."""
    mantissas, exponents = values.copy(), np.zeros(values.shape, np.int64)
    while (large := mantissas >> np.uint64(32) > 0).any():
        mantissas, exponents = np.where(large, mantissas >> np.uint64(2), mantissas), exponents + large
    while (small := mantissas < np.uint64(2**30)).any():
        mantissas, exponents = np.where(small, mantissas << np.uint64(2), mantissas), exponents - small
    y: NDArray[np.uint64] = np.uint64(GUESS) - ((mantissas * np.uint64(SLOPE)) >> np.uint64(32))
    for _ in range(N_STEPS):
        product = (mantissas * ((y * y) >> np.uint64(28))) >> np.uint64(32)
        y = (y * (np.uint64(3 << 28) - product)) >> np.uint64(29)
    return InverseRoots(y.astype(np.int64), exponents)


def clipped(values: NDArray[Any], low: int, high: int) -> Ints:
    """Integers within bounds."""
    result: Ints = np.clip(values, low, high)
    return result
