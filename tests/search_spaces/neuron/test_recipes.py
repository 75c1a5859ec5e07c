"""What a network changes of its run's recipe."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

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


def options(**values: float) -> NeuronOptions:
    return NeuronOptions.model_validate(values)


@pytest.mark.parametrize(("edges", "faster"), [(200, 1.0), (100, 2**0.5), (50, 2.0), (20, 2.0)])
def test_small_networks_that_begin_with_weights_learn_faster(edges: int, faster: float) -> None:
    small, given = replace(GENOTYPE, prune_to=edges), options(small_edges=200, smoothing=0)
    fresh = recipe_for(small, RECIPE, given, TASK, continues=False)
    child = recipe_for(small, RECIPE, given, TASK, continues=True)
    assert child == replace(fresh, learning_rate=0.01 * faster)
    assert recipe_for(small, RECIPE, options(small_edges=0, smoothing=0), TASK, continues=True) == fresh


@pytest.mark.parametrize(("changes", "smoothing"), [
    ({}, 0.1), ({"label_smoothing": 0.3}, 0.3), ({"shift": 1}, 0.0), ({"flip": True}, 0.0)
])
def test_others_have_smoothed_labels_where_they_see_samples_as_they_are(
    changes: dict[str, Any], smoothing: float
) -> None:
    recipe, given = replace(RECIPE, **changes), options(small_edges=200)
    assert recipe_for(GENOTYPE, recipe, given, TASK, continues=True) == replace(recipe, label_smoothing=smoothing)
    assert recipe_for(GENOTYPE, recipe, given, TASK, continues=False) == recipe
    small = recipe_for(replace(GENOTYPE, prune_to=100), recipe, given, TASK, continues=True)
    assert small.label_smoothing == recipe.label_smoothing
    values = replace(TASK, kind="regression")
    assert recipe_for(GENOTYPE, recipe, given, values, continues=True) == recipe


def test_a_genotype_is_pruned_to_its_size_as_the_recipe_says() -> None:
    small = replace(GENOTYPE, prune_to=300)
    for pruning in (None, Pruning(end=0.5, every=7)):
        found = recipe_for(small, replace(RECIPE, pruning=pruning), options(), TASK, continues=True).pruning
        assert found == replace(pruning or PRUNING_BACK, edges=300)
    assert recipe_for(GENOTYPE, RECIPE, options(), TASK, continues=False) == RECIPE
