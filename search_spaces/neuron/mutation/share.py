"""Positions share the weights of the outputs."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from search_spaces.neuron.genotype import NeuronGenotype
from search_spaces.neuron.mutation.steps import MutationParams

#: Parts of the map along each axis: 1 is a global average.
REGIONS = (1, 2, 3)


def share(genotype: NeuronGenotype, rng: np.random.Generator, params: MutationParams) -> NeuronGenotype | None:
    """Tie the edges from one channel, in one region of the map, to one output.

    Trades accuracy for weights at the same FLOPs. The regions are parts of equal extent of what the channels cover.
    None if no channel has an edge of its own into an output.
    """
    source, target = genotype.edges.T
    first_output = genotype.n_neurons - genotype.n_outputs
    hidden = source - genotype.n_inputs
    channel = np.where(hidden >= 0, genotype.channels[np.clip(hidden, 0, None)] if genotype.n_hidden else -1, -1)
    chosen = np.flatnonzero((target >= first_output) & (channel >= 0) & (genotype.ties < 0))
    if not len(chosen):
        return None
    places = genotype.positions[hidden[chosen]]
    low = places.min(axis=0)
    extent = np.maximum(places.max(axis=0) - low, 1e-6)
    regions = int(rng.choice(REGIONS))
    part = np.minimum(((places - low) / extent * regions).astype(np.int64), regions - 1)
    keys = np.stack([channel[chosen], part[:, 0], part[:, 1], target[chosen]], axis=1)
    groups = np.unique(keys, axis=0, return_inverse=True)[1].reshape(-1)
    ties = genotype.ties.copy()
    ties[chosen] = ties.max() + 1 + groups
    return replace(genotype, ties=ties)
