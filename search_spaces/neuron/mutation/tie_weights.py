"""Edges that share one weight."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from search_spaces.neuron.genotype import NeuronGenotype
from search_spaces.neuron.layering import pair_counts, pair_of_edge
from search_spaces.neuron.mutation.steps import MutationParams, log_uniform

#: Published: 1/30 to 1/3 of a pair's edges.
SMALLEST_SHARE = 1 / 30


def tie_weights(genotype: NeuronGenotype, rng: np.random.Generator, params: MutationParams) -> NeuronGenotype | None:
    """Let some edges of one layer pair share one weight from now on; they leave the groups they were in.

    The pair is drawn by its number of edges. None if no pair has two.
    """
    counts = pair_counts(genotype)
    weights = np.where(counts > 1, counts, 0).reshape(-1)
    if not weights.any():
        return None
    pair = int(rng.choice(len(weights), p=weights / weights.sum()))
    largest = params.largest_steps["tie_weights"]
    share = log_uniform(min(SMALLEST_SHARE, largest), largest, rng)
    candidates = np.flatnonzero(pair_of_edge(genotype) == pair)
    ties = genotype.ties.copy()
    ties[rng.choice(candidates, max(2, round(share * len(candidates))), replace=False)] = ties.max() + 1
    return replace(genotype, ties=ties)
