"""Sparse from the start, with edges that move while the network trains.

RigL (Evci 2020, https://arxiv.org/abs/1911.11134) grows them by gradient, SET (Mocanu 2018,
https://doi.org/10.1038/s41467-018-04316-3) at random, both between the two layers where they were dropped. In the
global variants of both, which have names of their own, all edges of the network compete: at 20 700 edges on
Fashion-MNIST that was .4 to .5 points worse, at 1 000 up to 1 point better.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Any

import numpy as np

from search_spaces.neuron.edge_editing import feed_outputs, with_edges
from search_spaces.neuron.edge_sampling import AbsentEdges
from search_spaces.neuron.genotype import NeuronGenotype
from search_spaces.neuron.initialization.family import COMMON_TRAINING, Setting
from search_spaces.neuron.initialization.sparse import top_up
from search_spaces.neuron.layering import pair_capacities
from search_spaces.neuron.mutation.steps import log_uniform

#: Neurons of the first hidden layer: enough to hold twice the edges if they were dense, few enough that each has
#: LEAST_DEGREE inputs.
WIDTHS, DENSE_FACTOR, LEAST_DEGREE = (30, 200), 2, 12
#: Share of the members with a second layer of half the neurons.
SHARE_OF_TWO_LAYERS = 0.5

_REGROWTH: Mapping[str, Any] = {"fraction": 0.3, "every": 100, "end": 0.75}


def _moving(grow: str, scope: str) -> Mapping[str, Any]:
    regrowth = {**_REGROWTH, "grow": grow, "scope": scope}
    return MappingProxyType({**COMMON_TRAINING, "regrowth": regrowth})


RIGL_TRAINING, RIGL_GLOBAL_TRAINING = (_moving("gradient", scope) for scope in ("layer-pair", "network"))
SET_TRAINING, SET_GLOBAL_TRAINING = (_moving("random", scope) for scope in ("layer-pair", "network"))


def sparse(target: int, rng: np.random.Generator, setting: Setting) -> NeuronGenotype:
    """Build one or two hidden layers with ``target`` edges; layer pairs share them by Erdos-Renyi densities.

    The density between layers of n and m neurons is proportional to (n + m) / (n m) (Mocanu 2018).

    Args:
        target: Number of edges.
        rng: Draws the network.
        setting: Outputs, bounds and the distance law.
    """
    least = max(WIDTHS[0], DENSE_FACTOR * target / (setting.n_inputs + setting.n_outputs))
    most = max(least, min(target / LEAST_DEGREE, max(WIDTHS[1], 2 * least)))
    first = max(setting.n_outputs, round(log_uniform(least, most, rng)))
    sizes = (first, max(setting.n_outputs, first // 2)) if rng.random() < SHARE_OF_TWO_LAYERS else (first,)
    frame = setting.frame(sizes, rng)
    widths = np.array([setting.n_inputs, *sizes, setting.n_outputs])
    pairs = np.stack([np.arange(frame.depth), np.arange(1, frame.depth + 1)], axis=1)
    shares = widths[:-1] + widths[1:]
    counts = np.round(target * shares / shares.sum()).astype(np.int64)
    counts = np.minimum(counts, pair_capacities(frame)[tuple(pairs.T)])
    uniform = replace(setting.law, strength=0.0)
    genotype = feed_outputs(with_edges(frame, AbsentEdges(frame, uniform).draw_over_pairs(pairs, counts, rng)), rng)
    return top_up(genotype, target, uniform, rng)
