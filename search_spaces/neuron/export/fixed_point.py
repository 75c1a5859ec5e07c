"""Arithmetic of integer programs on arrays: bit for bit what the C of :mod:`c_integer` computes.

Everything fits 32 bits, for which a Cortex-M0 has a multiplication and no processor needs a library. A factor therefore
is an integer of as many bits as leave its product within 32, and a shift to the right; Jacob 2018,
https://arxiv.org/abs/1712.05877, takes products of 64 bits.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from evonas.types import Ints

#: Longest shift of a product, and largest multiplier.
LONGEST_SHIFT, LARGEST_MULTIPLIER = 30, 2**15 - 1
#: First guess of 1 / sqrt(u) for u in [1/4, 1), ``GUESS - SLOPE * u``, 8.6 % off at most: the guess in multiples of
#: 2^-14, the slope of 2^-12.
GUESS, SLOPE = round(2.1326 * 2**14), round(1.2186 * 2**12)
#: Newton's steps; each squares the error: .086, .011, 2e-4, and then that of rounding.
N_STEPS = 3
#: Bits of one over a root, and bits behind the point of a normalised sum: a sum over the root of the sum of all
#: squares, about 1 at most.
ROOT_BITS, NORMALISED_BITS = 15, 15


class Factor(NamedTuple):
    """The number ``multiplier / 2**shift``.

    Attributes:
        multiplier: At most :data:`LARGEST_MULTIPLIER`.
        shift: From 1 to :data:`LONGEST_SHIFT`.
    """

    multiplier: int
    shift: int

    @property
    def value(self) -> float:
        """The number."""
        return math.ldexp(self.multiplier, -self.shift)


class Mean(NamedTuple):
    """One over a number of neurons: a sum over ``2**before``, times the multiplier, over ``2**after``.

    Attributes:
        before: At most 15.
        multiplier: Below 2^16.
        after: At least 0.
    """

    before: int
    multiplier: int
    after: int


def factor(value: float, bound: float, *, at_most: bool = False) -> Factor:
    """The nearest factor of a number with which the product stays within 32 bits.

    Args:
        value: The number; at most 2^29 over the bound.
        bound: Size of the numbers that it is multiplied with, at most.
        at_most: Take the largest factor that is not above the number.

    Raises:
        ValueError: There is none, since the number is too large.
    """
    rounding = math.floor if at_most else round
    for shift in range(LONGEST_SHIFT, 0, -1):
        multiplier = rounding(math.ldexp(value, shift))
        if multiplier <= LARGEST_MULTIPLIER and bound * multiplier + 2 ** (shift - 1) < 2**31:
            return Factor(multiplier, shift)
    raise ValueError(f"a factor of {value:g} leaves 32 bits for numbers up to {bound:g}: export as float32")


def mean(n: int, bound: float) -> Mean:
    """One over a number of neurons.

    Args:
        n: The number, at least 1.
        bound: Size of the sum, below 2^30.
    """
    before = max(0, math.frexp(bound)[1] - 15)
    after = max(0, math.floor(math.log2(n * (2.0**16 - 1))) - before)
    return Mean(before, round(2.0 ** (before + after) / n), after)


def scaled(values: Ints, by: Factor) -> Ints:
    """Integers times a factor, to the nearest integer, halves upwards."""
    return shifted(values * by.multiplier, by.shift)


def shifted(values: Ints, shift: int) -> Ints:
    """Integers over ``2**shift``, to the nearest integer, halves upwards; ``shift`` is at least 1."""
    halves: Ints = (values + (1 << (shift - 1))) >> shift
    return halves


class InverseRoots(NamedTuple):
    """The numbers ``multipliers / 2**(30 - exponents)``.

    Attributes:
        multipliers: From 2^14 on, at most 2^15.
        exponents: From 0 to 15.
    """

    multipliers: Ints
    exponents: Ints


def inverse_roots(values: Ints) -> InverseRoots:
    """One over the square roots of positive integers below 2^32, to 13 bits."""
    mantissas, exponents = values.copy(), np.zeros(values.shape, np.int64)
    while (small := mantissas < 2**30).any():
        mantissas, exponents = np.where(small, mantissas << 2, mantissas), exponents + small
    mantissas = mantissas >> 16
    y: Ints = GUESS - ((mantissas * SLOPE) >> 14)
    for _ in range(N_STEPS):
        product = (mantissas * ((y * y) >> 14)) >> 14
        y = (y * (((3 << 16) - product) >> 2)) >> 15
    return InverseRoots(y, exponents)


def clipped(values: NDArray[Any], low: int, high: int) -> Ints:
    """Integers within bounds."""
    result: Ints = np.clip(values, low, high)
    return result
