"""Where neurons stand in a drawing."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from contracts.space_contract import generator

from evonas.types import Task
from search_spaces.neuron.inheritance import fresh
from search_spaces.neuron.space import create

IMAGES = Task("classification", (3, 6, 4), 5)


def test_pixels_form_the_image_and_channels_share_a_place() -> None:
    space = create(IMAGES, {"founders": "log-uniform"})
    sketch = space.sketch(space.sample(generator(0)))
    inputs = sketch.positions[sketch.layer == 0].reshape(3, 6, 4, 2)
    np.testing.assert_array_equal(inputs[0], inputs[2])
    np.testing.assert_allclose(inputs[0, 3, 1], [1.5 / 6, 3.5 / 6], rtol=1e-6)


def test_layers_stand_one_behind_the_other_without_overlap() -> None:
    space = create(IMAGES, {"founders": "log-uniform"})
    for seed in range(4):
        sketch = space.sketch(space.sample(generator(seed)))
        x = [sketch.positions[sketch.layer == layer, 0] for layer in range(len(sketch.layers))]
        assert all(left.max() < right.min() for left, right in pairwise(x))


def test_input_use_counts_the_readers_of_each_pixel() -> None:
    space = create(IMAGES, {"founders": "log-uniform"})
    genotype = space.sample(generator(1))
    use = space.sketch(genotype).input_use
    assert use is not None
    assert use.shape == (6, 4)
    assert use[2, 3] == sum((genotype.edges[:, 0] == channel * 24 + 2 * 4 + 3).sum() for channel in range(3))


@pytest.mark.parametrize("n_features", [13, 200])
def test_features_stand_in_columns_without_overlap(n_features: int) -> None:
    space = create(Task("regression", (n_features,), 1), {"founders": "log-uniform"})
    sketch = space.sketch(space.sample(generator(2)))
    places: set[Any] = set(map(tuple, sketch.positions.tolist()))
    assert len(places) == len(sketch.positions)


def test_edges_carry_their_weights_and_foreign_weights_are_refused() -> None:
    space = create(IMAGES, {"founders": "log-uniform"})
    first, second = space.sample(generator(0)), space.sample(generator(1))
    weights = fresh(first, generator(0))
    drawn = space.sketch(first, weights)
    assert drawn.weights is not None
    np.testing.assert_array_equal(drawn.weights, weights["edge"])
    with pytest.raises(ValueError, match="expected shape"):
        space.sketch(second, weights)
