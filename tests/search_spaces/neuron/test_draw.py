"""Where neurons stand in a drawing."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import pytest

from evonas.testing.lineage import generator
from evonas.types import Task
from search_spaces.neuron.genotype import Activation
from search_spaces.neuron.space import create
from search_spaces.neuron.weights import fresh
from tests.search_spaces.neuron.convolutions import Level, convolutional

IMAGES = Task("classification", (3, 6, 4), 5)


def test_pixels_form_the_image_and_channels_share_a_place() -> None:
    space = create(IMAGES, {"founders": "log-uniform"})
    diagram = space.diagram(space.sample(generator(0)))
    inputs = diagram.positions[diagram.layer == 0].reshape(3, 6, 4, 2)
    np.testing.assert_array_equal(inputs[0], inputs[2])
    np.testing.assert_allclose(inputs[0, 3, 1], [1.5 / 6, 3.5 / 6], rtol=1e-6)


def test_layers_stand_one_behind_the_other_without_overlap() -> None:
    space = create(IMAGES, {"founders": "log-uniform"})
    for seed in range(4):
        diagram = space.diagram(space.sample(generator(seed)))
        x = [diagram.positions[diagram.layer == layer, 0] for layer in range(len(diagram.layers))]
        assert all(left.max() < right.min() for left, right in pairwise(x))


def test_input_use_counts_the_readers_of_each_pixel() -> None:
    space = create(IMAGES, {"founders": "log-uniform"})
    genotype = space.sample(generator(1))
    use = space.diagram(genotype).input_use
    assert use is not None
    assert use.shape == (6, 4)
    assert use[2, 3] == sum((genotype.edges[:, 0] == channel * 24 + 2 * 4 + 3).sum() for channel in range(3))


@pytest.mark.parametrize("n_features", [13, 200])
def test_features_stand_in_columns_without_overlap(n_features: int) -> None:
    space = create(Task("regression", (n_features,), 1), {"founders": "log-uniform"})
    diagram = space.diagram(space.sample(generator(2)))
    places: set[Any] = set(map(tuple, diagram.positions.tolist()))
    assert len(places) == len(diagram.positions)


def test_edges_carry_their_weights_and_foreign_weights_are_refused() -> None:
    space = create(IMAGES, {"founders": "log-uniform"})
    first, second = space.sample(generator(0)), space.sample(generator(1))
    weights = fresh(first, generator(0))
    drawn = space.diagram(first, weights)
    assert drawn.weights is not None
    np.testing.assert_array_equal(drawn.weights, weights["edge"])
    with pytest.raises(ValueError, match="expected shape"):
        space.diagram(second, weights)


def test_channels_stand_apart_and_their_neurons_as_in_the_image() -> None:
    network = convolutional([Level(5, 3, 1), Level(2, 3, 2)], (1, 8, 8), 3)
    genotype = network.genotype
    diagram = create(Task("classification", (1, 8, 8), 3), {}).diagram(genotype)
    places: set[Any] = set(map(tuple, diagram.positions.tolist()))
    assert len(places) == len(diagram.positions)
    for layer in (1, 2):
        boxes = []
        for channel in np.unique(genotype.channels[genotype.layers == layer]):
            own = diagram.positions[genotype.n_inputs :][: genotype.n_hidden][genotype.channels == channel]
            row, column = genotype.positions[genotype.channels == channel].T
            assert (np.diff(own[np.argsort(row, kind="stable"), 1]) >= -1e-6).all()
            assert (np.diff(own[np.argsort(column, kind="stable"), 0]) >= -1e-6).all()
            boxes.append((own.min(axis=0), own.max(axis=0)))
        for i, (low, high) in enumerate(boxes):
            assert all((other_low > high).any() or (other_high < low).any() for other_low, other_high in boxes[:i])
    assert diagram.positions[:, 1].min() >= 0
    assert diagram.positions[:, 1].max() <= 1


def test_layers_of_channels_do_not_overlap_on_signals() -> None:
    network = convolutional([Level(6, 5, 2), Level(6, 5, 2)], (2, 1, 40), 3)
    diagram = create(Task("classification", (2, 1, 40), 3), {}).diagram(network.genotype)
    x = [diagram.positions[diagram.layer == layer, 0] for layer in range(len(diagram.layers))]
    assert all(left.max() < right.min() for left, right in pairwise(x))
    places: set[Any] = set(map(tuple, diagram.positions.tolist()))
    assert len(places) == len(diagram.positions)


def test_shared_weights_and_channels_are_drawn_and_told() -> None:
    network = convolutional(
        [Level(3, 3, 1, activation=Activation.LINEAR), Level(2, 3, 2)], (1, 8, 8), 3, pooled=True
    )
    space, genotype = create(Task("classification", (1, 8, 8), 3), {}), network.genotype
    diagram = space.diagram(genotype)
    assert diagram.ties is not None
    assert diagram.n_weights == 27 + 54 + 6
    (_, layer_names, layers), (_, edge_names, edges) = space.describe(genotype)
    assert [row[layer_names.index("channels")] for row in layers] == ["-", "3", "2", "-"]
    assert [row[layer_names.index("activation")] for row in layers] == ["-", "linear", "norm", "-"]
    assert [row[edge_names.index("weights")] for row in edges] == ["27", "54", "6"]
    assert sum(int(row[edge_names.index("edges")]) for row in edges) == genotype.n_edges


def test_networks_that_share_nothing_are_told_as_before() -> None:
    space = create(IMAGES, {"founders": "log-uniform"})
    genotype = space.sample(generator(1))
    assert space.diagram(genotype).ties is None
    assert [names for _, names, _ in space.describe(genotype)] == [
        ["layer", "neurons", "mean in-degree"], ["from", "to", "edges", "density"]
    ]
