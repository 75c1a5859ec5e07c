"""Pruning by what a network has learnt, in training."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from search_spaces.neuron.genotype import NeuronGenotype
from search_spaces.neuron.mutation.steps import MutationParams, log_uniform

#: Shares of its parent's edges that a child keeps. Gentle steps, each trained to its end, lose least.
KEPT = (0.4, 0.95)


def prune(genotype: NeuronGenotype, rng: np.random.Generator, params: MutationParams) -> NeuronGenotype | None:
    """Be pruned in training to the edges that the search aims at, or to a log-uniform share of the parent's.

    A step of iterative magnitude pruning with the learning rate rewound (Renda 2020,
    https://arxiv.org/abs/2003.02389). None where the aim is no smaller than the parent, or the bounds leave no room.
    """
    fewest, most = (share * genotype.n_trained_edges for share in KEPT)
    wanted = log_uniform(fewest, most, rng) if params.target is None else max(params.target, fewest)
    target = max(round(wanted), params.edges[0], genotype.n_outputs)
    if target > most:
        return None
    return replace(genotype, prune_to=min(target, params.edges[1]), grow_to=0)
