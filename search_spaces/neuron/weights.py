"""Weights of a network: fresh ones, and those with which a child starts.

A network's weights are ``{"edge": (n_edges,), "bias": (n_hidden + n_outputs,), "gain": (n_hidden + n_outputs,)}``,
float32, in the order of the genotype.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from evonas.types import Doubles, Floats, Ints, Weights
from search_spaces.neuron.genotype import NeuronGenotype
from search_spaces.neuron.layering import locate

#: Asymmetry of twins: they share an outgoing weight in halves that differ by up to this share, so that they can learn
#: different things.
ASYMMETRY = 0.2


def fresh(genotype: NeuronGenotype, rng: np.random.Generator) -> Weights:
    """Draw random weights: edges with variance 2 / in-degree, 1 / in-degree into outputs; biases 0, gains 1.

    The variance is He's (2015, https://arxiv.org/abs/1502.01852) with the number of edges that are there; that of a
    dense layer would be far too small. A tied group gets one such value.
    """
    n_rows = genotype.n_hidden + genotype.n_outputs
    return {
        "edge": _random_edges(genotype, rng).astype(np.float32),
        "bias": np.zeros(n_rows, np.float32),
        "gain": np.ones(n_rows, np.float32),
    }


def inherit(child: NeuronGenotype, parent: NeuronGenotype, weights: Weights, rng: np.random.Generator) -> Weights:
    """Return weights of a child from its parent's, matched by the ids of neurons.

    - An edge that both have keeps its weight; a new edge between neurons that both have gets 0.
    - A new neuron gets random inputs and outputs of 0: it changes nothing yet, and its gradient is not dead.
    - A new neuron whose origin the parent has is its twin: it copies inputs, bias and gain; an outgoing weight w of the
      origin becomes w (1 + e) / 2 and w (1 - e) / 2.
    - A neuron that has absorbed another of the parent's (see ``merge_neurons``) has the mean of their incoming weights
      (0 for an edge that one of them lacks), biases and gains, and the sum of their outgoing weights.
    - Tied edges share the mean of the values they would have got, as do the biases and gains of a channel.

    So adding edges, adding neurons and splitting keep the function exactly without norm, adding edges with any norm.
    Merging keeps it, without norm, if two neurons have equal inputs and biases, as twins before training; otherwise the
    function changes less the more alike they are, and a norm's mean and variance lose a neuron in any case.

    Args:
        child: The genotype that gets weights.
        parent: The genotype that gives them.
        weights: The parent's weights.
        rng: Draws fresh weights.

    Raises:
        ValueError: ``weights`` do not fit ``parent``.
    """
    check_weights(parent, weights)
    if _same_graph(child, parent):  # as of a child that is only pruned
        edges: Doubles = weights["edge"].astype(np.float64)
        bias, gain = weights["bias"], weights["gain"]
    else:
        ancestor, merges = _ancestors(child, parent), _merges(child, parent)
        edges = _inherited_edges(child, parent, weights["edge"], ancestor, merges, rng)
        bias = _inherited_rows(parent, weights["bias"], ancestor, merges, 0.0)
        gain = _inherited_rows(parent, weights["gain"], ancestor, merges, 1.0)
    return {
        "edge": shared_means(child.ties, edges).astype(np.float32),
        "bias": _share_channels(child, bias),
        "gain": _share_channels(child, gain),
    }


def _same_graph(first: NeuronGenotype, second: NeuronGenotype) -> bool:
    """Return whether two genotypes have the same neurons and edges."""
    return np.array_equal(first.ids, second.ids) and np.array_equal(first.edges, second.edges)


def check_weights(genotype: NeuronGenotype, weights: Weights) -> None:
    """Raise ValueError with the name and both shapes if ``weights`` do not fit the genotype."""
    n_rows = genotype.n_hidden + genotype.n_outputs
    for name, shape in {"edge": (genotype.n_edges,), "bias": (n_rows,), "gain": (n_rows,)}.items():
        if name not in weights:
            raise ValueError(f"weights must have {name!r} of shape {shape}, got only {sorted(weights)}")
        if weights[name].shape != shape:
            raise ValueError(
                f"weights {name!r} do not fit the genotype: expected shape {shape}, got {weights[name].shape}; "
                "give the weights that were stored with this genotype"
            )


def _random_edges(genotype: NeuronGenotype, rng: np.random.Generator) -> Doubles:
    """Draw weights as :func:`fresh` does; those of a tied group are that of its first edge."""
    target = genotype.edges[:, 1]
    degree = np.bincount(target, minlength=genotype.n_neurons)[target]
    gain = np.where(target < genotype.n_neurons - genotype.n_outputs, 2.0, 1.0)
    edges = rng.standard_normal(genotype.n_edges) * np.sqrt(gain / degree)
    tied = np.flatnonzero(genotype.ties >= 0)
    member, group = np.unique(genotype.ties[tied], return_index=True, return_inverse=True)[1:]
    edges[tied] = edges[tied[member]][group]
    return edges


def _ancestors(child: NeuronGenotype, parent: NeuronGenotype) -> Ints:
    """Return for each of the child's neurons the same neuron of the parent, or its twin, by global index.

    New neurons have -1.
    """
    same, origin = locate(parent.ids, child.ids), locate(parent.ids, child.origins)
    hidden = np.where(same >= 0, same, origin)
    n_inputs, first_output = parent.n_inputs, parent.n_neurons - parent.n_outputs
    return np.concatenate([
        np.arange(n_inputs), np.where(hidden < 0, -1, n_inputs + hidden), np.arange(first_output, parent.n_neurons)
    ])


def _merges(child: NeuronGenotype, parent: NeuronGenotype) -> Ints:
    """Return (survivor, absorbed) global indices in the parent, ``(n_merges, 2)``; the child lacks the second."""
    absorbed = locate(parent.ids, -child.origins)
    rows = np.flatnonzero((child.origins < 0) & (absorbed >= 0) & (locate(child.ids, -child.origins) < 0))
    pairs = parent.n_inputs + np.stack([locate(parent.ids, child.ids[rows]), absorbed[rows]], axis=1)
    return pairs[pairs[:, 0] >= parent.n_inputs]


def _inherited_edges(
    child: NeuronGenotype, parent: NeuronGenotype, weights: Floats, ancestor: Ints, merges: Ints,
    rng: np.random.Generator,
) -> Doubles:
    """Return weights of the child's edges before ties are shared, shape ``(n_edges,)``.

    Args:
        child: The child.
        parent: The parent.
        weights: The parent's weights of edges, ``(n_edges,)``.
        ancestor: See :func:`_ancestors`.
        merges: See :func:`_merges`.
        rng: Draws fresh weights.
    """
    source, target = ancestor[child.edges].T
    known = (source >= 0) & (target >= 0)
    parent_keys, weights = _merged_edges(parent, weights, merges)
    keys = np.where(known, target * parent.n_neurons + source, -1)
    row = np.minimum(np.searchsorted(parent_keys, keys), len(parent_keys) - 1)
    edges = np.where(parent_keys[row] == keys, weights[row], 0.0)
    e = rng.uniform(-ASYMMETRY, ASYMMETRY, child.n_edges)
    if _has_twins(ancestor):
        edges *= _shares_of_twins(child, parent, source, e)
    return np.where(target < 0, _random_edges(child, rng), edges) if (target < 0).any() else edges


def _merged_edges(parent: NeuronGenotype, weights: Floats, merges: Ints) -> tuple[Ints, Floats]:
    """Return keys and weights of the parent's edges after its merges.

    Keys are ``target * n_neurons + source``, ascending.

    Args:
        parent: The parent.
        weights: The parent's weights of edges, ``(n_edges,)``.
        merges: See :func:`_merges`.
    """
    into, share = np.arange(parent.n_neurons), np.ones(parent.n_neurons, np.float32)
    into[merges[:, 1]] = merges[:, 0]
    share[merges] = 0.5
    keys: Ints = into[parent.edges[:, 1]] * parent.n_neurons + into[parent.edges[:, 0]]
    if not len(merges):
        return keys, weights
    keys, edge = np.unique(keys, return_inverse=True)
    return keys, np.bincount(edge, weights * share[parent.edges[:, 1]]).astype(np.float32)


def _has_twins(ancestor: Ints) -> bool:
    """Return whether two neurons have one ancestor."""
    known = np.sort(ancestor[ancestor >= 0])
    return bool((known[1:] == known[:-1]).any())


def _shares_of_twins(child: NeuronGenotype, parent: NeuronGenotype, source: Ints, e: Doubles) -> Doubles:
    """Return the share of the ancestor's weight that each edge carries: the shares of twins into a neuron sum to 1.

    Args:
        child: The child.
        parent: The parent.
        source: The ancestor of each edge's source, ``(n_edges,)``.
        e: The asymmetry of each edge, ``(n_edges,)``.
    """
    key = child.edges[:, 1].astype(np.int64) * parent.n_neurons + source
    group, size = np.unique(np.where(source < 0, -1, key), return_inverse=True, return_counts=True)[1:]
    mean = np.bincount(group, e) / size
    return np.asarray((1 + (e - mean[group])) / size[group])


def _inherited_rows(
    parent: NeuronGenotype, values: Floats, ancestor: Ints, merges: Ints, default: float
) -> Floats:
    """Return biases or gains of the child, shape ``(n_hidden + n_outputs,)``.

    Args:
        parent: The parent.
        values: The parent's, of the parent's shape.
        ancestor: See :func:`_ancestors`.
        merges: See :func:`_merges`.
        default: Value of new neurons.
    """
    rows = ancestor[parent.n_inputs :]
    values = values.copy()
    values[merges[:, 0] - parent.n_inputs] = values[merges - parent.n_inputs].mean(axis=1)
    return np.where(rows < 0, default, values[np.maximum(rows - parent.n_inputs, 0)]).astype(np.float32)


def shared_means(groups: NDArray[np.int32], values: Doubles) -> Doubles:
    """Set values of a group to their mean and keep those without a group (-1); both shapes are ``(n,)``."""
    tied: NDArray[np.bool_] = groups >= 0
    if tied.any():
        group, size = np.unique(groups[tied], return_inverse=True, return_counts=True)[1:]
        values = values.copy()
        values[tied] = (np.bincount(group, values[tied]) / size)[group]
    return values


def _share_channels(genotype: NeuronGenotype, rows: Floats) -> Floats:
    """Return biases or gains ``(n_hidden + n_outputs,)`` in which the neurons of a channel have their mean."""
    shared = shared_means(genotype.channels, rows[: genotype.n_hidden].astype(np.float64))
    return np.concatenate([shared, rows[genotype.n_hidden :]]).astype(np.float32)
