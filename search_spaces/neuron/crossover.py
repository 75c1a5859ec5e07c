"""Crossover: a disc of one network is transplanted into another."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from evonas.types import Ints
from search_spaces.neuron.distance import DistanceLaw
from search_spaces.neuron.edge_editing import feed_outputs
from search_spaces.neuron.genotype import NeuronGenotype, connected, select_genes
from search_spaces.neuron.layering import arrange, join_genes, locate


def exchange_disc(
    first: NeuronGenotype, second: NeuronGenotype, rng: np.random.Generator, law: DistanceLaw
) -> NeuronGenotype | None:
    """Replace the sub-DAG of a random disc of the plane in the first parent by that of the second.

    Preserved: outside the disc, the first parent's neurons with their ids, layers, places, ties and edges among
    themselves and with inputs and outputs. Inside, the second parent's neurons with their ids and places, their edges
    with inputs and outputs, with each other, and over the rim with neurons that both parents have (the same ids).
    Neurons that both parents have keep the first parent's layer; those that only the second has keep theirs, or move
    behind their predecessors.

    Lost: edges over the rim to neurons that the other parent does not have; the second parent's edges that would not
    lead forward on those layers; neurons that are left without inputs or outputs.

    Args:
        first: Gives the network outside the disc.
        second: Gives the network inside the disc.
        rng: Draws the disc.
        law: Gives the plane; the radius is uniform up to half of its side.

    Returns:
        The child; None if the second parent has no hidden neurons, or the disc does not change the first.
    """
    if not second.n_hidden:
        return None
    centre = second.positions[rng.integers(second.n_hidden)]
    radius = rng.uniform(0, law.side / 2)
    comes = np.linalg.norm(second.positions - centre, axis=1) <= radius
    stays = (np.linalg.norm(first.positions - centre, axis=1) > radius) & ~np.isin(first.ids, second.ids[comes])
    joined = _join(first, stays, second, comes)
    child = feed_outputs(connected(joined, joined.edges, joined.ties).genotype, rng)
    return None if child == first else child


def _join(
    first: NeuronGenotype, stays: NDArray[np.bool_], second: NeuronGenotype, comes: NDArray[np.bool_]
) -> NeuronGenotype:
    """Join the hidden neurons ``stays`` of the first parent and ``comes`` of the second; the result is not pruned.

    Edges are the first parent's between neurons that stay, and those of the second that touch one that comes.

    Args:
        first: The first parent.
        stays: Mask of its hidden neurons, ``(n_hidden,)``.
        second: The second parent.
        comes: Mask of its hidden neurons, disjoint in ids from ``stays``.
    """
    n_inputs, n_outputs = first.n_inputs, first.n_outputs
    ids = np.concatenate([first.ids[stays], second.ids[comes]])
    guests = n_inputs + int(stays.sum()), n_inputs + len(ids)
    edges, ties = _translate(first, np.where(stays, locate(ids, first.ids), -1), len(ids))
    new_edges, new_ties = _translate(second, locate(ids, second.ids), len(ids))

    layers = _layers(first, stays, second, comes, new_edges)
    layer_of = np.concatenate([np.zeros(n_inputs, np.int64), layers, np.full(n_outputs, layers.max(initial=0) + 1)])
    touching = ((new_edges >= guests[0]) & (new_edges < guests[1])).any(axis=1)
    given = touching & (layer_of[new_edges[:, 0]] < layer_of[new_edges[:, 1]])
    new_ties = _behind(first.ties, new_ties)
    genes = select_genes(second, comes)
    genes["channels"] = _behind(first.channels, genes["channels"])
    return arrange(
        n_inputs, n_outputs, ids=ids, layers=layers,
        positions=np.concatenate([first.positions[stays], second.positions[comes]]),
        **join_genes(select_genes(first, stays), int(comes.sum()), genes),
        edges=np.concatenate([edges, new_edges[given]]),
        ties=np.concatenate([ties, new_ties[given]]).astype(np.int32),
    )


def _behind(groups: NDArray[np.int32], others: NDArray[np.int32]) -> NDArray[np.int32]:
    """Shift the numbers of other groups, except -1 for no group, behind those of ``groups``."""
    moved: NDArray[np.int32] = np.where(others < 0, np.int32(-1), others + groups.max(initial=-1) + 1)
    return moved


def _translate(parent: NeuronGenotype, place: Ints, n_hidden: int) -> tuple[Ints, NDArray[np.int32]]:
    """Return a parent's edges between neurons that are in the child, in the child's global indices, and their ties.

    Args:
        parent: The parent.
        place: Index of each of the parent's hidden neurons among the child's ``n_hidden``, -1 for one that is not
            there.
        n_hidden: Hidden neurons of the child.
    """
    index = np.concatenate([
        np.arange(parent.n_inputs),
        np.where(place < 0, -1, parent.n_inputs + place),
        parent.n_inputs + n_hidden + np.arange(parent.n_outputs),
    ])
    edges = index[parent.edges]
    rows = np.flatnonzero((edges >= 0).all(axis=1))
    return edges[rows], parent.ties[rows]


def _layers(
    first: NeuronGenotype, stays: NDArray[np.bool_], second: NeuronGenotype, comes: NDArray[np.bool_], edges: Ints
) -> Ints:
    """Return layers of the joined hidden neurons: the first parent's gene if it has one, else behind all predecessors.

    Args:
        first: The first parent.
        stays: Mask of its hidden neurons, ``(n_hidden,)``.
        second: The second parent.
        comes: Mask of its hidden neurons, disjoint in ids from ``stays``.
        edges: The second parent's edges, in the child's indices. Neurons that only it has form no cycle, and no path
            through them is longer than its number of layers: as many rounds move all of them far enough.
    """
    n_inputs, n_stays = first.n_inputs, int(stays.sum())
    in_first = locate(first.ids, second.ids[comes])
    own = np.where(in_first < 0, second.layers[comes], np.append(first.layers, 0)[in_first])
    layers = np.concatenate([np.zeros(n_inputs, np.int64), first.layers[stays], own])
    moves = np.zeros(len(layers) + first.n_outputs, bool)
    moves[n_inputs + n_stays : len(layers)] = in_first < 0
    source, target = edges[moves[edges[:, 1]]].T
    for _ in range(second.depth):
        np.maximum.at(layers, target, layers[source] + 1)
    return layers[n_inputs:]
