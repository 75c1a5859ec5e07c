"""Grow now, be pruned back in training: what all proposals for the growth have in common."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TypeAlias

import numpy as np

from search_spaces.neuron.genotype import NeuronGenotype
from search_spaces.neuron.mutation.steps import MutationParams

#: A child has between so many times its parent's edges before training prunes it.
FACTORS = (1.5, 2.5)

#: Adds so many edges, or about so many, to a genotype that has not all; None where it finds no place for any.
Proposal: TypeAlias = Callable[[NeuronGenotype, int, np.random.Generator, MutationParams], NeuronGenotype | None]


def inflated(
    genotype: NeuronGenotype, rng: np.random.Generator, params: MutationParams, propose: Proposal
) -> NeuronGenotype | None:
    """A child that a proposal has grown, and that training prunes to near its parent's edges within ``params.edges``:
    as near as the step allows to what the search aims at, if it aims.

    Which edges stay is decided by what they learn and not by the draw: sparse evolutionary training (Mocanu 2018,
    https://doi.org/10.1038/s41467-018-04316-3). A network that has every possible edge is only pruned. None if it would
    keep them all, or the proposal finds none.
    """
    widest = np.log1p(params.largest_steps["inflate"])
    fewest, most = params.edges
    step = rng.uniform(-widest, widest)
    if params.target is not None:
        step = np.clip(np.log(params.target / genotype.n_trained_edges), -widest, widest)
    wanted = round(genotype.n_trained_edges * np.exp(step))
    target = max(genotype.n_outputs, fewest, min(wanted, most))
    if genotype.n_edges == genotype.n_possible_edges:
        return replace(genotype, prune_to=target) if target < genotype.n_edges else None
    missing = max(1, round((rng.uniform(*FACTORS) - 1) * genotype.n_edges), target - genotype.n_edges)
    child = propose(genotype, missing, rng, params)
    return None if child is None else replace(child, prune_to=target)
