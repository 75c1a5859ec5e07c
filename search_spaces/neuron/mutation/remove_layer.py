"""A hidden layer goes, and edges are drawn past the gap."""

from __future__ import annotations

import numpy as np

from search_spaces.neuron.absent_edges import AbsentEdges
from search_spaces.neuron.genotype import NeuronGenotype, connected
from search_spaces.neuron.layering import pair_counts
from search_spaces.neuron.mutation.steps import MutationParams
from search_spaces.neuron.wiring import feed_outputs

#: Published: about so many bridging edges are drawn for each edge that goes.
BRIDGES_PER_EDGE = 0.8


def remove_layer(genotype: NeuronGenotype, rng: np.random.Generator, params: MutationParams) -> NeuronGenotype | None:
    """Remove a random hidden layer with its edges; draw 80 % as many from the layers before it to those behind it.

    The bridging edges go to layer pairs (i, j) in proportion to the edges that led from i into the layer times those
    that led on to j. None if there are fewer than two hidden layers: without any, a network is linear.
    """
    if genotype.depth < 3:
        return None
    layer = int(rng.integers(1, genotype.depth))
    counts = pair_counts(genotype)
    through = np.outer(counts[:, layer], counts[layer])
    pairs = np.argwhere(through > 0)
    weights = through[tuple(pairs.T)].astype(float)
    n_removed = counts[:, layer].sum() + counts[layer].sum()
    bridges = rng.multinomial(round(BRIDGES_PER_EDGE * n_removed), weights / weights.sum())
    new = AbsentEdges(genotype, params.law).draw_over_pairs(pairs, bridges, rng)
    keep = (genotype.layer_of != layer)[genotype.edges.T.astype(np.int64)].all(axis=0)
    edges = np.concatenate([genotype.edges[keep], new])
    ties = np.concatenate([genotype.ties[keep], np.full(len(new), -1, np.int32)])
    return feed_outputs(connected(genotype, edges, ties).genotype, rng)
