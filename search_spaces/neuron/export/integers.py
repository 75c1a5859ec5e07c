"""Networks of integers alone: weights of 8, 4 or 2 bits, activations of 8, sums of 32, and no other arithmetic.

An activation is a byte ``h``, worth ``step * (h - zero)``; inputs are the bytes of the data set, or integers of 12 bits
(see :data:`evonas.capabilities.export.WORDS_A_DEVIATION`). The edges between two layers are a *pair*: their weights
have a step of their own, so a sum over them is brought to the unit of its layer by a factor, once a neuron. Sums of a
layer with a norm are centred, and divided by the root of their squares by Newton's method; the rest is a multiplication
by the gain, an addition and a shift.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from evonas.capabilities.export import LARGEST_WORD, WORDS_A_DEVIATION
from evonas.data.samples import Scaling
from evonas.types import Doubles, Floats, IntegerType, Ints
from search_spaces.neuron.export.fixed_point import (
    NORMALISED_BITS,
    Factor,
    clipped,
    factor,
    inverse_roots,
    scaled,
    shifted,
)
from search_spaces.neuron.export.maps import Maps
from search_spaces.neuron.genotype import Activation, NeuronGenotype
from search_spaces.neuron.trainer.base import NORM_EPSILON, Network
from search_spaces.neuron.trainer.rounding import (
    LARGEST_SIGNED_ACTIVATION,
    LARGEST_WEIGHT,
    activation_grids,
    edge_factors,
    pairs,
    to_integers,
    weight_steps,
)

#: Bits of sums, of outputs (so that float32 holds them), of gains and biases, and of what is added to sums.
SUM_BITS, OUTPUT_BITS, GAIN_BITS, OFFSET_BITS = 31, 24, 8, 16
LARGEST_BYTE = 255
#: Most bits of the shift behind gains.
MOST_GAIN_SHIFT = 20


class Pair(NamedTuple):
    """Edges between two layers.

    Attributes:
        source: Layer of their sources; 0 for inputs.
        weights: Integers, int32 ``(n_neurons of the target, n_neurons of the source)``.
        factor: Converts sums to the unit of the target's.
    """

    source: int
    weights: csr_array
    factor: Factor


class IntegerNorm(NamedTuple):
    """Norm over the first neurons of a layer.

    Attributes:
        n: Neurons.
        mean: Factor from their sum to their mean.
        epsilon: Added to the sum of squares.
        root: Factor of one over the root of the sum of squares, so that gains use all their bits.
        gains: ``(n,)``; None is 1.
        biases: ``(n,)``, of which each counts ``2**bias_shift``; None is 0.
        bias_shift, shift: A normalised sum times its gain, plus the bias, over ``2**shift`` is the activation.
    """

    n: int
    mean: Factor
    epsilon: int
    root: Factor
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
        offsets: Integers added to the sums, ``(n,)``: multiples of ``2**offset_shift``.
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
            total += scaled((pair.weights @ activations[pair.source]).astype(np.int64), pair.factor)
        return total

    def activate(self, sums: Ints) -> Ints:
        """Activations of weighted sums, both ``(n, n_samples)``."""
        values = scaled(sums, self.rescale)
        if self.norm is not None:
            values[: self.norm.n] = _normalised(sums[: self.norm.n], self.norm)
        low = np.where(np.arange(len(sums)) < self.n_rectified, 0, -self.zero)[:, None]
        return self.zero + np.clip(values, low, LARGEST_BYTE - self.zero)


def _normalised(sums: Ints, norm: IntegerNorm) -> Ints:
    centred = sums - scaled(sums.sum(axis=0), norm.mean)
    squares = (centred.astype(np.uint64) * centred.astype(np.uint64)).sum(axis=0)  # modulo 2^64, as in C
    roots = inverse_roots(squares + np.uint64(norm.epsilon))
    multipliers = scaled(roots.multipliers, norm.root)
    values = shifted(centred * multipliers, 44 - NORMALISED_BITS + roots.exponents)
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


def integer_network(
    network: Network, scaling: Scaling, calibration: Floats, integers: IntegerType, *, takes_bytes: bool,
    maps: Maps | None = None,
) -> IntegerNetwork:
    """Round a network whose neurons are in the order of their activations (see :mod:`ordering`).

    Args:
        network: The network.
        scaling: Normalisation of the inputs.
        calibration: Samples on which activations are calibrated, normalised, ``(n, *input_shape)``.
        integers: Type of the weights.
        takes_bytes: Whether inputs are bytes.
        maps: Shared weights, whose kernels have steps of their own; None treats all edges alike.

    Raises:
        ValueError: A parameter is not finite, or a sum could overflow.
    """
    for name in ("edge", "bias", "gain"):
        if not np.isfinite(getattr(network, name)).all():
            raise ValueError(f"the parameter {name!r} holds values that are not finite")
    return _Rounded(network, scaling, calibration, integers, takes_bytes, maps).network()


class _Sums(NamedTuple):
    """Edges between two layers: the layer of the sources, the weights, and the worth of 1 in a sum."""

    source: int
    weights: csr_array
    worth: float


class _Rounded:
    """Rounding of a network, layer by layer."""

    def __init__(
        self, network: Network, scaling: Scaling, calibration: Floats, integers: IntegerType, takes_bytes: bool,
        maps: Maps | None,
    ) -> None:
        self._network, self._takes_bytes, self._maps = network, takes_bytes, maps
        genotype = network.genotype
        shape = calibration.shape[1:]
        self._mean = np.broadcast_to(np.array(scaling.mean, np.float64), shape).ravel()
        steps = activation_grids(network, calibration)
        self._steps, self._zeros = steps[0], np.where(steps[1] < 0, LARGEST_BYTE - LARGEST_SIGNED_ACTIVATION, 0)
        self._pair, values = pairs(genotype), network.edge * edge_factors(genotype, scaling, shape)
        self._kernels = np.full(genotype.n_edges, -1) if maps is None else maps.kernels
        group = np.where(self._kernels < 0, self._pair, (genotype.depth + 1) ** 2 + self._kernels)
        largest = LARGEST_WEIGHT[integers]
        self._weight_steps = weight_steps(values, group, largest)[group]
        self._integers = to_integers(values, self._weight_steps, largest).astype(np.int64)

    def network(self) -> IntegerNetwork:
        layers = tuple(self._layer(layer) for layer in range(1, self._network.genotype.depth + 1))
        return IntegerNetwork(self._network.genotype, layers, self._integers, self._takes_bytes)

    def _layer(self, layer: int) -> IntegerLayer:
        genotype = self._network.genotype
        is_output = layer == genotype.depth
        rows = slice(*(genotype.layer_offsets[layer : layer + 2] - genotype.n_inputs).tolist())
        genes = genotype.activations[rows] if not is_output else np.full(genotype.n_outputs, Activation.LINEAR)
        n_normed = 0 if self._network.norm == "none" else int((genes == Activation.NORM).sum())
        pairs, maps = self._pairs(layer), self._mapped(layer)
        found = pairs + maps
        offset = self._offset(found, rows, n_normed)
        unit = self._unit(found, offset, n_normed, is_output)
        whole = np.rint(offset / unit)
        shift = max(0, math.frexp(float(np.abs(whole).max(initial=0)) / (2 ** (OFFSET_BITS - 1) - 1))[1])
        joined, mapped = (
            tuple(Pair(sums.source, sums.weights, factor(sums.worth / unit)) for sums in part) for part in (pairs, maps)
        )
        norm, rescale = None, Factor(0, 1)
        if n_normed:
            norm = self._norm(layer, slice(rows.start, rows.start + n_normed), unit)
        if not is_output and n_normed < len(genes):
            self._steps[layer - 1] = max(self._steps[layer - 1], unit * 2.0**-28)
            rescale = factor(unit / self._steps[layer - 1])
        return IntegerLayer(
            joined, mapped, np.rint(whole / 2**shift).astype(np.int64) * 2**shift, shift, unit,
            int((genes != Activation.LINEAR).sum()), norm, rescale, 0 if is_output else int(self._zeros[layer - 1]),
            1.0 if is_output else float(self._steps[layer - 1]),
        )

    def _pairs(self, layer: int) -> list[_Sums]:
        """Return the edges into a layer from each other, but those of maps."""
        found = [self._sums(layer, source, self._kernels < 0) for source in range(layer)]
        return [sums for sums in found if sums is not None]

    def _mapped(self, layer: int) -> list[_Sums]:
        """Return the edges of each map into a layer."""
        found: list[_Sums] = []
        if self._maps is None:
            return found
        for map in np.flatnonzero(self._maps.layers == layer).tolist():
            source = int(self._maps.source_layers[map])
            sums = self._sums(layer, source, self._kernels == self._maps.kernel_of[map], keep_empty=True)
            assert sums is not None
            found.append(sums)
        return found

    def _sums(
        self, layer: int, source: int, chosen: NDArray[np.bool_], *, keep_empty: bool = False
    ) -> _Sums | None:
        """Return some of the edges between two layers, None if there are none.

        Args:
            layer: Layer of the targets.
            source: Layer of the sources.
            chosen: Mask of the edges of whichever layers, ``(n_edges,)``.
            keep_empty: Whether to return weights also where all are 0.
        """
        genotype = self._network.genotype
        chosen = chosen & (self._pair == (genotype.depth + 1) * layer + source)
        edges = np.flatnonzero(chosen & (self._integers != 0))
        if not len(edges) and not keep_empty:
            return None
        sizes = np.diff(genotype.layer_offsets)
        column, row = (genotype.edges[edges] - genotype.layer_offsets[[source, layer]]).T
        values = self._integers[edges].astype(np.int32)
        weights = csr_array((values, (row, column)), shape=(int(sizes[layer]), int(sizes[source])))
        if _sizes(weights).max() * self._largest(source) >= 2**31:
            raise ValueError(f"a neuron has {int(np.diff(weights.indptr).max())} edges from a layer, too many for "
                             f"sums of 32 bits: export as float32")
        step = float(self._weight_steps[np.flatnonzero(chosen)[0]])
        return _Sums(source, weights, step * (self._input_worth if source == 0 else float(self._steps[source - 1])))

    @property
    def _input_worth(self) -> float:
        return 1.0 if self._takes_bytes else 1 / WORDS_A_DEVIATION

    def _largest(self, source: int) -> int:
        return LARGEST_BYTE if source or self._takes_bytes else LARGEST_WORD

    def _offset(self, found: list[_Sums], rows: slice, n_normed: int) -> Doubles:
        """Return the numbers to add to the sums of a layer, ``(n,)``."""
        offset = self._network.bias[rows].astype(np.float64)
        if self._network.norm == "layer-affine":
            offset[:n_normed] = 0
        for source, weights, worth in found:
            if source:
                offset -= worth * self._zeros[source - 1] * np.asarray(weights.sum(axis=1)).ravel()
            elif self._takes_bytes:
                offset -= worth * (weights @ self._mean)
        return offset

    def _unit(
        self, found: list[_Sums], offset: Doubles, n_normed: int, is_output: bool
    ) -> float:
        """Return the worth of 1 in the sums of a layer: as fine as the bits of all that follows allow."""
        largest = np.abs(offset)
        for source, weights, worth in found:
            largest = largest + worth * self._largest(source) * _sizes(weights)
        bound = 2.0**OUTPUT_BITS if is_output else 2.0**SUM_BITS / max(n_normed, 2)
        unit = max((worth for *_, worth in found), default=float(np.abs(offset).max(initial=0)) / 2**15 or 1.0)
        least = max(
            1.01 * float(largest.max(initial=0)) / bound, math.sqrt(n_normed * NORM_EPSILON / 2.0**62), 2.0**-100
        )
        return unit if unit >= least else unit * 2.0 ** math.ceil(math.log2(least / unit))

    def _norm(self, layer: int, rows: slice, unit: float) -> IntegerNorm:
        n, affine = rows.stop - rows.start, self._network.norm == "layer-affine"
        gains = self._network.gain[rows].astype(np.float64) if affine else np.ones(n)
        highest = float(np.abs(gains).max()) or 1.0
        most = 2 ** (GAIN_BITS - 1) - 1 if affine else 1
        reach = math.sqrt(n) * highest / (2**NORMALISED_BITS * most)  # steps of a normalised sum at the highest gain
        step = self._steps[layer - 1] = max(self._steps[layer - 1], 2 * reach)
        shift = min(math.floor(math.log2(step / reach)), MOST_GAIN_SHIFT)
        root = factor(reach / step * 2**shift)
        epsilon = max(1, round(n * NORM_EPSILON / unit**2))
        mean = factor(1 / n)
        if not affine:
            return IntegerNorm(n, mean, epsilon, root, None, None, 0, shift)
        biases = np.clip(self._network.bias[rows] / step * 2.0**shift, -(2.0**30), 2.0**30)
        bias_shift = max(0, math.frexp(float(np.abs(biases).max()) / most)[1])
        return IntegerNorm(
            n, mean, epsilon, root, np.rint(gains / highest * most).astype(np.int64),
            clipped(np.rint(biases / 2**bias_shift), -most, most).astype(np.int64), bias_shift, shift,
        )


def _sizes(weights: csr_array) -> Ints:
    """Return the sum of the sizes of each row's weights, ``(n_rows,)``."""
    sizes: Ints = np.asarray(abs(weights).sum(axis=1, dtype=np.int64)).ravel()
    return sizes
