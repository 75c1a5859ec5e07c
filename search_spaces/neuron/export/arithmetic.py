"""Numbers of a network as a device with floats uses them: between values in the data's own units, with weights of 32
bits or 8.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from evonas.capabilities.export import Precision
from evonas.data.samples import Scaling
from evonas.export.quantisation import Stored, StoredType, store
from evonas.types import Doubles, Floats, Ints
from search_spaces.neuron.genotype import Activation, NeuronGenotype
from search_spaces.neuron.trainer.base import Network

#: Stored types of weights, and of gains and biases, of which there are few and each concerns a whole neuron.
TYPES: dict[Precision, tuple[StoredType, StoredType]] = {
    "float32": (np.float32, np.float32), "int8-weights": (np.int8, np.int16)
}


@dataclass(frozen=True, eq=False)
class Arithmetic:
    """Stored numbers and the values that they represent.

    Attributes:
        weights: ``(n_edges,)``; groups are the edges from inputs into the first layer, from hidden neurons into it,
            from inputs into the second, and so on; then kernels (see :mod:`search_spaces.neuron.export.maps`).
        offset: float32 ``(n_hidden + n_outputs,)``, added to the weighted sums: folded means, and all biases but those
            that a norm adds.
        gain, bias: ``(n_normed,)``, for the hidden neurons that have the norm ``layer-affine``; groups are layers.
        mean, inverse_std: ``(n_inputs,)``, if inputs are normalised on entry; None if that is folded. The mean has the
            inputs' type; its rounding error against float32 is folded into the offset.
        imputed: ``(n_inputs,)``, of the inputs' type: the values that replace NaN on entry; None if none are replaced.
        network: The network in the search's units that all this computes: untied, with rounded parameters.
    """

    weights: Stored
    offset: Floats
    gain: Stored
    bias: Stored
    mean: Floats | Doubles | None
    inverse_std: Floats | None
    imputed: Floats | Doubles | None
    network: Network


def arithmetic(
    network: Network, scaling: Scaling, input_shape: tuple[int, ...], precision: Precision,
    kernels: Ints | None = None,
) -> Arithmetic:
    """Fold the normalisation into the parameters and round them.

    Args:
        network: The network.
        scaling: Normalisation of the data.
        input_shape: Shape of one sample.
        precision: One of :data:`TYPES`.
        kernels: ``(n_edges,)``, groups of edges that are rounded alike in addition to the layers'; -1 for those of a
            layer.

    Raises:
        ValueError: A parameter is not finite.
    """
    for name in ("edge", "bias", "gain"):
        if not np.isfinite(getattr(network, name)).all():
            raise ValueError(f"the parameter {name!r} holds values that are not finite")
    genotype, n_hidden = network.genotype, network.genotype.n_hidden
    mean, std = (np.broadcast_to(np.array(v, np.float64), input_shape).ravel() for v in (scaling.mean, scaling.std))
    folded = scaling.is_foldable
    source, target = genotype.edges.T.astype(np.int64)
    row, hidden = target - genotype.n_inputs, (source >= genotype.n_inputs).astype(np.int64)
    # Factors from the search's weights to the device's.
    factor = np.append(np.ones(n_hidden), np.broadcast_to(scaling.target_std, genotype.n_outputs))[row]
    if folded:
        factor[hidden == 0] /= std[source[hidden == 0]]
    weight_type, neuron_type = TYPES[precision]
    group = 2 * (genotype.layer_of[target] - 1) + hidden
    if kernels is not None:
        group = np.where(kernels < 0, group, 2 * genotype.depth + kernels)
    n_groups = max(2 * genotype.depth, int(group.max()) + 1)
    weights = store(network.edge * factor, group, n_groups, weight_type)
    normed = np.flatnonzero(_has_affine_norm(network))
    layer = genotype.layers.astype(np.int64)[normed] - 1
    gain, bias = (store(v[normed], layer, genotype.depth - 1, neuron_type) for v in (network.gain, network.bias))
    offset, inputs = _biases(network, scaling), hidden == 0
    entry: Floats | Doubles = mean if scaling.input_type == "float64" else mean.astype(np.float32)
    imputed: Floats | Doubles | None = None
    if scaling.fill is not None:
        fill = np.array(scaling.fill, np.float64)
        imputed = fill if scaling.input_type == "float64" else fill.astype(np.float32)
    left = mean if folded else (mean - entry) / std
    offset -= np.bincount(row[inputs], weights.worth[inputs] * left[source[inputs]], len(offset))
    rounded = replace(
        network, genotype=_untied(genotype), edge=(weights.worth / factor).astype(np.float32),
        bias=_with(network.bias, normed, bias.worth), gain=_with(network.gain, normed, gain.worth),
    )
    return Arithmetic(
        weights, offset.astype(np.float32), gain, bias, None if folded else entry,
        None if folded else (1 / std).astype(np.float32), imputed, rounded,
    )


def _biases(network: Network, scaling: Scaling) -> Doubles:
    """Return the biases of the weighted sums, in the data's units, shape ``(n_hidden + n_outputs,)``."""
    n_hidden = network.genotype.n_hidden
    biases = network.bias.astype(np.float64)
    biases[n_hidden:] = biases[n_hidden:] * np.array(scaling.target_std) + np.array(scaling.target_mean)
    biases[:n_hidden][_has_affine_norm(network)] = 0.0
    return biases


def _has_affine_norm(network: Network) -> NDArray[np.bool_]:
    """Return a mask of the hidden neurons whose bias a norm adds, ``(n_hidden,)``."""
    normed: NDArray[np.bool_] = network.genotype.activations == Activation.NORM
    return normed if network.norm == "layer-affine" else np.zeros_like(normed)


def _untied(genotype: NeuronGenotype) -> NeuronGenotype:
    """Return the genotype without sharing: rounding may give equal weights different values, each in its own group."""
    return replace(
        genotype, ties=np.full(genotype.n_edges, -1, np.int32), channels=np.full(genotype.n_hidden, -1, np.int32)
    )


def _with(values: Floats, places: Ints, others: Doubles) -> Floats:
    result = values.copy()
    result[places] = others
    return result
