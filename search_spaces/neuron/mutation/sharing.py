"""Mutations of shared weights: edges are tied, or released."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from search_spaces.neuron.genotype import NeuronGenotype
from search_spaces.neuron.layering import pair_counts, pair_of_edge
from search_spaces.neuron.mutation.steps import MutationParams, log_uniform

#: Published: 1/30 to 1/3 of a pair's edges.
SMALLEST_SHARE = 1 / 30


def tie_weights(genotype: NeuronGenotype, rng: np.random.Generator, params: MutationParams) -> NeuronGenotype | None:
    """Let some edges of one layer pair share one weight; they leave their present groups.

    The pair is drawn by its number of edges. The result is None if no pair has two.

    Args:
        genotype: The parent.
        rng: Draws the child.
        params: Bounds, steps and the distance law.
    """
    counts = pair_counts(genotype)
    weights = np.where(counts > 1, counts, 0).reshape(-1)
    if not weights.any():
        return None
    pair = int(rng.choice(len(weights), p=weights / weights.sum()))
    largest = params.largest_steps["tie_weights"]
    share = log_uniform(min(SMALLEST_SHARE, largest), largest, rng)
    if "tie_weights" in params.smallest_steps:
        share = float(rng.uniform(params.smallest_steps["tie_weights"], largest))
    candidates = np.flatnonzero(pair_of_edge(genotype) == pair)
    ties = genotype.ties.copy()
    ties[rng.choice(candidates, max(2, round(share * len(candidates))), replace=False)] = ties.max() + 1
    return replace(genotype, ties=ties)


#: Smallest share of its edges that a released network keeps: later steps of pruning are small.
KEPT = 0.4


def release(genotype: NeuronGenotype, rng: np.random.Generator, params: MutationParams) -> NeuronGenotype | None:
    """Give every edge a weight of its own and every neuron its own bias and gain; training prunes back.

    The child begins with the function of its parent, and training prunes it to the edges that the search aims at, or to
    a log-uniform number of them, but not below :data:`KEPT` of its own. The result is None if nothing is shared.

    Args:
        genotype: The parent.
        rng: Draws the child.
        params: Bounds, steps and the distance law.
    """
    if not genotype.is_shared:
        return None
    fewest = max(params.edges[0], genotype.n_outputs, round(KEPT * genotype.n_edges))
    most = min(params.edges[1], genotype.n_edges)
    target = round(log_uniform(fewest, most, rng)) if params.target is None else params.target
    target = max(fewest, min(target, most))
    return replace(genotype.untied, prune_to=target if target < genotype.n_edges else 0, grow_to=0)
