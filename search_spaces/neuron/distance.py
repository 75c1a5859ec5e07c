"""Positions of neurons, and the law by which distance decides which edges appear.

Source: Lunev and Nikitin, "Neuron-Level Architecture Search for Efficient Model Design".
"""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from evonas.types import Doubles, Floats, grid_of
from search_spaces.neuron.genotype import NeuronGenotype

#: Side of the grid for which the constants of the law were published.
PUBLISHED_SIDE = 28


def input_positions(input_shape: tuple[int, ...]) -> Floats:
    """Return (row, column) of every input, shape ``(n_inputs, 2)``.

    Images and signals are channels first, and the channels of a pixel or moment share its position; moments and
    features lie on a line ``(0, i)``.
    """
    height, width = grid_of(input_shape)
    pixel = np.arange(prod(input_shape)) % (height * width)
    return np.stack([pixel // width, pixel % width], axis=1).astype(np.float32)


@dataclass(frozen=True, slots=True)
class DistanceLaw:
    """Law of edges u -> v, whose probability is proportional to ``exp(-strength * distance(u, v) / scale(layer(v)))``.

    Edges into the output layer are uniform: outputs have no place in the plane.

    Attributes:
        input_shape: Shape of one sample.
        base: Scale in pixels of a 28 x 28 grid, before the slope.
        slope: Increase of the scale with each layer.
        strength: 0 makes all edges equally likely; 1 is as published.
    """

    input_shape: tuple[int, ...]
    base: float = 4.0
    slope: float = 1.5
    strength: float = 1.0

    @property
    def side(self) -> int:
        """Longer side of the grid; the length of a line."""
        return max(grid_of(self.input_shape))

    @property
    def channels(self) -> int:
        """Inputs that share a place; the inputs of a channel are adjacent."""
        return prod(self.input_shape) // prod(grid_of(self.input_shape))

    def scale(self, genotype: NeuronGenotype, layer: int) -> float:
        """Return the scale of edges into a layer divided by the strength, in pixels; infinite for the output layer."""
        if layer == genotype.depth or self.strength == 0:
            return np.inf
        return (self.base + self.slope * layer) * self.side / PUBLISHED_SIDE / self.strength

    def scales(self, genotype: NeuronGenotype) -> Doubles:
        """Return :meth:`scale` of layers 0 to ``depth``."""
        return np.array([self.scale(genotype, layer) for layer in range(genotype.depth + 1)])

    def positions(self, genotype: NeuronGenotype) -> Floats:
        """Return (row, column) of every neuron by global index, shape ``(n_neurons, 2)``; outputs are at the origin."""
        outputs = np.zeros((genotype.n_outputs, 2), np.float32)
        return np.concatenate([input_positions(self.input_shape), genotype.positions, outputs])

    def random_positions(self, n: int, rng: np.random.Generator) -> Floats:
        """Draw places for new neurons, uniform over the grid of the inputs, shape ``(n, 2)``."""
        corner = input_positions(self.input_shape).max(axis=0)
        positions: Floats = rng.random((n, 2), np.float32) * corner
        return positions


def edge_lengths(positions: Floats, sources: NDArray[np.integer[Any]], targets: NDArray[np.integer[Any]]) -> Floats:
    """Return Euclidean distances in pixels of neurons given by global index; the two index arrays are broadcast.

    Args:
        positions: (row, column) of each neuron, ``(n_neurons, 2)``.
        sources: Global indices.
        targets: Global indices.
    """
    row, column = np.ascontiguousarray(positions.T)
    lengths: Floats = np.sqrt((row[sources] - row[targets]) ** 2 + (column[sources] - column[targets]) ** 2)
    return lengths
