"""Growth past layers."""

from __future__ import annotations

import numpy as np

from search_spaces.neuron.absent_edges import AbsentEdges
from search_spaces.neuron.genotype import NeuronGenotype
from search_spaces.neuron.mutation.inflation import inflated
from search_spaces.neuron.mutation.steps import MutationParams
from search_spaces.neuron.wiring import with_edges


def inflate_skips(genotype: NeuronGenotype, rng: np.random.Generator, params: MutationParams) -> NeuronGenotype | None:
    """Grow by the distance law between layers that are not neighbours, and be pruned back (see :func:`inflated`).

    Layer pairs get equal numbers of new edges, as far as they have room: also those that have none yet. None if there
    is no hidden layer, or no room; a full network is only pruned.
    """
    return inflated(genotype, rng, params, _past_layers)


def _past_layers(
    genotype: NeuronGenotype, n_edges: int, rng: np.random.Generator, params: MutationParams
) -> NeuronGenotype | None:
    weights = np.triu(np.ones((genotype.depth + 1, genotype.depth + 1)), 2)
    new = AbsentEdges(genotype, params.law).draw_by_pair_weights(weights, n_edges, rng)
    return with_edges(genotype, new) if len(new) else None
