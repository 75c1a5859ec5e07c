"""What a network changes of its run's recipe."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from evonas.training import Pruning, Recipe
from evonas.types import Task
from search_spaces.neuron.options import NeuronOptions
from search_spaces.neuron.recipes import PRUNING_BACK, recipe_for
from tests.search_spaces.neuron.reference import random_genotype

TASK = Task("classification", (1, 5, 8), 4)
GENOTYPE = random_genotype(np.random.default_rng(0), n_inputs=40, n_outputs=4, density=1.0)
RECIPE = Recipe(learning_rate=0.01, weight_decay=0.1)


@pytest.mark.parametrize(("edges", "ratio"), [(256, 1.0), (128, 2.0), (64, 3.0), (20, 3.0)])
def test_small_networks_that_begin_with_weights_learn_faster_and_decay_more(edges: int, ratio: float) -> None:
    assert GENOTYPE.n_edges > 256 == 6.4 * TASK.n_inputs
    small = replace(GENOTYPE, prune_to=edges)
    fresh = recipe_for(small, RECIPE, NeuronOptions(), TASK, continues=False)
    child = recipe_for(small, RECIPE, NeuronOptions(), TASK, continues=True)
    assert child == replace(fresh, learning_rate=0.01 * ratio**0.5, weight_decay=0.1 * ratio)
    assert recipe_for(small, RECIPE, NeuronOptions(small_edges=0), TASK, continues=True) == fresh


def test_a_genotype_is_pruned_to_its_size_as_the_recipe_says() -> None:
    small = replace(GENOTYPE, prune_to=300)
    for pruning in (None, Pruning(end=0.5, every=7)):
        found = recipe_for(small, replace(RECIPE, pruning=pruning), NeuronOptions(), TASK, continues=True).pruning
        assert found == replace(pruning or PRUNING_BACK, edges=300)
    assert recipe_for(GENOTYPE, RECIPE, NeuronOptions(), TASK, continues=True) == RECIPE
