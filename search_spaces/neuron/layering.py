"""Layers of neurons: longest paths, and the canonical order of neurons and edges."""

from __future__ import annotations

from typing import Any, Unpack

import numpy as np
from numpy.typing import NDArray

from evonas.space import InvalidGenotype
from evonas.types import Floats, Ints
from search_spaces.neuron.genotype import NEURON_DEFAULTS, NeuronGenes, NeuronGenotype


def longest_path_layers(n_neurons: int, edges: NDArray[np.integer[Any]]) -> NDArray[np.int32]:
    """Return the length of the longest path that ends in each neuron, shape ``(n_neurons,)``.

    Neurons without inputs get 0.

    This is Kahn's algorithm, one generation at a time: a neuron that becomes free in generation g has a longest path of
    length g.

    Args:
        n_neurons: Number of neurons.
        edges: (source, target) pairs, shape ``(n_edges, 2)``, in any order.

    Raises:
        InvalidGenotype: The edges form a cycle.
    """
    narrow = edges[:, 0].astype(np.min_scalar_type(n_neurons))  # numpy sorts 16-bit integers in linear time
    targets = edges[:, 1][np.argsort(narrow, kind="stable")]  # in the order of the edges' sources
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
    ties: NDArray[np.int32] | None = None, **genes: Unpack[NeuronGenes],
) -> NeuronGenotype:
    """Return a genotype from hidden neurons in any order, without pruning, squeezing of layers or validation.

    Args:
        n_inputs: Number of inputs.
        n_outputs: Number of outputs.
        ids: ``(n_hidden,)``; ``layers``, ``positions`` and ``genes`` are aligned with it.
        layers: Layer genes.
        positions: (row, column) genes, ``(n_hidden, 2)``.
        edges: ``(n_edges, 2)`` global indices in the order given here: inputs, hidden neurons, outputs.
        ties: Aligned with ``edges``; None is untied.
        genes: Any of ``NEURON_DEFAULTS`` by name; those left out have their defaults.
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
        **_in_order(genes, order),
    )


def insert_neurons(
    genotype: NeuronGenotype, *, ids: Ints, layers: NDArray[np.integer[Any]], positions: Floats,
    **genes: Unpack[NeuronGenes],
) -> tuple[NeuronGenotype, Ints]:
    """Add hidden neurons, still without edges.

    Args:
        genotype: Gets the neurons.
        ids: ``(n_new,)``; ``layers``, ``positions`` and ``genes`` (see :func:`arrange`) are aligned with it.
        layers: Layer genes.
        positions: (row, column) genes, ``(n_new, 2)``.
        genes: Any of ``NEURON_DEFAULTS`` by name.

    Returns:
        The genotype, and the global indices of the new neurons, aligned with ``ids``.
    """
    first_output, n_new = genotype.n_neurons - genotype.n_outputs, len(ids)
    edges = genotype.edges.astype(np.int64)
    edges[edges >= first_output] += n_new
    frame = arrange(
        genotype.n_inputs, genotype.n_outputs,
        ids=np.concatenate([genotype.ids, ids]),
        layers=np.concatenate([genotype.layers, layers]),
        positions=np.concatenate([genotype.positions, positions]),
        edges=edges, ties=genotype.ties,
        **join_genes(genotype.neuron_genes, n_new, genes),
    )
    return frame, genotype.n_inputs + locate(frame.ids, ids)


def join_genes(genes: NeuronGenes, n_new: int, new: NeuronGenes) -> NeuronGenes:
    """Return the genes of neurons followed by those of others.

    Args:
        genes: Genes of the first neurons, ``(n,)`` each.
        n_new: Number of the others.
        new: Their genes, ``(n_new,)`` each; those that are not named get their defaults.
    """
    joined: Any = {
        name: np.concatenate([gene, new.get(name, np.full(n_new, NEURON_DEFAULTS[name].value))])
        for name, gene in genes.items()
    }
    return joined  # type: ignore[no-any-return]


def _in_order(genes: NeuronGenes, order: Ints) -> NeuronGenes:
    result: Any = {name: np.asarray(gene)[order].astype(NEURON_DEFAULTS[name].dtype) for name, gene in genes.items()}
    return result  # type: ignore[no-any-return]


def locate(ids: Ints, wanted: Ints) -> Ints:
    """Return the index into ``ids`` (unique, in any order) of each wanted id, -1 if it is absent."""
    if not len(ids):
        return np.full(len(wanted), -1, np.int64)
    order = np.argsort(ids)
    found = order[np.minimum(np.searchsorted(ids, wanted, sorter=order), len(ids) - 1)]
    return np.where(ids[found] == wanted, found, -1)


def pair_counts(genotype: NeuronGenotype) -> Ints:
    """Count the edges from layer i to layer j at ``[i, j]``, shape ``(depth + 1, depth + 1)``."""
    n_layers = genotype.depth + 1
    return np.bincount(pair_of_edge(genotype), minlength=n_layers**2).reshape(n_layers, n_layers)


def pair_of_edge(genotype: NeuronGenotype) -> Ints:
    """Return ``i * (depth + 1) + j`` for every edge from layer i to layer j, shape ``(n_edges,)``."""
    source, target = genotype.layer_of.astype(np.int64)[genotype.edges.T.astype(np.int64)]
    pairs: Ints = source * (genotype.depth + 1) + target
    return pairs


def pair_capacities(genotype: NeuronGenotype) -> Ints:
    """Count the possible edges from layer i to layer j at ``[i, j]``: 0 unless i < j."""
    sizes = np.diff(genotype.layer_offsets)
    return np.triu(np.outer(sizes, sizes), 1)
