"""From shared weights to single neurons."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from search_spaces.neuron.genotype import NeuronGenotype
from search_spaces.neuron.mutation.steps import MutationParams, log_uniform

#: Smallest share of its edges that a released network keeps: the rest of the way is taken in gentle steps.
KEPT = 0.4


def release(genotype: NeuronGenotype, rng: np.random.Generator, params: MutationParams) -> NeuronGenotype | None:
    """Give every edge a weight of its own and every neuron its own bias and gain; be pruned back in training.

    The child begins with the function of its parent, and training prunes it to the edges that the search aims at, or
    to a log-uniform number of them, but not below :data:`KEPT` of its own. None if nothing is shared.
    """
    if not genotype.is_shared:
        return None
    fewest = max(params.edges[0], genotype.n_outputs, round(KEPT * genotype.n_edges))
    most = min(params.edges[1], genotype.n_edges)
    target = round(log_uniform(fewest, most, rng)) if params.target is None else params.target
    target = max(fewest, min(target, most))
    return replace(genotype.untied, prune_to=target if target < genotype.n_edges else 0, grow_to=0)

