"""Growth by new neurons."""

from __future__ import annotations

import numpy as np

from search_spaces.neuron.genotype import NeuronGenotype
from search_spaces.neuron.mutation.add_nodes import EDGES_PER_NODE, add_neurons
from search_spaces.neuron.mutation.inflation import inflated
from search_spaces.neuron.mutation.steps import MutationParams


def inflate_neurons(
    genotype: NeuronGenotype, rng: np.random.Generator, params: MutationParams
) -> NeuronGenotype | None:
    """Grow by new neurons on one layer, half of the time a new one, and be pruned back (see :func:`inflated`).

    They are wired as by :func:`add_nodes`, and have on average as many edges as the hidden neurons that are there, at
    least 4.
    """
    return inflated(genotype, rng, params, _by_neurons)


def _by_neurons(
    genotype: NeuronGenotype, n_edges: int, rng: np.random.Generator, params: MutationParams
) -> NeuronGenotype | None:
    first_output = genotype.n_neurons - genotype.n_outputs
    ends = (genotype.edges >= genotype.n_inputs) & (genotype.edges < first_output)
    degree = max(EDGES_PER_NODE, int(ends.sum()) / max(1, genotype.n_hidden))
    return add_neurons(genotype, max(1, round(n_edges / degree)), n_edges, rng, params)
