"""New edges between neurons that are there."""

from __future__ import annotations

import numpy as np

from search_spaces.neuron.absent_edges import AbsentEdges
from search_spaces.neuron.genotype import NeuronGenotype
from search_spaces.neuron.layering import pair_capacities, pair_counts
from search_spaces.neuron.mutation.steps import (
    N_PAIRS,
    MutationParams,
    choose_pairs,
    even_shares,
    preferences,
    step_size,
)
from search_spaces.neuron.wiring import with_edges


def add_edges(genotype: NeuronGenotype, rng: np.random.Generator, params: MutationParams) -> NeuronGenotype | None:
    """Add edges over 3 layer pairs, near pairs first, by the distance law. None if every possible edge is there."""
    count = step_size(params.largest_steps["add_edges"] * genotype.n_edges, rng)
    pairs = np.argwhere(pair_capacities(genotype) > pair_counts(genotype))
    if not len(pairs):
        return None
    chosen = choose_pairs(pairs, preferences(pairs, rng), rng, n=min(N_PAIRS, count))
    absent = AbsentEdges(genotype, params.law)
    return with_edges(genotype, absent.draw_over_pairs(chosen, even_shares(count, len(chosen)), rng))
