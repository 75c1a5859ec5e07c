"""Founders of a search on images and signals: convolutions, and at the cheap end networks that training prunes."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from search_spaces.neuron.genotype import NeuronGenotype
from search_spaces.neuron.initialization.conv import few_weights, shared
from search_spaces.neuron.initialization.family import Setting
from search_spaces.neuron.initialization.local import pruned
from search_spaces.neuron.mutation.steps import log_uniform

#: Share of the founders that are convolutional.
SHARE = 0.5
#: They have at least this share of the most edges: the best networks of all sizes are pruned, step by step, from large
#: ones.
LEAST = 1 / 2
#: Edges for each pixel (or other place of inputs) up to which the others go: there dense ones that are pruned are two
#: points ahead at 1 000 edges, equal at 2 650. From there on networks are released.
DENSE = 2.6

#: Where weights are counted: share of the founders that are convolutional, and the most of their weights, biases and
#: gains as a share of the most edges.
FEW_SHARE, MOST_WEIGHTS = 0.75, 0.1


def convolutional_or_pruned(rng: np.random.Generator, setting: Setting) -> NeuronGenotype:
    """A network that stays tied, or one that training prunes to the cheap end of the range."""
    low, high = setting.edges
    if rng.random() < SHARE:
        founder = shared(round(log_uniform(max(low, LEAST * high), high, rng)), rng, setting, shared_readouts=0.0)
        if founder.n_edges <= high:
            return founder
    cheap = replace(setting, edges=(low, most_cheap(setting)))
    return pruned(cheap.random_target(rng), rng, cheap)


def shared_or_pruned(rng: np.random.Generator, setting: Setting) -> NeuronGenotype:
    """A network of few weights that stays tied, or one that training prunes: for searches that count weights."""
    low, high = setting.edges
    if rng.random() < FEW_SHARE:
        founder = few_weights(round(log_uniform(low, max(low, high * MOST_WEIGHTS), rng)), rng, setting)
        if founder.n_edges <= high:
            return founder
    return pruned(setting.random_target(rng), rng, setting)


def most_cheap(setting: Setting) -> int:
    """The most edges that training leaves of a founder that is not convolutional."""
    low, high = setting.edges
    return max(low, min(high, round(DENSE * setting.n_inputs / setting.law.channels)))
