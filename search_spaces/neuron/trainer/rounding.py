"""Grids of integer networks: what weights and activations are rounded to, in training and in exported programs.

Weights are multiples of a step, one for each two layers between which there are edges; the activations of a layer are
multiples of another. A scale for each neuron would cost flash: a neuron of a sparse network has some ten edges.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from evonas.data.samples import Scaling, Splits
from evonas.types import Doubles, Floats, IntegerType, Ints
from search_spaces.neuron.genotype import Activation, NeuronGenotype
from search_spaces.neuron.trainer.base import NORM_EPSILON, Network

#: Largest integer of a weight.
LARGEST_WEIGHT: Mapping[IntegerType, int] = MappingProxyType({"int8": 127, "int4": 7, "ternary": 1})
#: Largest integers of the activations of a layer: none of them negative, or both signs where it has linear neurons.
LARGEST_ACTIVATION, LARGEST_SIGNED_ACTIVATION = 255, 127
#: Steps that are tried, as shares of the one with which no weight is clipped. With few integers it costs less to clip
#: some weights than to round all of them coarsely.
STEP_SHARES = np.geomspace(1.0, 0.05, 48)
#: Share of the activations of a layer that are not clipped.
KEPT_ACTIVATIONS = 0.9999


class Rounding(NamedTuple):
    """Grids of a network in training.

    Attributes:
        largest: Largest integer of a weight; weights are rounded to integers times their step, from ``-largest`` on.
        edge: Step of each edge, float32 ``(n_edges,)``.
        step: Step of the activations of each hidden layer, float32 ``(depth - 1,)``.
        low, high: Least and largest integer of the activations of each hidden layer, float32 ``(depth - 1,)``.
    """

    largest: int
    edge: Floats
    step: Floats
    low: Floats
    high: Floats


def rounding_for(network: Network, splits: Splits, integers: IntegerType | None) -> Rounding | None:
    """The grids with which the training of a network goes on: chosen once, for the weights that it begins with.

    Args:
        network: The network.
        splits: Its training samples calibrate activations; weights are rounded as an exported program stores them.
        integers: Type of the weights; None rounds nothing.
    """
    if integers is None:
        return None
    genotype, largest, x = network.genotype, LARGEST_WEIGHT[integers], splits.calibration.x
    factor, pair = edge_factors(genotype, splits.scaling, x.shape[1:]), pairs(genotype)
    steps = weight_steps(network.edge * factor, pair, largest)[pair] / factor
    if (genotype.ties >= 0).any():  # what is shared stays equal
        _, first, group = np.unique(genotype.ties, return_index=True, return_inverse=True)
        steps = np.where(genotype.ties >= 0, steps[first][group], steps)
    step, low, high = activation_grids(network, x)
    return Rounding(largest, *(values.astype(np.float32) for values in (steps, step, low, high)))


def edge_factors(genotype: NeuronGenotype, scaling: Scaling, input_shape: tuple[int, ...]) -> Doubles:
    """Factors from the weights of normalised inputs to those of bytes, ``(n_edges,)``; 1 for all other edges.

    Args:
        genotype: The genotype.
        scaling: Normalisation of the inputs.
        input_shape: Shape of one sample.
    """
    factors = np.ones(genotype.n_edges)
    if scaling.takes_bytes:
        std = np.broadcast_to(np.array(scaling.std, np.float64), input_shape).ravel()
        of_inputs = genotype.edges[:, 0] < genotype.n_inputs
        factors[of_inputs] = 1 / std[genotype.edges[of_inputs, 0]]
    return factors


def pairs(genotype: NeuronGenotype) -> Ints:
    """Number of the two layers that each edge joins, ``(n_edges,)``: by target, then by source."""
    layers = genotype.layer_of[genotype.edges.astype(np.int64)].astype(np.int64)
    numbers: Ints = (genotype.depth + 1) * layers[:, 1] + layers[:, 0]
    return numbers


def weight_steps(values: NDArray[np.floating], group: Ints, largest: int) -> Doubles:
    """Steps with which the squared error of ``(n,)`` rounded values is least, ``(largest group + 1,)``.

    Args:
        values: The values.
        group: Group of each value.
        largest: Largest integer.
    """
    wide: Doubles = values.astype(np.float64)
    n_groups = int(group.max(initial=-1)) + 1
    highest = np.zeros(n_groups)
    np.maximum.at(highest, group, np.abs(wide))
    best, steps = np.full(n_groups, np.inf), np.where(highest > 0, highest, 1.0) / largest
    unclipped = steps.copy()
    for share in STEP_SHARES:
        step = (share * unclipped)[group]
        error = np.bincount(group, (to_integers(wide, step, largest) * step - wide) ** 2, n_groups)
        better = error < best * (1 - 1e-6)
        best, steps = np.where(better, error, best), np.where(better, share * unclipped, steps)
    return steps


def to_integers(values: Doubles, step: Doubles, largest: int) -> Doubles:
    """The nearest integers of ``(n,)`` values, in units of their steps, at most ``largest``."""
    integers: Doubles = np.clip(np.rint(values / step), -largest, largest)
    return integers


def activation_grids(network: Network, x: Floats) -> tuple[Doubles, Doubles, Doubles]:
    """Step, least and largest integer of the activations of each hidden layer, ``(depth - 1,)`` each.

    Args:
        network: The network.
        x: Samples on which it is calibrated, ``(n, *input_shape)``.
    """
    steps, lows, highs = [], [], []
    for layer, h in enumerate(_activations(network, x), start=1):
        signed = bool((network.genotype.activations[network.genotype.layers == layer] == Activation.LINEAR).any())
        high = LARGEST_SIGNED_ACTIVATION if signed else LARGEST_ACTIVATION
        sizes = np.sort(np.abs(h), axis=None)
        top = float(sizes[min(len(sizes) - 1, round(KEPT_ACTIVATIONS * len(sizes)))])
        steps.append((top or float(sizes[-1]) or 1.0) / high)
        lows.append(-high if signed else 0)
        highs.append(high)
    return np.array(steps, np.float64), np.array(lows, np.float64), np.array(highs, np.float64)


def _activations(network: Network, x: Floats) -> Iterator[Floats]:
    """Yield the activations of each hidden layer, ``(n_neurons, n)``."""
    genotype, n_inputs = network.genotype, network.genotype.n_inputs
    h = np.zeros((n_inputs + genotype.n_hidden, len(x)), np.float32)
    h[:n_inputs] = x.reshape(len(x), -1).T
    source, target = genotype.edges.T
    for layer in range(1, genotype.depth):
        first, last = (int(offset) for offset in genotype.layer_offsets[layer : layer + 2])
        edges = slice(*np.searchsorted(target, [first, last]))
        matrix = csr_array(
            (network.edge[edges], (target[edges] - first, source[edges])), shape=(last - first, len(h))
        )
        rows = slice(first - n_inputs, last - n_inputs)
        h[first:last] = _activated(network, rows, matrix @ h)
        yield h[first:last]


def _activated(network: Network, rows: slice, z: Floats) -> Floats:
    """Return the activations of a hidden layer by its weighted sums, ``(n_neurons, n)``."""
    genes, bias, gain = network.genotype.activations[rows], network.bias[rows, None], network.gain[rows, None]
    normed = (genes == Activation.NORM) & (network.norm != "none")
    result: Floats = z + bias
    if normed.any():
        some = z[normed] if network.norm == "layer-affine" else result[normed]
        some = (some - some.mean(axis=0)) / np.sqrt(some.var(axis=0) + NORM_EPSILON)
        result[normed] = some * gain[normed] + bias[normed] if network.norm == "layer-affine" else some
    linear = genes == Activation.LINEAR
    return np.where(linear[:, None], result, np.maximum(result, 0))
