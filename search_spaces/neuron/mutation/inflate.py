"""Growth by the distance law."""

from __future__ import annotations

import numpy as np

from search_spaces.neuron.absent_edges import absent_edges
from search_spaces.neuron.genotype import NeuronGenotype
from search_spaces.neuron.mutation.inflation import inflated
from search_spaces.neuron.mutation.steps import MutationParams
from search_spaces.neuron.wiring import with_edges


def inflate(genotype: NeuronGenotype, rng: np.random.Generator, params: MutationParams) -> NeuronGenotype | None:
    """Grow by the distance law and be pruned back (see :func:`inflated`).

    Layer pairs get new edges in proportion to those that they have. A full network is only pruned; None if it would
    keep all edges.
    """
    return inflated(genotype, rng, params, _by_law)


def _by_law(
    genotype: NeuronGenotype, n_edges: int, rng: np.random.Generator, params: MutationParams
) -> NeuronGenotype:
    return with_edges(genotype, absent_edges(genotype, params.law).draw_like_present(n_edges, rng))
