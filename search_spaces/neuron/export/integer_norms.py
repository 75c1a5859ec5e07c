"""Rounding of the norm of a layer to integers."""

from __future__ import annotations

import math

import numpy as np

from evonas.types import Doubles
from search_spaces.neuron.export.fixed_point import NORMALISED_BITS, ROOT_BITS, clipped, mean
from search_spaces.neuron.export.integers import IntegerNorm
from search_spaces.neuron.trainer.base import NORM_EPSILON, Network

#: Bits of gains and biases.
GAIN_BITS = 8
#: Largest shift in front of a square, which leaves all that follows 32 bits.
LARGEST_SQUARE_SHIFT = 14
#: Largest integer that is added to a sum of squares, so that a program keeps it in 16 bits.
LARGEST_EPSILON = 2.0**16 - 1
#: Most bits of the shift behind gains.
MOST_GAIN_SHIFT = 20


def least_step(network: Network, rows: slice) -> float:
    """The least step of activations with which the norm of some neurons of a layer can be computed."""
    return 2 * _finest(network, rows)


def integer_norm(network: Network, rows: slice, step: float, unit: float, reach: Doubles) -> IntegerNorm:
    """The norm of a layer.

    Args:
        network: The network.
        rows: The layer's neurons that have the norm.
        step: Step of activations, at least :func:`least_step`.
        unit: Worth of 1 in a sum.
        reach: Largest sizes of their sums, ``(n,)``.
    """
    n, affine, finest = rows.stop - rows.start, network.norm == "layer-affine", _finest(network, rows)
    shift = min(math.floor(math.log2(step / finest)), MOST_GAIN_SHIFT)
    root = min(round(finest / step * 2.0 ** (shift + ROOT_BITS)), 2**ROOT_BITS)
    before, epsilon = _squares(n, 2 * math.ceil(float(reach.max())) + 2, unit)
    averaged = mean(n, float(reach.sum()) + n)
    if not affine:
        return IntegerNorm(n, averaged, before, epsilon, root, None, None, 0, shift)
    gains, most = _gains(network, rows), 2 ** (GAIN_BITS - 1) - 1
    highest = float(np.abs(gains).max()) or 1.0
    biases = np.clip(network.bias[rows] / step * 2.0**shift, -(2.0**30), 2.0**30)
    bias_shift = max(0, math.frexp(float(np.abs(biases).max()) / most)[1])
    return IntegerNorm(
        n, averaged, before, epsilon, root, np.rint(gains / highest * most).astype(np.int64),
        clipped(np.rint(biases / 2**bias_shift), -most, most).astype(np.int64), bias_shift, shift,
    )


def _finest(network: Network, rows: slice) -> float:
    """Return the worth of 1 in a normalised sum times the highest gain, as integers."""
    gains = _gains(network, rows)
    most = 2 ** (GAIN_BITS - 1) - 1 if network.norm == "layer-affine" else 1
    return math.sqrt(len(gains)) * (float(np.abs(gains).max()) or 1.0) / (most << NORMALISED_BITS)


def _gains(network: Network, rows: slice) -> Doubles:
    affine = network.norm == "layer-affine"
    return network.gain[rows].astype(np.float64) if affine else np.ones(rows.stop - rows.start)


def _squares(n: int, bound: int, unit: float) -> tuple[int, int]:
    """Return the shift in front of squares whose sum keeps 32 bits, and the integer that is added to it.

    Args:
        n: Number of squares.
        bound: Size of what is squared.
        unit: Its worth of 1.
    """
    for shift in range(LARGEST_SQUARE_SHIFT + 1):
        epsilon = max(1, round(n * NORM_EPSILON / unit**2 / 4.0**shift))
        if n * ((bound >> shift) + 1) ** 2 + epsilon < 2**32 and epsilon <= LARGEST_EPSILON:
            return shift, epsilon
    raise AssertionError("the unit of sums is too fine for their squares")
