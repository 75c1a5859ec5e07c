"""Neurons on layers: longest paths, and the canonical order of neurons and edges."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from evonas.space import InvalidGenotype
from evonas.types import Floats, Ints
from search_spaces.neuron.genotype import NeuronGenotype


def longest_path_layers(n_neurons: int, edges: NDArray[np.integer[Any]]) -> NDArray[np.int32]:
    """Length of the longest path that ends in each neuron, shape ``(n_neurons,)``; neurons without inputs get 0.

    Kahn's algorithm, a generation at a time: what becomes free in generation g has its longest path of length g.

    Args:
        edges: (source, target) pairs, shape ``(n_edges, 2)``, in any order.

    Raises:
        InvalidGenotype: The edges form a cycle.
    """
    narrow = edges[:, 0].astype(np.min_scalar_type(n_neurons))  # numpy sorts 16-bit integers in linear time
    targets = edges[:, 1][np.argsort(narrow, kind="stable")]  # of the edges in the order of their sources
    first = np.concatenate([[0], np.cumsum(np.bincount(edges[:, 0], minlength=n_neurons))])
    waiting = np.bincount(targets, minlength=n_neurons)
    layers = np.full(n_neurons, -1, np.int32)
    generation, free = 0, np.flatnonzero(waiting == 0)
    while len(free):
        layers[free] = generation
        counts = first[free + 1] - first[free]
        rows = np.repeat(first[free + 1] - np.cumsum(counts), counts) + np.arange(counts.sum())
        arrivals = np.bincount(targets[rows], minlength=n_neurons)
        waiting -= arrivals
        free = np.flatnonzero((waiting == 0) & (arrivals > 0))
        generation += 1
    if (layers < 0).any():
        n_stuck = int((layers < 0).sum())
        raise InvalidGenotype(f"edges must not form a cycle, but {n_stuck} neurons are on one or behind one")
    return layers


def arrange(
    n_inputs: int, n_outputs: int, *, ids: Ints, layers: NDArray[np.integer[Any]], positions: Floats, edges: Ints,
    ties: NDArray[np.int32] | None = None, origins: Ints | None = None,
) -> NeuronGenotype:
    """A genotype from hidden neurons in any order; nothing is pruned, no layer squeezed, and nothing validated.

    Args:
        ids: ``(n_hidden,)``; ``layers``, ``positions`` and ``origins`` (None: of no neuron) are aligned with it.
        edges: ``(n_edges, 2)`` global indices in the order given here: inputs, hidden neurons, outputs.
        ties: Aligned with ``edges``; None is untied.
    """
    order = np.lexsort((ids, layers))
    n_hidden = len(ids)
    index = np.arange(n_inputs + n_hidden + n_outputs)
    index[n_inputs + order] = np.arange(n_inputs, n_inputs + n_hidden)
    source, target = index[edges.T]
    by_target = np.argsort(target * len(index) + source, kind="stable")
    return NeuronGenotype(
        n_inputs, n_outputs, ids[order], layers[order].astype(np.int32), positions[order].astype(np.float32),
        np.stack([source, target], axis=1, dtype=np.int32).take(by_target, axis=0),
        np.full(len(edges), -1, np.int32) if ties is None else ties[by_target],
        np.zeros(n_hidden, np.int64) if origins is None else origins[order],
    )


def insert_neurons(
    genotype: NeuronGenotype, *, ids: Ints, layers: NDArray[np.integer[Any]], positions: Floats,
    origins: Ints | None = None,
) -> tuple[NeuronGenotype, Ints]:
    """The genotype with more hidden neurons, still without edges, and their global indices, aligned with ``ids``."""
    first_output, n_new = genotype.n_neurons - genotype.n_outputs, len(ids)
    edges = genotype.edges.astype(np.int64)
    edges[edges >= first_output] += n_new
    frame = arrange(
        genotype.n_inputs, genotype.n_outputs,
        ids=np.concatenate([genotype.ids, ids]),
        layers=np.concatenate([genotype.layers, layers]),
        positions=np.concatenate([genotype.positions, positions]),
        origins=np.concatenate([genotype.origins, np.zeros(n_new, np.int64) if origins is None else origins]),
        edges=edges, ties=genotype.ties,
    )
    return frame, genotype.n_inputs + locate(frame.ids, ids)


def locate(ids: Ints, wanted: Ints) -> Ints:
    """Index into ``ids`` (unique, in any order) of each wanted id, -1 where there is none."""
    if not len(ids):
        return np.full(len(wanted), -1, np.int64)
    order = np.argsort(ids)
    found = order[np.minimum(np.searchsorted(ids, wanted, sorter=order), len(ids) - 1)]
    return np.where(ids[found] == wanted, found, -1)


def pair_counts(genotype: NeuronGenotype) -> Ints:
    """Number of edges from layer i to layer j at ``[i, j]``, shape ``(depth + 1, depth + 1)``."""
    n_layers = genotype.depth + 1
    return np.bincount(pair_of_edge(genotype), minlength=n_layers**2).reshape(n_layers, n_layers)


def pair_of_edge(genotype: NeuronGenotype) -> Ints:
    """``i * (depth + 1) + j`` of every edge from layer i to layer j, shape ``(n_edges,)``."""
    source, target = genotype.layer_of.astype(np.int64)[genotype.edges.T.astype(np.int64)]
    pairs: Ints = source * (genotype.depth + 1) + target
    return pairs


def pair_capacities(genotype: NeuronGenotype) -> Ints:
    """Number of possible edges from layer i to layer j at ``[i, j]``: 0 unless i < j."""
    sizes = np.diff(genotype.layer_offsets)
    return np.triu(np.outer(sizes, sizes), 1)
