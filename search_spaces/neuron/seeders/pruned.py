"""Founders that training prunes: dense where few edges are to be left, locally sparse where many are."""

from __future__ import annotations

import numpy as np

from search_spaces.neuron.genotype import NeuronGenotype
from search_spaces.neuron.seeders.family import NARROWEST, Setting
from search_spaces.neuron.seeders.local import locally_sparse
from search_spaces.neuron.seeders.prune import dense

#: Edges to be left for each pixel (or other place of inputs) where both starts are equally likely. On Fashion-MNIST,
#: best of 60 networks: one dense layer is .8 points ahead at 1.3 edges a pixel, several locally sparse ones are .2 to
#: .4 ahead from 3.4 on; on CIFAR-10, 14 networks of 6 to 18 edges a pixel, they are 2 ahead.
EQUAL = 3.0
#: But as many edges at least, where there are few inputs: pruning cuts through several thin layers.
FEWEST_EQUAL = 500


def pruned(target: int, rng: np.random.Generator, setting: Setting) -> NeuronGenotype:
    """One of :func:`dense` and :func:`locally_sparse`, drawn by the number of edges for each pixel."""
    equal = max(FEWEST_EQUAL, EQUAL * setting.n_inputs / setting.law.channels)
    is_dense = rng.random() < 1 / (1 + (target / equal) ** 2) and setting.widest >= NARROWEST
    return (dense if is_dense else locally_sparse)(target, rng, setting)
