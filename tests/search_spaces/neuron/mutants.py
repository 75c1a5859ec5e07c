"""Parents for the tests of mutations, and what is asserted of their children."""

from __future__ import annotations

import numpy as np
from hypothesis import settings
from hypothesis import strategies as st

from evonas.types import Task
from search_spaces.neuron.distance import DistanceLaw
from search_spaces.neuron.genotype import NeuronGenotype
from search_spaces.neuron.mutation import MutationParams, tie_weights
from search_spaces.neuron.space import create

seeds = st.integers(0, 2**32 - 1)
TASK = Task("classification", (1, 8, 8), 10)
SPACE = create(TASK, {"founders": "log-uniform", "founder_edges": (64, 800)})
PARAMS = MutationParams(DistanceLaw(TASK.input_shape))
examples = settings(max_examples=40)


def founder(seed: int, n_layers: int = 1) -> NeuronGenotype:
    """A founder with at least so many hidden layers, some of its weights tied."""
    rng = np.random.default_rng(seed)
    while (genotype := SPACE.sample(rng)).depth <= n_layers:
        pass
    return tie_weights(genotype, rng, PARAMS) or genotype


def named_edges(genotype: NeuronGenotype) -> set[tuple[int, int]]:
    """Edges as pairs of ids."""
    return set(map(tuple, genotype.id_of[genotype.edges].tolist()))


def fed_outputs(genotype: NeuronGenotype) -> int:
    return len(np.unique(genotype.edges[genotype.edges[:, 1] >= genotype.n_neurons - genotype.n_outputs, 1]))


def layers_by_id(genotype: NeuronGenotype) -> dict[int, int]:
    return dict(zip(genotype.ids.tolist(), genotype.layers.tolist(), strict=True))


def assert_same_order(parent: NeuronGenotype, child: NeuronGenotype) -> None:
    """Neurons that both have are on layers in the same order: equal stay equal, before stays before."""
    old, new = layers_by_id(parent), layers_by_id(child)
    pairs = sorted({(old[id], new[id]) for id in old.keys() & new.keys()})
    assert len({a for a, _ in pairs}) == len(pairs) == len({b for _, b in pairs})
    assert [b for _, b in pairs] == sorted(b for _, b in pairs)
