"""Layers as single neurons: they compute the same, share what the layers share, and have no neuron too many."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from evonas.capabilities.layers import (
    Addition,
    AveragePool,
    Clip,
    Concatenation,
    ConstantNetwork,
    Convolution,
    Flatten,
    GlobalAverage,
    Layer,
    LayerGraph,
    Linear,
    MaxPool,
    NotLowerable,
    Relu,
    Shape,
    TakesLayers,
    Window,
    Zeros,
)
from evonas.data.samples import Samples
from evonas.testing.layer_reference import outputs_of
from evonas.types import Floats, Task, Weights
from search_spaces.neuron.genotype import Activation, NeuronGenotype
from search_spaces.neuron.lowering.blocks import blocks_of
from search_spaces.neuron.lowering.folding import fold
from search_spaces.neuron.space import NeuronSpace, create

#: A kernel of 3 x 3 that keeps an image, and one of a single place.
THREE = Window((3, 3), (1, 1), ((1, 1), (1, 1)), (1, 1))
POINT = Window((1, 1), (1, 1), ((0, 0), (0, 0)), (1, 1))


def space_of(graph: LayerGraph, **options: Any) -> NeuronSpace:
    shape = (graph.input.channels, *graph.input.sides)
    return create(Task("classification", shape, graph.shapes[-1].channels), options)


def lowered(graph: LayerGraph, **options: Any) -> tuple[NeuronGenotype, Weights]:
    return space_of(graph, **options).lower(graph, np.random.default_rng(0))


def convolution(
    source: int, window: Window, n_in: int, n_out: int, rng: np.random.Generator, groups: int = 1
) -> Convolution:
    weights = rng.normal(size=(n_out, n_in // groups, *window.kernel))
    return Convolution(source, window, weights, rng.normal(size=n_out), groups)


def check_equal(graph: LayerGraph, **options: Any) -> NeuronGenotype:
    """Asserts that module and trainers compute what the layers do; returns the genotype."""
    space = space_of(graph, **options)
    genotype, weights = space.lower(graph, np.random.default_rng(0))
    space.validate(genotype)
    x: Floats = np.random.default_rng(1).normal(size=(4, graph.input.channels, *graph.input.sides)).astype(np.float32)
    expected = outputs_of(graph, x)
    tolerance = 1e-5 * max(1.0, np.abs(expected).max())
    with torch.no_grad():
        outputs = space.compile(genotype, weights).eval()(torch.from_numpy(x)).numpy()
    np.testing.assert_allclose(outputs, expected, atol=tolerance)
    predicted = space.predict(genotype, weights, Samples(x, np.zeros(4, np.int64)))
    np.testing.assert_allclose(predicted, expected, atol=tolerance)
    assert fold(blocks_of(graph), 10**6).n_edges == genotype.n_edges
    return genotype


@st.composite
def graphs(draw: st.DrawFn) -> LayerGraph:
    """Random layers over a small image or signal, with a linear classifier behind a global average."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    sides = draw(st.sampled_from([(7,), (5, 4), (3, 6)]))
    n = len(sides)
    shapes = [Shape(draw(st.integers(1, 3)), sides)]
    layers: list[Layer] = []

    def window() -> Window:
        kernel = tuple(draw(st.integers(1, 3)) for _ in range(n))
        dilation = tuple(draw(st.integers(1, 2)) for _ in range(n))
        return Window(kernel, tuple(draw(st.integers(1, 2)) for _ in range(n)),
                      tuple((d * (k - 1), draw(st.integers(0, 1))) for k, d in zip(kernel, dilation, strict=True)),
                      dilation)

    for _ in range(draw(st.integers(1, 7))):
        source = draw(st.integers(0, len(layers)))
        shape = shapes[source]
        alike = [i for i, other in enumerate(shapes) if other == shape]
        beside = [i for i, other in enumerate(shapes) if other.sides == shape.sides]
        kind = draw(st.sampled_from(["conv", "depthwise", "average", "relu", "relu", "add", "concatenate", "zeros"]))
        match kind:
            case "conv":
                layer: Layer = convolution(source, window(), shape.channels, draw(st.integers(1, 3)), rng)
            case "depthwise":
                layer = convolution(source, window(), shape.channels, 2 * shape.channels, rng, shape.channels)
            case "average":
                kept = Window((2,) * n, (1,) * n, ((1, 0),) * n, (1,) * n)
                layer = AveragePool(source, kept, counts_padding=draw(st.booleans()))
            case "relu":
                layer = Relu(source)
            case "add":
                layer = Addition((source, draw(st.sampled_from(alike))))
            case "concatenate":
                layer = Concatenation((source, draw(st.sampled_from(beside))))
            case _:
                layer = Zeros(shape)
        layers.append(layer)
        shapes = list(LayerGraph(shapes[0], (*layers, GlobalAverage(len(layers)))).shapes[:-1])
    weights = rng.normal(size=(3, shapes[-1].channels))
    layers += [GlobalAverage(len(layers)), Linear(len(layers) + 1, weights, rng.normal(size=3))]
    return LayerGraph(shapes[0], tuple(layers))


