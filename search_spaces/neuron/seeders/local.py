"""Locally sparse to sparser: a deep network wired by distance, with all skips, pruned while it trains."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Any

import numpy as np

from evonas.types import Ints
from search_spaces.neuron.absent_edges import layer_members, log_clocks
from search_spaces.neuron.distance import DistanceLaw, edge_lengths
from search_spaces.neuron.genotype import NeuronGenotype
from search_spaces.neuron.mutation.steps import log_uniform
from search_spaces.neuron.seeders.family import Setting
from search_spaces.neuron.seeders.prune import TRAINING as PRUNE_TRAINING
from search_spaces.neuron.wiring import feed_outputs, with_edges

#: Edges at the start, as multiples of those that are to be left: many for the smallest networks, which are cheap.
FACTORS = (8.0, 20.0)
#: Relative sizes of the hidden layers; all have so many neurons for each square root of an edge at the start, which
#: gives 70 inputs a neuron at 20 000 edges: most of a neighbourhood, so that pruning and not the draw decides.
LAYERS, NEURONS = (4, 2, 1), 2.0
#: No layer is smaller; the least first layer that a network of many classes can use.
LEAST_WIDTH = 16
#: The scale of the distance law is ``2 + 1.5 * layer``, counting hidden layers from 0.
BASE, SLOPE = 0.5, 1.5
#: Log-weights of edges into outputs, which have no place: most hidden neurons reach them, few inputs do at once.
FROM_INPUTS, FROM_HIDDEN = np.log(0.3), np.log(9.0)

TRAINING: Mapping[str, Any] = MappingProxyType(
    {**PRUNE_TRAINING, "regrowth": {"fraction": 0.03, "every": 100, "end": 0.8}}
)


def locally_sparse(target: int, rng: np.random.Generator, setting: Setting) -> NeuronGenotype:
    """Three hidden layers with skips between all, several times the edges of ``target``, to which they are pruned."""
    low, high = np.log(setting.edges)
    smallness = (high - np.log(target)) / max(high - low, 1e-9)
    n_edges = round(min(target * (FACTORS[0] + (FACTORS[1] - FACTORS[0]) * smallness), max(setting.start, target)))
    n_hidden = NEURONS * np.sqrt(n_edges) * log_uniform(0.7, 1.4, rng)
    sizes = tuple(max(LEAST_WIDTH, round(n_hidden * share / sum(LAYERS))) for share in LAYERS)
    law = replace(setting.law, base=BASE, slope=SLOPE)
    frame = setting.frame(sizes, rng)
    return replace(feed_outputs(with_edges(frame, _race(frame, law, n_edges, rng)), rng), prune_to=target)


def _race(frame: NeuronGenotype, law: DistanceLaw, n_edges: int, rng: np.random.Generator) -> Ints:
    """The ``n_edges`` earliest of exponential clocks over all possible edges, whose rates are the law's weights."""
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
