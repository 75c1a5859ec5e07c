"""Rounding of trained networks to integers: steps of weights and activations, units of sums, factors between them.

All bounds of the arithmetic are met here, by the units: no sum or product leaves 32 bits, whatever the inputs are.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from evonas.capabilities.export import LARGEST_WORD, WORDS_A_DEVIATION
from evonas.data.samples import Scaling
from evonas.types import Doubles, Floats, IntegerType
from search_spaces.neuron.export.fixed_point import Factor, factor
from search_spaces.neuron.export.integer_norms import (
    LARGEST_EPSILON,
    LARGEST_SQUARE_SHIFT,
    integer_norm,
    least_step,
)
from search_spaces.neuron.export.integers import LARGEST_BYTE, IntegerLayer, IntegerNetwork, Pair
from search_spaces.neuron.export.maps import Maps
from search_spaces.neuron.genotype import Activation
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

#: Bits of the sum over a layer, of one neuron's sum, and of outputs (so that float32 holds them).
LAYER_BITS, SUM_BITS, OUTPUT_BITS = 30, 26, 24
#: Bits of what is added to sums. With 8 it is as coarse as an activation, which costs less than weights of few bits.
OFFSET_BITS: Mapping[IntegerType, int] = MappingProxyType({"int8": 16, "int4": 8, "ternary": 8})
#: Bits by which the unit of a sum is finer than the products, where these have a factor.
FINER: Mapping[IntegerType, int] = MappingProxyType({"int8": 0, "int4": 4, "ternary": 4})
#: What bounds allow for roundings of factors.
MARGIN = 1.02
#: Largest worth of a map's products, in units of the sum that they are added to.
COARSEST_MAP = 2.0**10


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
    """Edges between two layers.

    Attributes:
        source: Layer of the sources.
        weights: Integers of the edges.
        worth: Worth of 1 in a sum.
        reach: Largest size of each target's sum, ``(n_neurons of the target,)``.
    """

    source: int
    weights: csr_array
    worth: float
    reach: Doubles


class _Rounded:
    """Rounding of a network, layer by layer; for the arguments see :func:`integer_network`."""

    def __init__(
        self, network: Network, scaling: Scaling, calibration: Floats, integers: IntegerType, takes_bytes: bool,
        maps: Maps | None,
    ) -> None:
        self._network, self._takes_bytes, self._maps, self._type = network, takes_bytes, maps, integers
        genotype = network.genotype
        shape = calibration.shape[1:]
        self._mean = np.broadcast_to(np.array(scaling.mean, np.float64), shape).ravel()
        steps = activation_grids(network, calibration)
        self._steps, self._zeros = steps[0], np.where(steps[1] < 0, LARGEST_BYTE - LARGEST_SIGNED_ACTIVATION, 0)
        self._pair, self._values = pairs(genotype), network.edge * edge_factors(genotype, scaling, shape)
        self._kernels = np.full(genotype.n_edges, -1) if maps is None else maps.kernels
        group = np.where(self._kernels < 0, self._pair, (genotype.depth + 1) ** 2 + self._kernels)
        largest = LARGEST_WEIGHT[integers]
        self._weight_steps = weight_steps(self._values, group, largest)[group]
        self._integers = to_integers(self._values, self._weight_steps, largest).astype(np.int64)

    def network(self) -> IntegerNetwork:
        layers = tuple(self._layer(layer) for layer in range(1, self._network.genotype.depth + 1))
        return IntegerNetwork(self._network.genotype, layers, self._integers, self._takes_bytes)

    def _layer(self, layer: int) -> IntegerLayer:
        genotype = self._network.genotype
        is_output = layer == genotype.depth
        rows = slice(*(genotype.layer_offsets[layer : layer + 2] - genotype.n_inputs).tolist())
        genes = genotype.activations[rows] if not is_output else np.full(genotype.n_outputs, Activation.LINEAR)
        n_normed = 0 if self._network.norm == "none" else int((genes == Activation.NORM).sum())
        unit, pairs, maps, offset = self._in_units(layer, rows, n_normed)
        reach = sum((sums.reach * sums.worth for sums in pairs + maps), np.abs(offset)) / unit * MARGIN
        whole = np.rint(offset / unit)
        shift = max(0, math.frexp(float(np.abs(whole).max(initial=0)) / (2 ** (OFFSET_BITS[self._type] - 1) - 1))[1])
        joined, mapped = (
            tuple(Pair(sums.source, sums.weights, None if exact else factor(
                sums.worth / unit, float(sums.reach.max(initial=0))
            )) for sums in part)
            for part, exact in ((pairs, self._joins), (maps, False))
        )
        norm, rescale = None, Factor(0, 1)
        normed = slice(rows.start, rows.start + n_normed)
        if n_normed:
            self._steps[layer - 1] = max(self._steps[layer - 1], least_step(self._network, normed))
        if not is_output and n_normed < len(genes):
            rescale = self._rescale(layer, unit, float(reach[n_normed:].max()))
        if n_normed:
            norm = integer_norm(self._network, normed, float(self._steps[layer - 1]), unit, reach[:n_normed])
        return IntegerLayer(
            joined, mapped, np.rint(whole / 2**shift).astype(np.int64) * 2**shift, shift, unit,
            int((genes != Activation.LINEAR).sum()), norm, rescale, 0 if is_output else int(self._zeros[layer - 1]),
            1.0 if is_output else float(self._steps[layer - 1]),
        )

    @property
    def _joins(self) -> bool:
        """Whether all edges of rows into a layer have products of the same worth."""
        return self._type == "int8"

    def _in_units(self, layer: int, rows: slice, n_normed: int) -> tuple[float, list[_Sums], list[_Sums], Doubles]:
        """Return the worth of 1 in the sums of a layer, its pairs and maps, and the numbers to add to its sums.

        The unit is as fine as the bits of all that follows allow.

        Args:
            layer: The layer.
            rows: Its neurons.
            n_normed: Those of them that have a norm.
        """
        maps = self._mapped(layer)
        coarsest = max((sums.worth for sums in maps), default=0.0)
        unit = self._join(layer, coarsest / COARSEST_MAP) if self._joins else 0.0
        while True:
            pairs = self._pairs(layer)
            found = pairs + maps
            offset = self._offset(found, rows, n_normed)
            if not unit:
                unit = max((sums.worth for sums in found), default=float(np.abs(offset).max(initial=0)) / 2**15 or 1.0)
                unit *= 2.0 ** -FINER[self._type]
            least = self._least(found, offset, n_normed, layer == self._network.genotype.depth)
            if unit >= least:
                return unit, pairs, maps, offset
            unit *= 2.0 ** math.ceil(math.log2(least / unit))
            if self._joins:
                self._join(layer, unit)

    def _join(self, layer: int, least: float) -> float:
        """Round the edges of rows into a layer so that all products have a worth in common, and return it; 0 if none.

        Args:
            layer: The layer.
            least: The least worth.
        """
        genotype = self._network.genotype
        layers = genotype.layer_of[genotype.edges.astype(np.int64)]
        edges = np.flatnonzero((layers[:, 1] == layer) & (self._kernels < 0))
        if not len(edges):
            return 0.0
        worths = np.append(self._input_worth, self._steps)[layers[edges, 0]]
        products, largest = self._values[edges] * worths, LARGEST_WEIGHT[self._type]
        unit = max(float(weight_steps(products, np.zeros(len(edges), np.int64), largest)[0]), least)
        self._weight_steps[edges] = unit / worths
        self._integers[edges] = to_integers(products, np.full(len(edges), unit), largest).astype(np.int64)
        return unit

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
        reach = self._reach(weights, source)
        if reach.max() >= 2**31:
            raise ValueError(f"a neuron has {int(np.diff(weights.indptr).max())} edges from a layer, too many for "
                             f"sums of 32 bits: export as float32")
        step = float(self._weight_steps[np.flatnonzero(chosen)[0]])
        worth = self._input_worth if source == 0 else float(self._steps[source - 1])
        return _Sums(source, weights, step * worth, reach)

    @property
    def _input_worth(self) -> float:
        return 1.0 if self._takes_bytes else 1 / WORDS_A_DEVIATION

    def _reach(self, weights: csr_array, source: int) -> Doubles:
        """Return the largest size of the sum of each row of weights, ``(n_rows,)``."""
        sizes, sums = (np.asarray(part.sum(axis=1, dtype=np.float64)).ravel() for part in (abs(weights), weights))
        reach: Doubles = LARGEST_WORD * sizes
        if source or self._takes_bytes:  # no source is negative
            reach = LARGEST_BYTE * (sizes + np.abs(sums)) / 2
        return reach

    def _offset(self, found: list[_Sums], rows: slice, n_normed: int) -> Doubles:
        """Return the numbers to add to the sums of a layer, ``(n,)``.

        Args:
            found: Its pairs and maps.
            rows, n_normed: See :meth:`_in_units`.
        """
        offset = self._network.bias[rows].astype(np.float64)
        if self._network.norm == "layer-affine":
            offset[:n_normed] = 0
        for source, weights, worth, _ in found:
            if source:
                offset -= worth * self._zeros[source - 1] * np.asarray(weights.sum(axis=1)).ravel()
            elif self._takes_bytes:
                offset -= worth * (weights @ self._mean)
        return offset

    def _least(self, found: list[_Sums], offset: Doubles, n_normed: int, is_output: bool) -> float:
        """Return the least worth of 1 in the sums of a layer for which they and all that follows keep their bits.

        Args:
            found, offset: Its pairs and maps, and the numbers to add to its sums.
            n_normed, is_output: Its neurons that have a norm, and whether it is the last layer.
        """
        reach = sum((sums.reach * sums.worth for sums in found), np.abs(offset)) * MARGIN
        # centred sums are twice as large at most, and their squares are summed in 32 bits
        bits = OUTPUT_BITS if is_output else min(SUM_BITS, LARGEST_SQUARE_SHIFT + 14 - math.log2(max(n_normed, 1)) / 2)
        return max(
            float(reach.max(initial=0)) / 2.0**bits, float(reach[:n_normed].sum()) / 2.0**LAYER_BITS,
            math.sqrt(n_normed * NORM_EPSILON / LARGEST_EPSILON) / 2.0**LARGEST_SQUARE_SHIFT, 2.0**-100,
        )

    def _rescale(self, layer: int, unit: float, reach: float) -> Factor:
        """Return the factor from sums without a norm to activations; the step becomes what the factor is exact for.

        Args:
            layer: The layer.
            unit: Worth of 1 in a sum.
            reach: Largest size of the sums.
        """
        step = max(float(self._steps[layer - 1]), unit / 2)
        rescale = factor(unit / step, reach, at_most=True)
        self._steps[layer - 1] = unit / rescale.value if rescale.multiplier else step
        return rescale
