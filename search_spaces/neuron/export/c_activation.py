"""Activation of a hidden layer in C: norm, gain, bias and ReLU of its weighted sums."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from evonas.export import c_text
from evonas.export.c_text import narrow
from evonas.types import Ints
from search_spaces.neuron.export.arithmetic import Arithmetic
from search_spaces.neuron.genotype import Activation, NeuronGenotype
from search_spaces.neuron.trainer.base import NORM_EPSILON

#: Template for layers in which every neuron has the same activation, and gain and bias of its own.
ALIKE = """\
/* What follows the weighted sums z[0 .. n) of a hidden layer, in place. */
static void activate(float *z, unsigned n${parameters})
{
@norm     const float mean_z = sum_around(0, z, n, 0) / (float)n;
@norm     const float factor = 1 / sqrtf(sum_around(mean_z, z, n, 1) / (float)n + ${epsilon}f);
    unsigned i;

    for (i = 0; i < n; i++) {
        const float y = ${activation};
        z[i] = y > 0 ? y : 0;
    }
}

"""
MIXED = """\
/* What follows the weighted sums z of a hidden layer, in place. Neurons with a norm come first, then those
 * with a ReLU alone, then linear ones.
@groups  * Groups of neurons share a gain and a bias.
 */
static void activate(float *z, unsigned layer)
{
@norm     const unsigned n = layer_normed[layer];
    unsigned i;

@norm     if (n > 0) {
@norm         const float mean_z = sum_around(0, z, n, 0) / (float)n;
@norm         const float factor = 1 / sqrtf(sum_around(mean_z, z, n, 1) / (float)n + ${epsilon}f);
@groups         unsigned k = layer_groups[layer], end = group_sizes[k];
@norm
@norm         for (i = 0; i < n; i++) {
@groups             if (i == end)
@groups                 end += group_sizes[++k];
@norm             const float y = ${activation};
@norm             z[i] = y > 0 ? y : 0;
@norm         }
@norm     }
    for (i = ${first_rectified}; i < layer_rectified[layer]; i++)
        z[i] = z[i] > 0 ? z[i] : 0;
}

"""


class Activations(NamedTuple):
    """Activations as C.

    Attributes:
        tables: Constants by name.
        function: ``activate``; empty for networks without hidden neurons.
        call: Its call on the sums ``z`` of ``layer``, which has ``size`` neurons up to ``row``.
    """

    tables: dict[str, NDArray[Any] | None]
    function: str
    call: str


def activations_in_c(numbers: Arithmetic, channels: NDArray[np.int32], *, by_layer: bool = False) -> Activations:
    """Return the activations of a network's hidden layers; their neurons are in the order of their activations.

    Args:
        numbers: Stored numbers.
        channels: ``(n_hidden,)``: adjacent neurons of a channel share a gain and a bias.
        by_layer: Whether the call must do without ``row``.
    """
    genotype, norm = numbers.network.genotype, numbers.network.norm
    if not genotype.n_hidden:
        return Activations({}, "", "")
    kind, affine = Activation.NORM if norm != "none" else Activation.RELU, norm == "layer-affine"
    normed = np.flatnonzero(genotype.activations == Activation.NORM)
    sizes = group_sizes(genotype, channels, normed) if affine else np.ones(0, np.int64)
    if not by_layer and (genotype.activations == kind).all() and (sizes == 1).all():
        own = _affine_tables(numbers, np.arange(genotype.n_hidden)) if affine else {}
        return Activations(own, *_alike(numbers, own))
    layer = genotype.layers - 1
    n_normed, n_linear = (
        np.bincount(layer[genotype.activations == activation], minlength=genotype.depth - 1)
        for activation in (Activation.NORM, Activation.LINEAR)
    )
    tables: dict[str, NDArray[Any] | None] = {"layer_rectified": narrow(np.bincount(layer) - n_linear)}
    if n_normed.any():
        tables["layer_normed"] = narrow(n_normed)
    if len(sizes):
        first = np.cumsum(sizes) - sizes
        tables |= _affine_tables(numbers, first) | {"group_sizes": narrow(sizes)}
        tables["layer_groups"] = narrow(np.searchsorted(first, np.cumsum(n_normed) - n_normed))
    features = {name for name, there in (("norm", n_normed.any()), ("groups", len(sizes))) if there}
    function = c_text.fill(MIXED, features, {
        "activation": _activated("gain[k]", "gain_scale[layer]", "bias[k]", "bias_scale[layer]", tables),
        "epsilon": repr(NORM_EPSILON), "first_rectified": "n" if n_normed.any() else "0",
    })
    return Activations(tables, function, "activate(z, layer);")


def _alike(numbers: Arithmetic, tables: Mapping[str, NDArray[Any] | None]) -> tuple[str, str]:
    """Return the function, and its call."""
    has_norm, parameters, arguments = numbers.network.norm != "none", "", ""
    if tables:
        type_ = c_text.c_type(numbers.gain.values.dtype)
        parameters, arguments = f", const {type_} *g, const {type_} *b", ", gain + row - size, bias + row - size"
    if tables.get("gain_scale") is not None:
        parameters += ", float g_scale, float b_scale"
        arguments += ", gain_scale[layer], bias_scale[layer]"
    function = c_text.fill(ALIKE, {"norm"} if has_norm else (), {
        "parameters": parameters, "epsilon": repr(NORM_EPSILON),
        "activation": _activated("g[i]", "g_scale", "b[i]", "b_scale", tables) if has_norm else "z[i]",
    })
    return function, f"activate(z, size{arguments});"


def _activated(gain: str, gain_scale: str, bias: str, bias_scale: str, tables: Mapping[str, object]) -> str:
    """Return the expression of a norm of the sum ``z[i]``, with a gain and a bias if there are such tables.

    Args:
        gain: Expression of the gain.
        gain_scale: Factor of the gain.
        bias: Expression of the bias.
        bias_scale: Factor of the bias.
        tables: Constants by name.
    """
    normed = "(z[i] - mean_z) * factor"
    if "gain" not in tables:
        return normed
    if tables["gain_scale"] is None:
        return f"{normed} * {gain} + {bias}"
    return f"{normed} * ({gain_scale} * (float){gain}) + {bias_scale} * (float){bias}"


def group_sizes(genotype: NeuronGenotype, channels: NDArray[np.int32], normed: Ints) -> Ints:
    """Return sizes of the groups of adjacent normed neurons of a layer that share a channel, ``(n_groups,)``.

    Args:
        genotype: The genotype.
        channels: Channel of each hidden neuron, -1 for none.
        normed: Neurons with a norm, in order.
    """
    layer, channel = genotype.layers[normed], channels[normed]
    begins = np.flatnonzero((np.diff(layer, prepend=-1) != 0) | (np.diff(channel, prepend=-1) != 0) | (channel < 0))
    return np.diff(begins, append=len(layer))


def _affine_tables(numbers: Arithmetic, chosen: Ints) -> dict[str, NDArray[Any] | None]:
    """Return gains and biases of some of the neurons that have a norm."""
    return {
        "gain": numbers.gain.values[chosen], "gain_scale": numbers.gain.scales,
        "bias": numbers.bias.values[chosen], "bias_scale": numbers.bias.scales,
    }