@settings(max_examples=150)
@given(graphs())
def test_neurons_compute_what_the_layers_do(graph: LayerGraph) -> None:
    try:
        genotype = check_equal(graph)
    except ConstantNetwork:
        x = np.random.default_rng(0).normal(size=(2, graph.input.channels, *graph.input.sides)).astype(np.float32)
        np.testing.assert_array_equal(*outputs_of(graph, x))
        return
    assert not (genotype.activations == Activation.NORM).any()


def one_convolution(rng: np.random.Generator) -> LayerGraph:
    """A convolution of 2 to 3 channels with ReLU on 6 x 5 pixels, then an average and 4 outputs."""
    return LayerGraph(Shape(2, (6, 5)), (
        convolution(0, THREE, 2, 3, rng), Relu(1), GlobalAverage(2), Linear(3, rng.normal(size=(4, 3)), np.zeros(4)),
    ))


def test_edges_of_a_tap_share_a_weight_and_neurons_of_a_channel_a_bias() -> None:
    genotype = check_equal(one_convolution(np.random.default_rng(0)))
    rectified = genotype.activations == Activation.RELU
    assert rectified.sum() == 3 * 30
    assert len(np.unique(genotype.channels[rectified])) == 3
    first = np.flatnonzero(genotype.edges[:, 0] < genotype.n_inputs)
    assert len(np.unique(genotype.ties[first])) == 3 * 2 * 9
    assert (genotype.ties[first] >= 0).all()
    source, target = genotype.edges[first].T
    offset = source % 30 - (target - genotype.n_inputs) % 30
    for tie in np.unique(genotype.ties[first]):
        of_tie = genotype.ties[first] == tie
        assert len(set(offset[of_tie])) == 1
        assert len(set(source[of_tie] // 30)) == 1
        assert len(set((target[of_tie] - genotype.n_inputs) // 30)) == 1


def test_taps_of_equal_weight_stay_apart() -> None:
    graph = one_convolution(np.random.default_rng(0))
    first = graph.layers[0]
    assert isinstance(first, Convolution)
    equal = LayerGraph(graph.input, (Convolution(0, THREE, np.ones((3, 2, 3, 3)), first.bias), *graph.layers[1:]))
    genotype = check_equal(equal)
    assert len(np.unique(genotype.ties[genotype.edges[:, 0] < genotype.n_inputs])) == 3 * 2 * 9


def test_a_global_average_has_one_weight_a_channel() -> None:
    genotype, weights = lowered(one_convolution(np.random.default_rng(0)))
    average = np.flatnonzero(genotype.activations == Activation.LINEAR) + genotype.n_inputs
    assert len(average) == 3
    for neuron in average:
        into = genotype.edges[:, 1] == neuron
        assert into.sum() == 30
        assert len(set(genotype.ties[into])) == 1
        np.testing.assert_allclose(weights["edge"][into], 1 / 30, rtol=1e-6)


def test_neurons_lie_where_they_see() -> None:
    rng = np.random.default_rng(0)
    halving = Window((3, 3), (2, 2), ((1, 1), (1, 1)), (1, 1))
    genotype, _ = lowered(LayerGraph(Shape(1, (8, 7)), (
        convolution(0, halving, 1, 1, rng), Relu(1), convolution(2, halving, 1, 1, rng), Relu(3),
        GlobalAverage(4), Linear(5, np.ones((2, 1)), np.zeros(2)),
    )))
    rectified = genotype.activations == Activation.RELU
    places = genotype.positions[rectified]
    np.testing.assert_array_equal(places[:16], [[2 * i, 2 * j] for i in range(4) for j in range(4)])
    np.testing.assert_array_equal(places[16:], [[4 * i, 4 * j] for i in range(2) for j in range(2)])
    assert (genotype.positions <= [7, 6]).all()


def test_what_has_no_weight_or_no_path_becomes_no_neuron() -> None:
    rng = np.random.default_rng(0)
    graph = one_convolution(rng)
    first, last = graph.layers[0], graph.layers[3]
    assert isinstance(first, Convolution)
    assert isinstance(last, Linear)
    first.weights[0], first.bias[0] = 0, 2.0  # a channel that is 2 everywhere, and so a part of the outputs' biases
    last.weights[:, 1] = 0  # one that nothing reads
    first.weights[2, :, 0, 0] = 0
    genotype = check_equal(graph)
    assert (genotype.activations == Activation.RELU).sum() == 30
    assert len(np.unique(genotype.ties[genotype.edges[:, 0] < genotype.n_inputs])) == 16
    assert lowered(graph)[1]["bias"][-4:] == pytest.approx(2 * last.weights[:, 0], rel=1e-6)


def test_linear_layers_are_folded_where_that_takes_no_more_edges() -> None:
    rng = np.random.default_rng(0)
    grey, wide = Shape(1, (6, 6)), 4

    def ended(*layers: Layer) -> LayerGraph:
        n = len(layers)
        head = Linear(n + 2, rng.normal(size=(3, wide)), np.zeros(3))
        return LayerGraph(grey, (*layers, Relu(n), GlobalAverage(n + 1), head))

    begin = (convolution(0, POINT, 1, wide, rng), Relu(1))
    depthwise = convolution(2, THREE, wide, wide, rng, groups=wide)
    separable = check_equal(ended(*begin, depthwise, convolution(3, POINT, wide, wide, rng)))
    assert (separable.activations == Activation.LINEAR).sum() == wide * 36 + wide  # not folded: 9 + 4 < 9 * 4
    summed = check_equal(ended(*begin, depthwise, convolution(2, POINT, wide, wide, rng), Addition((3, 4))))
    assert (summed.activations == Activation.LINEAR).sum() == wide  # the average alone
    pool = AveragePool(2, THREE)
    pooled = check_equal(ended(*begin, pool, convolution(3, POINT, wide, wide, rng)))
    assert (pooled.activations == Activation.LINEAR).sum() == wide * 36 + wide


def test_unshared_borders_of_a_folded_pool_have_weights_of_their_own() -> None:
    pool = AveragePool(0, THREE)
    graph = LayerGraph(Shape(1, (5, 5)), (pool, Relu(1), GlobalAverage(2), Linear(3, np.ones((2, 1)), np.zeros(2))))
    genotype = check_equal(graph)
    into = genotype.edges[:, 0] < genotype.n_inputs
    assert {round(1 / w) for w in lowered(graph)[1]["edge"][into].tolist()} == {4, 6, 9}


def test_lowering_is_a_pure_function_of_graph_and_generator() -> None:
    graph = one_convolution(np.random.default_rng(0))
    space = space_of(graph)
    assert isinstance(space, TakesLayers)
    first, again, other = (space.lower(graph, np.random.default_rng(seed))[0] for seed in (0, 0, 1))
    assert first == again != other


def test_max_pooling_another_task_and_too_many_edges_are_refused() -> None:
    graph = one_convolution(np.random.default_rng(0))
    n_edges = lowered(graph)[0].n_edges
    assert lowered(graph, edges=(10, n_edges))[0].n_edges == n_edges
    message = f"has {n_edges:,} edges in single neurons, at most {n_edges - 1:,} are allowed"
    with pytest.raises(NotLowerable, match=message) as error:
        lowered(graph, edges=(10, n_edges - 1))
    assert error.value.costs == {"edges": n_edges, "flops": 2 * n_edges}
    pooled = LayerGraph(graph.input, (MaxPool(0, THREE, "a pool"), *graph.layers[1:2], GlobalAverage(2)))
    with pytest.raises(NotLowerable, match=re.escape("has max-pooling (a pool), which is no weighted sum")):
        lowered(pooled)
    clipped = LayerGraph(graph.input, (Clip(0, 0.0, 6.0), *graph.layers[1:2], GlobalAverage(2)))
    with pytest.raises(NotLowerable, match="has activations with an upper bound, like ReLU6, which no neuron has"):
        lowered(clipped)
    with pytest.raises(NotLowerable, match="maps 60 inputs to 4 outputs, expected 60 to 5"):
        create(Task("classification", (2, 6, 5), 5), {}).lower(graph, np.random.default_rng(0))


def test_a_flattened_image_is_the_vector_that_torch_makes_of_it() -> None:
    rng = np.random.default_rng(0)
    weights = rng.normal(size=(3, 60))
    graph = LayerGraph(Shape(2, (6, 5)), (Flatten(0), Linear(1, weights, rng.normal(size=3))))
    genotype, found = lowered(graph)
    x: Floats = rng.normal(size=(4, 2, 6, 5)).astype(np.float32)
    expected = x.reshape(4, -1) @ weights.T + graph.layers[1].bias  # type: ignore[union-attr]
    np.testing.assert_allclose(outputs_of(graph, x), expected, atol=1e-6)
    np.testing.assert_allclose(
        space_of(graph).predict(genotype, found, Samples(x, np.zeros(4, np.int64))), expected, atol=1e-4
    )


def test_a_network_far_too_large_is_counted_without_being_made() -> None:
    channels, side = 256, 64
    layers: tuple[Layer, ...] = (Convolution(0, THREE, np.ones((channels, 1, 3, 3)), np.zeros(channels)), Relu(1))
    for index in range(2, 12, 2):
        layers += (Convolution(index, THREE, np.ones((channels, channels, 3, 3)), np.zeros(channels)), Relu(index + 1))
    head = Linear(len(layers) + 1, np.ones((10, channels)), np.zeros(10))
    graph = LayerGraph(Shape(1, (side, side)), (*layers, GlobalAverage(len(layers)), head))
    edges_a_pair = (3 * side - 2) ** 2
    expected = edges_a_pair * channels * (1 + 5 * channels)
    with pytest.raises(NotLowerable, match="edges in single neurons") as error:
        lowered(graph)
    assert error.value.costs["edges"] == pytest.approx(expected, rel=0.02)
