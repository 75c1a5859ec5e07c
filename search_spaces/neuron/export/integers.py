"""Networks of integers alone: weights of 8, 4 or 2 bits, activations of 8, sums of 32, and no other arithmetic.

An activation is a byte ``h``, worth ``step * (h - zero)``; inputs are the bytes of the data set, or integers of 12 bits
(see :data:`evonas.capabilities.export.WORDS_A_DEVIATION`). The edges between two layers are a *pair*. Weights of 8 bits
are so fine that all edges into a layer have products of the same worth, whatever the step of their sources' activations
is, so that they are added to one sum. Fewer bits do not allow for that: weights of each pair have a step of their own,
and a sum over them is brought to the unit of its layer by a factor, once a neuron. Sums of a layer with a norm are
centred, and divided by the root of their squares by Newton's method; the rest is a multiplication by the gain, an
addition and a shift.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from evonas.types import Ints
from search_spaces.neuron.export.fixed_point import (
    NORMALISED_BITS,
    ROOT_BITS,
    Factor,
    Mean,
    inverse_roots,
    scaled,
    shifted,
)
from search_spaces.neuron.genotype import NeuronGenotype

#: Largest activation, and largest input of bytes.
LARGEST_BYTE = 255


class Pair(NamedTuple):
    """Edges between two layers.

    Attributes:
        source: Layer of their sources; 0 for inputs.
        weights: Integers, int32 ``(n_neurons of the target, n_neurons of the source)``.
        factor: Converts sums to the unit of the target's; None where that is the worth of the products.
    """

    source: int
    weights: csr_array
    factor: Factor | None


class IntegerNorm(NamedTuple):
    """Norm over the first neurons of a layer.

    Attributes:
        n: Neurons.
        mean: Factor from their sum to their mean.
        square_shift: Centred sums are squared over ``2**square_shift``.
        epsilon: Added to the sum of squares.
        root: Factor of one over the root of the sum of squares, in multiples of ``2**-ROOT_BITS``, so that gains use
            all their bits.
        gains: ``(n,)``; None is 1.
        biases: ``(n,)``, of which each counts ``2**bias_shift``; None is 0.
        bias_shift, shift: A normalised sum times its gain, plus the bias, over ``2**shift`` is the activation.
    """

    n: int
    mean: Mean
    square_shift: int
    epsilon: int
    root: int
    gains: Ints | None
    biases: Ints | None
    bias_shift: int
    shift: int


@dataclass(frozen=True, eq=False)
class IntegerLayer:
    """A layer: neurons with a norm come first, then those with a ReLU alone, then linear ones.

    Attributes:
        pairs: The edges into it, by their source, but those of maps.
        maps: Edges that share weights, map by map.
        offsets, offset_shift: Integers added to the sums, ``(n,)``, multiples of ``2**offset_shift``.
        unit: Worth of 1 in a sum.
        n_rectified: Neurons with a ReLU, those with a norm included.
        norm: Its norm, if neurons have it.
        rescale: Factor from sums without a norm to activations.
        zero: The activation that is worth 0.
        step: Worth of the next activation.
    """

    pairs: tuple[Pair, ...]
    maps: tuple[Pair, ...]
    offsets: Ints
    offset_shift: int
    unit: float
    n_rectified: int
    norm: IntegerNorm | None
    rescale: Factor
    zero: int
    step: float

    def sums(self, activations: list[NDArray[np.int32]]) -> Ints:
        """Weighted sums, ``(n, n_samples)``.

        Args:
            activations: Inputs, then activations of the layers before, ``(n_neurons, n_samples)`` each.
        """
        total: Ints = np.repeat(self.offsets[:, None], activations[0].shape[1], axis=1)
        for pair in (*self.pairs, *self.maps):
            found = (pair.weights @ activations[pair.source]).astype(np.int64)
            total += found if pair.factor is None else scaled(found, pair.factor)
        return total

    def activate(self, sums: Ints) -> Ints:
        """Activations of weighted sums, both ``(n, n_samples)``."""
        values = scaled(sums, self.rescale)
        if self.norm is not None:
            values[: self.norm.n] = _normalised(sums[: self.norm.n], self.norm)
        low = np.where(np.arange(len(sums)) < self.n_rectified, 0, -self.zero)[:, None]
        return self.zero + np.clip(values, low, LARGEST_BYTE - self.zero)


def _normalised(sums: Ints, norm: IntegerNorm) -> Ints:
    centred = sums - (((sums.sum(axis=0) >> norm.mean.before) * norm.mean.multiplier) >> norm.mean.after)
    roots = inverse_roots(((centred >> norm.square_shift) ** 2).sum(axis=0) + norm.epsilon)
    multipliers = (roots.multipliers * norm.root) >> ROOT_BITS
    wide = (centred << roots.exponents) >> (norm.square_shift + 1)
    values = (wide * multipliers) >> (2 * ROOT_BITS - 1 - NORMALISED_BITS)
    if norm.gains is not None:
        values = values * norm.gains[:, None]
    if norm.biases is not None:
        values = values + norm.biases[:, None] * 2**norm.bias_shift
    return shifted(values, norm.shift)


@dataclass(frozen=True, eq=False)
class IntegerNetwork:
    """A network of integers.

    Attributes:
        genotype: Order of the neurons.
        layers: Hidden layers, then the outputs.
        weights: Integer of each edge, ``(n_edges,)``.
        takes_bytes: Whether inputs are bytes.
    """

    genotype: NeuronGenotype
    layers: tuple[IntegerLayer, ...]
    weights: Ints
    takes_bytes: bool

    @property
    def output_unit(self) -> float:
        """Worth of 1 in an output, in the units of the search."""
        return self.layers[-1].unit

    def run(self, inputs: NDArray[np.uint8] | NDArray[np.int16]) -> Ints:
        """Outputs ``(n, n_outputs)`` of samples ``(n, n_inputs)``."""
        activations = [np.ascontiguousarray(inputs.T).astype(np.int32)]
        for layer in self.layers[:-1]:
            activations.append(layer.activate(layer.sums(activations)).astype(np.int32))
        return self.layers[-1].sums(activations).T
