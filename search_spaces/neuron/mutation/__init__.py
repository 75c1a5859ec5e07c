"""Mutations: plain functions ``(genotype, rng, params) -> child``, or None where an operator does not apply.

A child is connected and gives every output an input if its parent does; layers stay what they are (genes), empty ones
are squeezed out. None of them looks at weights.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import TypeAlias

import numpy as np

from search_spaces.neuron.genotype import NeuronGenotype
from search_spaces.neuron.mutation.add_edges import add_edges
from search_spaces.neuron.mutation.add_nodes import add_nodes
from search_spaces.neuron.mutation.inflate import inflate
from search_spaces.neuron.mutation.remove_edges import remove_edges
from search_spaces.neuron.mutation.remove_layer import remove_layer
from search_spaces.neuron.mutation.split_neuron import split_neuron
from search_spaces.neuron.mutation.steps import LARGEST_STEPS, MutationParams
from search_spaces.neuron.mutation.tie_weights import tie_weights

__all__ = [
    "LARGEST_STEPS", "OPERATORS", "MutationParams", "Operator", "add_edges", "add_nodes", "inflate",
    "remove_edges", "remove_layer", "split_neuron", "tie_weights",
]

Operator: TypeAlias = Callable[[NeuronGenotype, np.random.Generator, MutationParams], NeuronGenotype | None]

#: Every operator by name.
OPERATORS: Mapping[str, Operator] = MappingProxyType({
    "add_nodes": add_nodes,
    "add_edges": add_edges,
    "remove_edges": remove_edges,
    "remove_layer": remove_layer,
    "split_neuron": split_neuron,
    "tie_weights": tie_weights,
    "inflate": inflate,
})
