"""Orders of the neurons of each hidden layer: the function is the same in any, but speed and size differ."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from evonas.types import Doubles, Ints
from search_spaces.neuron.genotype import FIRST_HIDDEN_ID, Activation, NeuronGenotype
from search_spaces.neuron.trainer.base import Network


def neighbours_together(network: Network) -> Network:
    """Sort the neurons of each hidden layer by their mean source.

    Those with a norm come first, then those with a ReLU alone, then the linear ones. Neighbours of a kind then read the
    same inputs: tiles of 16 of them (see ``c_tiles``) were filled to .53 in the place of .45.
    """
    genotype, n_inputs = network.genotype, network.genotype.n_inputs
    source, target = genotype.edges.T.astype(np.int64)
    n_edges = np.bincount(target, minlength=genotype.n_neurons)
    mean = np.bincount(target, source, genotype.n_neurons) / np.maximum(n_edges, 1)
    own = mean[n_inputs : n_inputs + genotype.n_hidden]
    return reordered(network, np.lexsort((own, activations(network), genotype.layers)))


def kinds_together(network: Network) -> Network:
    """Sort the neurons of each hidden layer by their activations."""
    return reordered(network, np.lexsort((activations(network), network.genotype.layers)))


def activations(network: Network) -> NDArray[np.int8]:
    """Return the activation of each hidden neuron, ``(n_hidden,)``: without a norm, NORM is ReLU."""
    genes = network.genotype.activations
    return np.where(genes == Activation.NORM, Activation.RELU, genes) if network.norm == "none" else genes


def reordered(network: Network, order: Ints) -> Network:
    """Return the same network with other ids: hidden neurons ``(n_hidden,)`` in an order, layer by layer."""
    genotype, n_inputs = network.genotype, network.genotype.n_inputs
    index = np.arange(genotype.n_neurons)
    index[n_inputs + order] = n_inputs + np.arange(genotype.n_hidden)
    edges = index[genotype.edges]
    by_target = np.lexsort(edges.T)
    rows = np.append(order, np.arange(genotype.n_hidden, len(network.bias)))
    moved = NeuronGenotype(
        n_inputs, genotype.n_outputs, FIRST_HIDDEN_ID + np.arange(genotype.n_hidden), genotype.layers,
        genotype.positions[order], edges[by_target].astype(np.int32), genotype.ties[by_target],
        channels=genotype.channels[order], activations=activations(network)[order],
    )
    return replace(
        network, genotype=moved, edge=network.edge[by_target], bias=network.bias[rows], gain=network.gain[rows]
    )


def channels_together(network: Network) -> Network:
    """Sort the neurons of each hidden layer so that those of a kind that share weights are adjacent.

    Neurons of a kind are in the order of their sources.

    The distance of sources depends on the order of the neurons that they belong to, so layers are sorted one after the
    other. The first source of a neuron may be missing at a border: its place is then inferred from the most complete
    neuron of its kind.
    """
    genotype, n_inputs = network.genotype, network.genotype.n_inputs
    source, target = genotype.edges.T.astype(np.int64)
    tied = np.flatnonzero(genotype.ties >= 0)
    kernel = np.full(genotype.n_neurons, -1)
    kernel[target[tied]] = components(target[tied], genotype.ties[tied].astype(np.int64))
    index, kinds, orders = np.arange(genotype.n_neurons), activations(network), []
    for first, last in pairwise(genotype.layer_offsets[1:-1].tolist()):
        hidden, edges = slice(first - n_inputs, last - n_inputs), slice(*np.searchsorted(target, [first, last]))
        begin = _begins(target[edges] - first, index[source[edges]], genotype.ties[edges], kernel[first:last])
        order = np.lexsort((begin, genotype.channels[hidden], kernel[first:last], kinds[hidden]))
        index[first + order] = first + np.arange(last - first)
        orders.append(first - n_inputs + order)
    return reordered(network, np.concatenate([np.empty(0, np.int64), *orders]))


def _begins(row: Ints, column: Ints, tie: NDArray[np.int32], kernel: Ints) -> Doubles:
    """Return the first source of each neuron of a layer, ``(n_rows,)``.

    Neurons that share no weight have the mean source.

    Args:
        row, column, tie: Edges into the layer.
        kernel: Kernel of each row; -1 for neurons that share no weight.
    """
    n_rows = len(kernel)
    begins: Doubles = np.bincount(row, column, n_rows) / np.maximum(np.bincount(row, minlength=n_rows), 1)
    row, column, tie = row[tie >= 0], column[tie >= 0], tie[tie >= 0]
    if not len(tie):
        return begins
    sizes = np.bincount(row, minlength=n_rows)
    by_size = np.lexsort((-sizes, kernel))
    fullest = by_size[np.unique(kernel[by_size], return_index=True)[1]]  # fullest row of each kernel
    place = np.unique(tie, return_inverse=True)[1]
    model, unknown = np.isin(row, fullest), np.iinfo(np.int64).max
    offset, begin = np.full(place.max() + 1, unknown), np.full(n_rows, unknown)
    np.minimum.at(offset, place[model], column[model])
    known = offset[place] < unknown
    np.minimum.at(begin, row[known], column[known] - offset[place[known]])
    return np.where(begin < unknown, begin, begins)


def components(left: Ints, right: Ints) -> Ints:
    """Return the component of each edge, ``(n,)``, in the graph that joins each ``left`` and its ``right``."""
    left, right = (np.unique(ends, return_inverse=True)[1] for ends in (left, right))
    n_left, n = left.max(initial=-1) + 1, left.max(initial=-1) + right.max(initial=-1) + 2
    graph = coo_array((np.ones(len(left), bool), (left, n_left + right)), shape=(n, n))
    labels: Ints = connected_components(graph, directed=False)[1][left].astype(np.int64)
    return labels
