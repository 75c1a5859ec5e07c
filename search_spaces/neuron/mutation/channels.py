"""Mutations that add or remove whole channels of networks that share weights, as with filters of a convolution."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from evonas.types import Ints
from search_spaces.neuron.edge_editing import feed_outputs, new_ids
from search_spaces.neuron.genotype import NeuronGenotype, connected
from search_spaces.neuron.layering import insert_neurons, locate
from search_spaces.neuron.mutation.steps import MutationParams


def add_channel(genotype: NeuronGenotype, rng: np.random.Generator, params: MutationParams) -> NeuronGenotype | None:
    """Add a channel with the sources and targets of a random one, through weights of its own.

    Its inputs are random and its outputs 0 when training begins. The result is None if there is no channel.

    Args:
        genotype: The parent.
        rng: Draws the child.
        params: Bounds, steps and the distance law.
    """
    channel = _draw(genotype, rng)
    if channel is None:
        return None
    chosen = np.flatnonzero(genotype.channels == channel)
    frame, new = insert_neurons(
        genotype, ids=new_ids(len(chosen), rng, genotype.ids), layers=genotype.layers[chosen],
        positions=genotype.positions[chosen], activations=genotype.activations[chosen],
        channels=np.full(len(chosen), genotype.channels.max() + 1, np.int32),
    )
    twin_of = np.full(frame.n_neurons, -1)
    twin_of[frame.n_inputs + locate(frame.ids, genotype.ids[chosen])] = new
    source, target = frame.edges.T
    into, out_of = twin_of[target] >= 0, twin_of[source] >= 0
    edges = np.concatenate([
        frame.edges,
        np.stack([source, twin_of[target]], axis=1)[into],
        np.stack([twin_of[source], target], axis=1)[out_of],
    ])
    first = int(frame.ties.max()) + 1
    ties = [frame.ties, _copied(frame.ties[into], first), _copied(frame.ties[out_of], first + first)]
    return connected(frame, edges, np.concatenate(ties)).genotype


def remove_channel(genotype: NeuronGenotype, rng: np.random.Generator, params: MutationParams) -> NeuronGenotype | None:
    """Remove a random channel of a layer that has others, with all edges.

    The result is None if there is no such channel.

    Args:
        genotype: The parent.
        rng: Draws the child.
        params: Bounds, steps and the distance law.
    """
    counts = _channels_by_layer(genotype)
    crowded = np.flatnonzero(np.bincount(counts[:, 0])[counts[:, 0]] > 1)
    if not len(crowded):
        return None
    gone = counts[int(rng.choice(crowded)), 1]
    kept = np.ones(genotype.n_neurons, bool)
    kept[genotype.n_inputs + np.flatnonzero(genotype.channels == gone)] = False
    left = kept[genotype.edges].all(axis=1)
    return feed_outputs(connected(genotype, genotype.edges[left], genotype.ties[left]).genotype, rng)


def _channels_by_layer(genotype: NeuronGenotype) -> Ints:
    """Return (layer, channel) of every channel, ``(n_channels, 2)``."""
    shared = genotype.channels >= 0
    pairs: Ints = np.unique(np.stack([genotype.layers[shared], genotype.channels[shared]], axis=1), axis=0)
    return pairs.astype(np.int64)


def _draw(genotype: NeuronGenotype, rng: np.random.Generator) -> int | None:
    channels = _channels_by_layer(genotype)
    if not len(channels):
        return None
    layer = rng.choice(np.unique(channels[:, 0]))
    return int(rng.choice(channels[channels[:, 0] == layer, 1]))


def _copied(ties: NDArray[np.int32], first: int) -> NDArray[np.int32]:
    """Return the groups of some edges as groups of their own, from number ``first`` on; -1 stays untied."""
    copies: NDArray[np.int32] = np.where(ties < 0, np.int32(-1), ties + first).astype(np.int32)
    return copies
