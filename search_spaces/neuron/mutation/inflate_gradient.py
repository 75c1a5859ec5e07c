"""Growth where the gradient asks for it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from search_spaces.neuron.genotype import NeuronGenotype
from search_spaces.neuron.mutation.inflation import inflated
from search_spaces.neuron.mutation.steps import MutationParams


def inflate_gradient(
    genotype: NeuronGenotype, rng: np.random.Generator, params: MutationParams
) -> NeuronGenotype | None:
    """Ask training to begin with more edges, those on which the loss depends most, and to prune back.

    Gradients need weights and data, so that the child has its parent's edges and a request, ``grow_to``, which
    :func:`search_spaces.neuron.growth.grown` fulfils.
    """
    return inflated(genotype, rng, params, _request)


def _request(
    genotype: NeuronGenotype, n_edges: int, rng: np.random.Generator, params: MutationParams
) -> NeuronGenotype:
    return replace(genotype, grow_to=min(genotype.n_edges + n_edges, genotype.n_possible_edges))
