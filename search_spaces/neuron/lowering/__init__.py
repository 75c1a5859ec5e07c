"""Networks of layers as single neurons: one for each channel and place, with edges that share a weight for each tap.

- ``blocks``: the inputs of a layer, as products of channels and places
- ``folding``: the linear layers that get neurons of their own, and the resulting number of edges
- ``neurons``: the genotype and its weights
"""

from __future__ import annotations

import numpy as np

from evonas.capabilities.layers import Clip, LayerGraph, NotLowerable
from evonas.types import Task, Weights
from search_spaces.neuron.genotype import NeuronGenotype
from search_spaces.neuron.lowering.blocks import blocks_of
from search_spaces.neuron.lowering.folding import fold
from search_spaces.neuron.lowering.neurons import drop_dead, folded_layers, to_genotype

#: Most edges of a lowered network by default: as many as train in minutes.
MOST_EDGES = 1_000_000


def lower(
    graph: LayerGraph, task: Task, rng: np.random.Generator, *, most_edges: int
) -> tuple[NeuronGenotype, Weights]:
    """Return the genotype whose network computes the same as ``graph``, without norm, and its weights.

    A unit becomes a RELU neuron if ReLU gave it, else a LINEAR one, unless its layer is folded (see ``folding``). Edges
    of one tap (layer, channel, source's channel, offset) share a weight, the neurons of a channel a bias, both as far
    as they are equal: after folding, units near the border see fewer sources.

    Args:
        graph: Layers of the network.
        task: The task of the space.
        rng: Draws the neurons' ids.
        most_edges: The largest network that is made.

    Raises:
        NotLowerable: There is max-pooling or clipping, the task is another one, the network has more edges (known
            before memory is taken for them), or it computes the same for every input.
    """
    if graph.max_pools:
        raise NotLowerable(f"has max-pooling ({', '.join(graph.max_pools)}), which is no weighted sum")
    if any(isinstance(layer, Clip) for layer in graph.layers):
        raise NotLowerable("has activations with an upper bound, like ReLU6, which no neuron has: search without them, "
                           "like --space-option operations=resnet for blocks")
    n_inputs, n_outputs = graph.input.n_units, graph.shapes[-1].channels
    if (n_inputs, n_outputs) != (task.n_inputs, task.n_outputs):
        raise NotLowerable(f"maps {n_inputs} inputs to {n_outputs} outputs, expected {task.n_inputs} to "
                           f"{task.n_outputs}")
    blocks = blocks_of(graph)
    folding = fold(blocks, max(most_edges, MOST_EDGES))
    if folding.n_edges > most_edges:
        costs = {"edges": float(folding.n_edges), "flops": 2.0 * folding.n_edges}
        raise NotLowerable(
            f"has {folding.n_edges:,} edges in single neurons, at most {most_edges:,} are allowed: leave it out (in a "
            f"search by a constraint like edges<={most_edges}), or give the option edges of the neuron space a higher "
            f"bound, like edges={task.n_inputs},{folding.n_edges}", costs,
        )
    layers = folded_layers(blocks, folding.folded)
    drop_dead(layers, len(blocks) - 1)
    return to_genotype(layers, n_inputs, n_outputs, rng)
