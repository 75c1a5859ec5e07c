"""Layers: what they give, what they refuse."""

from __future__ import annotations

import re

import numpy as np
import pytest

from evonas.capabilities.layers import (
    Addition,
    AveragePool,
    Concatenation,
    Convolution,
    GlobalAverage,
    Layer,
    LayerGraph,
    Linear,
    MaxPool,
    Relu,
    Shape,
    Window,
)

IMAGE = Shape(2, (5, 4))
THREE = Window((3, 3), (2, 2), ((1, 1), (1, 1)), (1, 1))


def ending(*layers: Layer) -> LayerGraph:
    return LayerGraph(IMAGE, (*layers, GlobalAverage(len(layers))))


def test_taps_are_the_pairs_that_a_loop_finds() -> None:
    window = Window((3, 2), (2, 1), ((1, 0), (-1, 2)), (1, 2))
    sides = (5, 4)
    height, width = window.output(sides)
    assert (height, width) == (2, 3)
    expected = []
    for i in range(3):
        for j in range(2):
            pairs = []
            for y in range(height):
                for x in range(width):
                    row, column = 2 * y - 1 + i, x + 1 + 2 * j
                    if 0 <= row < 5 and 0 <= column < 4:
                        pairs.append((y * width + x, row * 4 + column))
            expected.append(pairs)
    assert [list(zip(*map(np.ndarray.tolist, tap), strict=True)) for tap in window.taps(sides)] == expected


def test_shapes_follow_the_layers() -> None:
    weights, bias = np.ones((4, 1, 3, 3)), np.zeros(4)
    graph = ending(Convolution(0, THREE, weights, bias, groups=2), Relu(1), Concatenation((1, 2)), Addition((3, 3)))
    assert graph.shapes == (IMAGE, *[Shape(4, (3, 2))] * 2, *[Shape(8, (3, 2))] * 2, Shape(8, (1, 1)))


def test_max_pooling_is_named_and_may_be_averaged() -> None:
    graph = ending(MaxPool(0, THREE, "first"), MaxPool(1, THREE, "second"), Relu(2))
    assert graph.max_pools == ("first", "second")
    averaged = graph.with_average_pools()
    assert averaged.max_pools == ()
    assert averaged.layers[0] == AveragePool(0, THREE)
    assert averaged.shapes == graph.shapes


@pytest.mark.parametrize(
    ("layers", "message"),
    [
        ((Relu(1),), "layer 0 must read nodes from 0 to 0, got [1]"),
        ((Relu(0),), "the last layer must give one place of outputs, got Shape(channels=2, sides=(5, 4))"),
        ((GlobalAverage(0), Addition((0, 1))), "an addition needs nodes of one shape"),
        ((GlobalAverage(0), Concatenation((0, 1))), "a concatenation needs nodes with the same sides"),
        ((Convolution(0, THREE, np.ones((4, 2, 3, 3)), np.zeros(4), 2),), "2 groups must be (4, 1, 3, 3), got (4, 2,"),
        ((Linear(0, np.ones((3, 7)), np.zeros(3)),), "weights of a linear layer must be (3, 40), got (3, 7)"),
        ((AveragePool(0, Window((6, 6), (1, 1), ((0, 0), (0, 0)), (1, 1))),), "layer 0 (AveragePool) would give noth"),
    ],
)
def test_layers_that_do_not_fit_are_refused(layers: tuple[Layer, ...], message: str) -> None:
    with pytest.raises(ValueError, match=re.escape(message)):
        LayerGraph(IMAGE, layers)


def test_a_graph_without_layers_is_refused() -> None:
    with pytest.raises(ValueError, match="there must be one layer at least"):
        LayerGraph(IMAGE, ())
