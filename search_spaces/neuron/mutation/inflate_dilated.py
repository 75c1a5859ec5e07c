"""Growth of receptive fields at their rims."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from scipy.spatial import cKDTree

from evonas.types import Ints
from search_spaces.neuron.absent_edges import first_fresh, merged
from search_spaces.neuron.distance import DistanceLaw
from search_spaces.neuron.genotype import NeuronGenotype
from search_spaces.neuron.mutation.inflation import inflated
from search_spaces.neuron.mutation.steps import MutationParams
from search_spaces.neuron.wiring import with_edges

#: How many of its layer's nearest places count as a source's neighbours at first: on a grid its own and those around.
#: Where a round finds fewer than a third of the edges that it seeks, twice as many do.
NEIGHBOURS = 9
#: Proposals for each edge that is sought, and rounds of them.
PROPOSALS, ROUNDS = 2, 12


def inflate_dilated(
    genotype: NeuronGenotype, rng: np.random.Generator, params: MutationParams
) -> NeuronGenotype | None:
    """Grow edges from neighbours of the sources that a target has, and be pruned back (see :func:`inflated`).

    Each new edge is one of those that are there, drawn at random, its source replaced by one of its nearest neurons in
    the same layer. None if there is no such edge.
    """
    return inflated(genotype, rng, params, _dilated)


def _dilated(
    genotype: NeuronGenotype, n_edges: int, rng: np.random.Generator, params: MutationParams
) -> NeuronGenotype | None:
    source, target = genotype.edges.T.astype(np.int64)
    taken = target * genotype.n_neurons + source
    drawn, reach = np.empty(0, np.int64), NEIGHBOURS
    nearest = _nearest(genotype, params.law, reach)
    for _ in range(ROUNDS):
        missing = n_edges - len(drawn)
        if not missing:
            break
        edge = rng.integers(genotype.n_edges, size=PROPOSALS * missing)
        column = rng.integers(nearest.shape[1], size=PROPOSALS * missing)
        proposals = target[edge] * genotype.n_neurons + nearest[source[edge], column]
        fresh = first_fresh(proposals, taken, missing)
        drawn, taken = merged(drawn, fresh), merged(taken, fresh)
        if 3 * len(fresh) < missing:
            reach *= 2
            nearest = _nearest(genotype, params.law, reach)
    new = np.stack([drawn % genotype.n_neurons, drawn // genotype.n_neurons], axis=1)
    return with_edges(genotype, new) if len(new) else None


def _nearest(genotype: NeuronGenotype, law: DistanceLaw, n: int) -> Ints:
    """Neurons at the ``n`` nearest places of its own layer, for every neuron but the outputs, its own place among them.

    Returns:
        Global indices, ``(n_inputs + n_hidden, n * channels)``; repeated where a layer has fewer.
    """
    positions, channels = law.positions(genotype), law.channels
    layers = []
    for layer, (first, last) in enumerate(pairwise(genotype.layer_offsets[:-1].tolist())):
        n_sharing = 1 if layer else channels  # neurons at a place, each so far from the next
        n_places = (last - first) // n_sharing
        places = positions[first : first + n_places]
        nearest = first + cKDTree(places).query(places, np.arange(1, min(n, n_places) + 1))[1]
        sharing = (nearest[:, :, None] + n_places * np.arange(n_sharing)).reshape(n_places, -1)
        layers.append(np.tile(sharing[:, np.arange(n * channels) % sharing.shape[1]], (n_sharing, 1)))
    return np.concatenate(layers)
