"""Locally sparse to sparser: a deep network wired by distance, with all skips, pruned during training."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Any

import numpy as np

from evonas.types import Ints
from search_spaces.neuron.distance import DistanceLaw, edge_lengths
from search_spaces.neuron.edge_editing import feed_outputs, with_edges
from search_spaces.neuron.edge_sampling import layer_members, log_clocks
from search_spaces.neuron.genotype import NeuronGenotype
from search_spaces.neuron.initialization.dense import TRAINING as PRUNE_TRAINING
from search_spaces.neuron.initialization.dense import dense
from search_spaces.neuron.initialization.family import NARROWEST, Setting
from search_spaces.neuron.mutation.steps import log_uniform

#: Edges at the start, as multiples of those that remain: the largest multiple is for the smallest networks, which are
#: cheap.
FACTORS = (8.0, 20.0)
#: Relative sizes of the hidden layers, and neurons of all together for each square root of an edge at the start. This
#: gives 70 inputs to a neuron at 20 000 edges: most of a neighbourhood, so that pruning and not the draw decides.
LAYERS, NEURONS = (4, 2, 1), 2.0
#: Fewest neurons of a layer: the smallest first layer that a network of many classes can use.
LEAST_WIDTH = 16
#: The scale of the distance law is ``2 + 1.5 * layer``, counting hidden layers from 0.
BASE, SLOPE = 0.5, 1.5
#: Log-weights of edges into outputs, which have no place: most hidden neurons reach them, and few inputs directly.
FROM_INPUTS, FROM_HIDDEN = np.log(0.3), np.log(9.0)

TRAINING: Mapping[str, Any] = MappingProxyType(
    {**PRUNE_TRAINING, "regrowth": {"fraction": 0.03, "every": 100, "end": 0.8, "scope": "network"}}
)


def locally_sparse(target: int, rng: np.random.Generator, setting: Setting) -> NeuronGenotype:
    """Build three hidden layers with skips between all, with several times ``target`` edges, to which training prunes.

    Args:
        target: Edges that training leaves.
        rng: Draws the network.
        setting: Outputs, bounds and the distance law.
    """
    low, high = np.log(setting.edges)
    smallness = (high - np.log(target)) / max(high - low, 1e-9)
    n_edges = round(min(target * (FACTORS[0] + (FACTORS[1] - FACTORS[0]) * smallness), max(setting.start, target)))
    n_hidden = NEURONS * np.sqrt(n_edges) * log_uniform(0.7, 1.4, rng)
    sizes = tuple(max(LEAST_WIDTH, round(n_hidden * share / sum(LAYERS))) for share in LAYERS)
    law = replace(setting.law, base=BASE, slope=SLOPE)
    frame = setting.frame(sizes, rng)
    return replace(feed_outputs(with_edges(frame, _race(frame, law, n_edges, rng)), rng), prune_to=target)


def _race(frame: NeuronGenotype, law: DistanceLaw, n_edges: int, rng: np.random.Generator) -> Ints:
    """Draw the ``n_edges`` earliest of exponential clocks over all possible edges, whose rates are the law's weights.

    Args:
        frame: The neurons.
        law: Gives the weights.
        n_edges: Number of edges.
        rng: Draws the times.

    Returns:
        (source, target) global indices, ``(n_edges, 2)``.
    """
    positions, scales, first = law.positions(frame), law.scales(frame), frame.layer_offsets[1:-1]
    clocks = []  # by layer, (neurons of the layer, neurons on earlier layers) flattened
    for layer in range(1, frame.depth + 1):
        targets, sources = layer_members(frame, layer)[:, None], np.arange(first[layer - 1])[None, :]
        if layer < frame.depth:
            weights = -edge_lengths(positions, sources, targets) / np.float32(scales[layer])
        else:
            weights = np.where(sources < frame.n_inputs, np.float32(FROM_INPUTS), np.float32(FROM_HIDDEN))
        clocks.append((log_clocks((len(targets), sources.size), rng) - weights).reshape(-1))
    begins = np.concatenate([[0], np.cumsum([len(times) for times in clocks])])
    n_edges = min(n_edges, int(begins[-1]) - 1)
    earliest = np.argpartition(np.concatenate(clocks), n_edges)[:n_edges]
    block = np.searchsorted(begins, earliest, side="right") - 1
    row, source = np.divmod(earliest - begins[block], first[block])
    return np.stack([source, first[block] + row], axis=1)


#: Remaining edges for each pixel (or other place of inputs) at which both starts are equally likely. On Fashion-MNIST,
#: best of 60 networks: one dense layer is .8 points ahead at 1.3 edges a pixel, several locally sparse ones are .2 to
#: .4 ahead from 3.4 on; on CIFAR-10, 14 networks of 6 to 18 edges a pixel, they are 2 ahead.
EQUAL = 3.0
#: Lower bound on these edges if there are few inputs: pruning cuts through several thin layers.
FEWEST_EQUAL = 500


def pruned(target: int, rng: np.random.Generator, setting: Setting) -> NeuronGenotype:
    """Build one of :func:`dense` and :func:`locally_sparse`, drawn by the number of edges for each pixel.

    Args:
        target: Edges that training leaves.
        rng: Draws the network.
        setting: Outputs, bounds and the distance law.
    """
    equal = max(FEWEST_EQUAL, EQUAL * setting.n_inputs / setting.law.channels)
    is_dense = rng.random() < 1 / (1 + (target / equal) ** 2) and setting.widest >= NARROWEST
    return (dense if is_dense else locally_sparse)(target, rng, setting)
