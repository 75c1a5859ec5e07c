"""New neurons, half of the time as a new layer, else in an existing one."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from evonas.types import Ints
from search_spaces.neuron.absent_edges import AbsentEdges, layer_members
from search_spaces.neuron.genotype import Activation, NeuronGenotype
from search_spaces.neuron.layering import insert_neurons
from search_spaces.neuron.mutation.steps import (
    MutationParams,
    choose_pairs,
    even_shares,
    log_uniform,
    preferences,
)
from search_spaces.neuron.wiring import new_ids, with_edges

#: Published: U(.12, .32) N neurons come with U(.18, .28) E edges; the ratio of the ends is kept at every step size.
EDGES_PER_NODE_SHARE = 0.28 / 0.32
#: Published founders have at least 5 edges a neuron, so that a new neuron got at least 4: two inputs, two outputs.
EDGES_PER_NODE = 4


def add_nodes(genotype: NeuronGenotype, rng: np.random.Generator, params: MutationParams) -> NeuronGenotype | None:
    """Add neurons at random places with edges by the distance law, about half of them inputs, half outputs.

    Neurons that draw no input or no output are left out. None if that leaves nothing.
    """
    largest = params.largest_steps["add_nodes"]
    share = log_uniform(min(largest, 1 / genotype.n_neurons), largest, rng)
    n_edges = max(2, round(share * EDGES_PER_NODE_SHARE * genotype.n_edges))
    n_new = max(1, min(round(share * genotype.n_neurons), n_edges // EDGES_PER_NODE))
    return add_neurons(genotype, n_new, n_edges, rng, params)


def add_neurons(
    genotype: NeuronGenotype, n_new: int, n_edges: int, rng: np.random.Generator, params: MutationParams
) -> NeuronGenotype | None:
    """``n_new`` neurons more at random places of one layer, with ``n_edges`` by the distance law, half of them inputs.

    There are more inputs where outputs have no room, as before the last layer. See :func:`add_nodes`.
    """
    frame, new, layer = _with_new_neurons(genotype, n_new, rng, params)
    before = np.array([(i, layer) for i in range(layer)])
    after = np.array([(layer, j) for j in range(layer + 1, frame.depth + 1)])
    absent, edges = AbsentEdges(frame, params.law), []
    n_after = min(n_edges - n_edges // 2, n_new * (frame.n_neurons - int(frame.layer_offsets[layer + 1])))
    for pairs, count in ((before, n_edges - n_after), (after, n_after)):
        chosen = choose_pairs(pairs, preferences(pairs, rng), rng)
        for (i, j), k in zip(chosen, even_shares(count, len(chosen)), strict=True):
            sources, targets = (layer_members(frame, i), new) if j == layer else (new, layer_members(frame, j))
            edges.append(absent.draw(sources, targets, int(k), rng))
    child = with_edges(frame, np.concatenate(edges))
    return child if child.n_hidden > genotype.n_hidden else None


def _with_new_neurons(
    genotype: NeuronGenotype, n_new: int, rng: np.random.Generator, params: MutationParams
) -> tuple[NeuronGenotype, Ints, int]:
    """The genotype with neurons that have no edges yet, their global indices, and their layer."""
    layers = genotype.layers
    if genotype.n_hidden and rng.random() < 0.5:
        layer = int(rng.integers(1, genotype.depth))
    else:
        layer = int(rng.integers(1, genotype.depth + 1))
        layers = layers + (layers >= layer).astype(np.int32)
    shifted = replace(genotype, layers=layers)
    ids, positions = new_ids(n_new, rng, genotype.ids), params.law.random_positions(n_new, rng)
    has_norm = not genotype.n_hidden or (genotype.activations == Activation.NORM).any()
    activation = Activation.NORM if has_norm else Activation.RELU
    frame, new = insert_neurons(
        shifted, ids=ids, layers=np.full(n_new, layer), positions=positions, activations=np.full(n_new, activation)
    )
    return frame, new, layer
