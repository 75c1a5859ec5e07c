"""Dense to sparse: gradual magnitude pruning (Zhu 2017, https://arxiv.org/abs/1710.01878), as tuned for small networks.

On Fashion-MNIST it had the largest single effect of all methods that were tried, ahead of starting sparse with moving
edges.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Any

import numpy as np

from search_spaces.neuron.edge_editing import with_edges
from search_spaces.neuron.genotype import NeuronGenotype
from search_spaces.neuron.initialization.family import COMMON_TRAINING, NARROWEST, Setting
from search_spaces.neuron.layering import pair_capacities
from search_spaces.neuron.mutation.steps import log_uniform

#: Neurons of the first hidden layer for each square root of an edge that remains: 80 to 160 at 2 650 edges. On
#: Fashion-MNIST, 12 epochs, more hurt at 1 000 edges and fewer at 10 000.
WIDTHS = (1.6, 3.2)
#: Smallest ratio of the dense network's edges to those that remain, for which the layer is made wider if needed:
#: pruning needs a choice.
DENSE_FACTOR = 4
#: Most neurons of :func:`one_layer`.
WIDEST = 100
#: Share of the members with a second layer, and its neurons as shares of the first layer's.
SHARE_OF_TWO_LAYERS, SECOND_WIDTHS = 0.25, (0.2, 0.5)

#: Strong decay shrinks weights that the loss does not need; late pruning lets weights show which these are.
TRAINING: Mapping[str, Any] = MappingProxyType({**COMMON_TRAINING, "pruning": {"end": 0.75, "every": 50}})


def dense(target: int, rng: np.random.Generator, setting: Setting) -> NeuronGenotype:
    """Build one or two hidden layers with every edge between neighbours, to be pruned to ``target`` edges.

    Args:
        target: Edges that training leaves.
        rng: Draws the layers.
        setting: Outputs, bounds and the distance law.
    """
    least = DENSE_FACTOR * target / (setting.n_inputs + setting.n_outputs)
    low, high = (width * np.sqrt(target) for width in WIDTHS)
    first = round(min(log_uniform(max(low, least), max(high, 2 * least), rng), max(setting.widest, NARROWEST)))
    sizes: tuple[int, ...] = (first,)
    if rng.random() < SHARE_OF_TWO_LAYERS:
        sizes = (first, max(setting.n_outputs, round(first * rng.uniform(*SECOND_WIDTHS))))
    return replace(all_between_neighbours(setting.frame(sizes, rng)), prune_to=target)


def one_layer(rng: np.random.Generator, setting: Setting) -> NeuronGenotype:
    """Build one hidden layer with every edge, which training keeps.

    It has from a quarter of the edges that the bounds allow to all of them.

    With few samples it is the safest start: no structure has been chosen by them. One of 64 neurons was right about
    .996 of new samples of a table of 178, those of 8 to 32 about .985.
    """
    n_outer = setting.n_inputs + setting.n_outputs
    most = max(1.0, min(WIDEST, setting.edges[1] / n_outer, setting.start / n_outer))
    width = round(log_uniform(max(1.0, most / 4), most, rng))
    return all_between_neighbours(setting.frame((width,), rng))


def most_at_start(target: int, setting: Setting) -> int:
    """Return the largest number of edges with which :func:`dense` begins, those of its first layer."""
    n_outer = setting.n_inputs + setting.n_outputs
    return round(max(n_outer * WIDTHS[1] * math.sqrt(target), 2 * DENSE_FACTOR * target))


def all_between_neighbours(frame: NeuronGenotype) -> NeuronGenotype:
    """Return a genotype with every edge between neighbouring layers."""
    neighbours = np.eye(frame.depth + 1, k=1, dtype=bool) & (pair_capacities(frame) > 0)
    begins = frame.layer_offsets
    blocks = [
        np.mgrid[begins[i] : begins[i + 1], begins[j] : begins[j + 1]].reshape(2, -1)
        for i, j in np.argwhere(neighbours)
    ]
    return with_edges(frame, np.concatenate(blocks, axis=1).T)
