"""Mutations: plain functions ``(genotype, rng, params) -> child``, or None if an operator does not apply.

A child is connected and gives every output an input if its parent does; layers keep their genes, and empty layers are
squeezed out. No operator reads weights.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import TypeAlias

import numpy as np

from search_spaces.neuron.genotype import NeuronGenotype
from search_spaces.neuron.mutation.channels import add_channel, remove_channel
from search_spaces.neuron.mutation.dilation import grow_and_prune_dilated
from search_spaces.neuron.mutation.edges import add_edges, remove_edges, swap_edges
from search_spaces.neuron.mutation.growing import (
    grow_and_prune,
    grow_and_prune_gradient,
    grow_and_prune_neurons,
    grow_and_prune_skips,
    prune,
)
from search_spaces.neuron.mutation.neurons import add_nodes, merge_neurons, remove_layer, split_neuron
from search_spaces.neuron.mutation.sharing import release, tie_weights
from search_spaces.neuron.mutation.steps import LARGEST_STEPS, UNBOUNDED, MutationParams

__all__ = [
    "DEFAULT_WEIGHTS", "FEW_WEIGHTS", "LARGEST_STEPS", "OPERATORS", "SHARED_WEIGHTS", "UNBOUNDED",
    "MutationParams", "Operator", "add_channel", "add_edges", "add_nodes", "grow_and_prune", "grow_and_prune_dilated",
    "grow_and_prune_gradient", "grow_and_prune_neurons", "grow_and_prune_skips", "merge_neurons", "prune", "release",
    "remove_channel", "remove_edges", "remove_layer", "split_neuron", "swap_edges", "tie_weights",
]

Operator: TypeAlias = Callable[[NeuronGenotype, np.random.Generator, MutationParams], NeuronGenotype | None]

#: Weights with which operators are drawn by default: of nineteen children twelve are pruned and six grown and pruned.
#: In five searches of 2 minutes on Fashion-MNIST, for the same time and at 1.05 to 1.4 times their children's edges as
#: parents, pruning lowered the front by 1.2 to 1.8 times as much as ``grow_and_prune``, which alone makes networks grow
#: and change. The others gained a third of that or less, and ``remove_layer`` and ``tie_weights`` a tenth in earlier
#: searches. One operator that adds neurons and one that removes edges stay, since neither of the two does that.
DEFAULT_WEIGHTS: Mapping[str, float] = MappingProxyType({
    "prune": 24.0, "grow_and_prune": 12.0, "add_nodes": 1.0, "remove_edges": 1.0,
    "add_edges": 0.0, "remove_layer": 0.0, "split_neuron": 0.0, "tie_weights": 0.0, "swap_edges": 0.0,
    "merge_neurons": 0.0, "grow_and_prune_gradient": 0.0, "grow_and_prune_dilated": 0.0, "grow_and_prune_neurons": 0.0,
    "grow_and_prune_skips": 0.0,
})

#: Weights of operators for networks that share weights, used beside the others if founders are convolutional: they
#: apply to no other networks, and make three of four of the children of these.
SHARED_WEIGHTS: Mapping[str, float] = MappingProxyType({"release": 100.0})

#: Weights of operators if weights, and not edges, are minimised: there networks stay tied, and channels come and go. In
#: a search of 2 minutes on MNIST two of five children by ``add_channel`` and ``remove_channel`` were better than the
#: front at their number of weights, one of three by ``prune`` and one of eighteen by ``grow_and_prune``. In searches
#: that minimised edges, they were not among the ancestors of any member of the five fronts that had such children. An
#: operator that tied the edges into outputs by channel and region won nothing (three runs with it, three without).
FEW_WEIGHTS: Mapping[str, float] = MappingProxyType(
    {"grow_and_prune": 4.0, "release": 2.0, "add_channel": 12.0, "remove_channel": 12.0}
)

#: Operators by name.
OPERATORS: Mapping[str, Operator] = MappingProxyType({
    "add_nodes": add_nodes,
    "add_edges": add_edges,
    "add_channel": add_channel,
    "remove_channel": remove_channel,
    "prune": prune,
    "release": release,
    "remove_edges": remove_edges,
    "remove_layer": remove_layer,
    "split_neuron": split_neuron,
    "tie_weights": tie_weights,
    "grow_and_prune": grow_and_prune,
    "grow_and_prune_gradient": grow_and_prune_gradient,
    "grow_and_prune_dilated": grow_and_prune_dilated,
    "grow_and_prune_neurons": grow_and_prune_neurons,
    "grow_and_prune_skips": grow_and_prune_skips,
    "swap_edges": swap_edges,
    "merge_neurons": merge_neurons,
})
