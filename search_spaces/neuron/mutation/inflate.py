"""Grow now, be pruned back in training."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from search_spaces.neuron.absent_edges import AbsentEdges
from search_spaces.neuron.genotype import NeuronGenotype
from search_spaces.neuron.layering import pair_capacities, pair_counts
from search_spaces.neuron.mutation.steps import MutationParams
from search_spaces.neuron.wiring import with_edges

#: A child has between so many times its parent's edges before training prunes it.
FACTORS = (1.5, 2.5)


def inflate(genotype: NeuronGenotype, rng: np.random.Generator, params: MutationParams) -> NeuronGenotype | None:
    """Add edges between all layers by the distance law, and let training prune to near the parent's number of edges,
    within ``params.edges``.

    Which edges stay is decided by what they learn and not by the draw: sparse evolutionary training (Mocanu 2018,
    https://doi.org/10.1038/s41467-018-04316-3). Layer pairs get new edges in proportion to those that they have.
    None if every possible edge is there.
    """
    n_edges, widest = genotype.n_edges, np.log1p(params.largest_steps["inflate"])
    counts = pair_counts(genotype)
    room = pair_capacities(genotype) - counts
    pairs = np.argwhere(room > 0)
    factor = np.exp(rng.uniform(-widest, widest))
    fewest, most = params.edges
    target = max(genotype.n_outputs, fewest, min(round(genotype.n_trained_edges * factor), most))
    if not len(pairs):
        return None
    weights = (counts + 1.0)[tuple(pairs.T)]
    missing = max(round((rng.uniform(*FACTORS) - 1) * n_edges), target - n_edges)
    new = np.minimum(rng.multinomial(missing, weights / weights.sum()), room[tuple(pairs.T)])
    edges = AbsentEdges(genotype, params.law).draw_over_pairs(pairs, new, rng)
    return replace(with_edges(genotype, edges), prune_to=target)
