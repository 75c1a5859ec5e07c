"""Buffers that share memory are never alive together, in random graphs, which compute what torch does."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from evonas.capabilities.export import ExportTarget
from evonas.capabilities.layers import (
    Addition,
    AveragePool,
    Clip,
    Concatenation,
    Convolution,
    GlobalAverage,
    Layer,
    LayerGraph,
    MaxPool,
    Relu,
    Shape,
    Window,
    Zeros,
)
from evonas.data.samples import Scaling
from evonas.export.layers.c_program import layer_program
from evonas.export.layers.folding import fold_scales, merge_sums, scaled
from evonas.export.layers.memory import Life, allocate, lives, pack
from evonas.export.layers.module import LayerModule
from evonas.export.layers.steps import Plan, Step, View, plan, window_of
from evonas.runtimes.compiled import find_compiler
from evonas.types import Doubles, Task
from tests.evonas.export.layers.programs import check

SAME = Window((3, 3), (1, 1), ((1, 1), (1, 1)), (1, 1))
KINDS = ("convolution", "each", "scale", "relu", "clip", "sum", "sum", "sum", "join", "maximum", "average", "zeros")


def random_graph(rng: np.random.Generator, n_layers: int) -> LayerGraph:
    """Layers of 2 or 4 channels on images of 4 x 3 pixels, which read near ones mostly; all that is left is joined."""
    sides = (4, 3)
    layers: list[Layer] = []
    shapes = [Shape(2, sides)]

    def draw(channels: int | None = None) -> int:
        fit = [node for node, shape in enumerate(shapes) if channels in (None, shape.channels)]
        return int(fit[max(0, len(fit) - 1 - int(rng.exponential(1.5)))])

    def add(layer: Layer, channels: int) -> None:
        layers.append(layer)
        shapes.append(Shape(channels, sides))

    for _ in range(n_layers):
        source = draw()
        n = shapes[source].channels
        match rng.choice(KINDS):
            case "convolution":
                m = int(rng.choice([2, 4]))
                add(Convolution(source, SAME, rng.normal(size=(m, n, 3, 3)) / 4, rng.normal(size=m)), m)
            case "each":
                add(Convolution(source, SAME, rng.normal(size=(n, 1, 3, 3)) / 3, rng.normal(size=n), groups=n), n)
            case "scale":
                add(scaled(source, 2, rng.uniform(0.5, 1.0, n), rng.normal(size=n)), n)
            case "relu":
                add(Relu(source), n)
            case "clip":
                add(Clip(source, -0.5, 1.5), n)
            case "sum":
                add(Addition((source, *(draw(n) for _ in range(rng.integers(0, 3))))), n)
            case "join":
                other = draw()
                if n + shapes[other].channels <= 8:
                    add(Concatenation((source, other)), n + shapes[other].channels)
            case "maximum":
                add(MaxPool(source, SAME, "pool"), n)
            case "average":
                add(AveragePool(source, SAME, bool(rng.integers(2))), n)
            case "zeros":
                add(Zeros(shapes[source]), n)
    read = {s for layer in layers for s in (layer.sources if isinstance(layer, Addition | Concatenation) else
                                            () if isinstance(layer, Zeros) else (layer.source,))}
    unread = [node for node in range(1, len(layers) + 1) if node not in read] or [0]
    layers.append(Concatenation(tuple(unread)))
    layers.append(GlobalAverage(len(layers)))
    return LayerGraph(shapes[0], tuple(layers))


GRAPHS = st.builds(random_graph, st.integers(0, 2**32).map(np.random.default_rng), st.integers(1, 25))


def ran(steps: Plan, x: Doubles, places: dict[int, int], size: int) -> Doubles:
    """Outputs of a sample, ``(channels, rows, columns)``, by the steps one after the other in one block of memory."""
    memory = np.full(size, np.nan)

    def values(view: View) -> Doubles:
        """The channels of a buffer, ``(places, channels)``, as a view of the block."""
        n_channels, begin = steps.channels[view.buffer], places[view.buffer]
        whole = memory[begin : begin + steps.sizes[view.buffer]].reshape(-1, n_channels)
        return whole[:, view.first : view.first + view.shape.channels]

    values(steps.input)[:] = x.reshape(len(x), -1).T
    for step in steps.steps:
        result = np.clip(_result(step, values), *step.bounds)
        values(step.target)[:] = result + (values(step.target) if step.adds else 0)
    outputs: Doubles = values(steps.output).T.copy()
    return outputs


def _result(step: Step, values: Any) -> Doubles:
    """What a step writes or adds, ``(places, channels)``."""
    if step.source is None:
        return np.zeros(values(step.target).shape)
    x = values(step.source).T.reshape(1, step.source.shape.channels, *step.source.shape.sides)
    if step.operation == "transfer":
        y: Doubles = x[0].reshape(len(x[0]), -1).T.copy()
        return y
    layer = step.layer
    if isinstance(layer, GlobalAverage):
        layer = AveragePool(0, window_of(layer, step.source.shape))
    assert isinstance(layer, Convolution | AveragePool | MaxPool)
    layer = replace(layer, source=0)
    shape = Shape(step.source.shape.channels, step.source.shape.sides)
    graph = LayerGraph.__new__(LayerGraph)
    object.__setattr__(graph, "input", shape)
    object.__setattr__(graph, "layers", (layer,))
    with torch.no_grad():
        found: Doubles = LayerModule(graph, torch.float64)(torch.from_numpy(np.ascontiguousarray(x))).numpy()
    return found.reshape(step.target.shape.channels, -1).T


@settings(deadline=None, max_examples=150, suppress_health_check=[HealthCheck.too_slow])
@given(GRAPHS)
def test_buffers_never_overlap_while_they_are_alive(graph: LayerGraph) -> None:
    steps = plan(fold_scales(graph))
    memory, alive = allocate(steps), lives(steps)
    buffers = sorted(memory.places)
    for index, one in enumerate(buffers):
        for other in buffers[index + 1 :]:
            apart = (memory.places[one] + steps.sizes[one] <= memory.places[other]
                     or memory.places[other] + steps.sizes[other] <= memory.places[one])
            assert apart or not alive[one].overlaps(alive[other])
    assert memory.size == max(memory.places[b] + steps.sizes[b] for b in buffers)


@settings(deadline=None, max_examples=150, suppress_health_check=[HealthCheck.too_slow])
@given(GRAPHS, st.integers(0, 99), st.booleans())
def test_steps_on_shared_memory_compute_what_the_layers_do(graph: LayerGraph, seed: int, merged: bool) -> None:
    x = np.random.default_rng(seed).normal(size=(2, 4, 3))
    with torch.no_grad():
        expected = LayerModule(graph, torch.float64)(torch.from_numpy(x[None])).numpy()[0]
    folded = fold_scales(graph)
    steps = plan(merge_sums(folded) if merged else folded)
    memory = allocate(steps)
    np.testing.assert_allclose(ran(steps, x, memory.places, memory.size).ravel(), expected, rtol=1e-9, atol=1e-9)


@pytest.mark.skipif(find_compiler() is None, reason="no C compiler")
@settings(deadline=None, max_examples=12, suppress_health_check=[HealthCheck.too_slow])
@given(GRAPHS, st.booleans())
def test_random_graphs_compile_to_what_torch_computes(graph: LayerGraph, byte_inputs: bool) -> None:
    task = Task("classification", (2, 4, 3), graph.shapes[-1].channels)
    scaling = Scaling(100.0, 60.0) if byte_inputs else Scaling()
    check(layer_program(graph, LayerModule(graph), task, ExportTarget("net", scaling, byte_inputs)))


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(1, 50), st.integers(0, 20), st.integers(0, 6)), min_size=1, max_size=20))
def test_packed_buffers_stay_apart_and_take_no_more_than_all_of_them(drawn: list[tuple[int, int, int]]) -> None:
    sizes = {number: size for number, (size, _, _) in enumerate(drawn)}
    alive = {number: Life(begin, begin + length) for number, (_, begin, length) in enumerate(drawn)}
    memory = pack(sizes, alive)
    for time in range(30):
        there = [number for number, life in alive.items() if life.begin <= time <= life.end]
        cells = [cell for n in there for cell in range(memory.places[n], memory.places[n] + sizes[n])]
        assert len(set(cells)) == len(cells)
        assert len(cells) <= memory.size <= sum(sizes.values())


def test_a_residual_adds_itself_in_place() -> None:
    n, rng = 4, np.random.default_rng(0)
    weights = rng.normal(size=(n, n, 3, 3))
    body: list[Layer] = [
        Convolution(0, SAME, weights, np.zeros(n)), Relu(1), Convolution(2, SAME, weights, np.zeros(n)), Relu(3),
        Convolution(4, SAME, weights, np.zeros(n)), Addition((2, 5)), Relu(6), GlobalAverage(7),
    ]
    steps = plan(LayerGraph(Shape(n, (5, 5)), tuple(body)))
    assert [step.operation for step in steps.steps] == ["convolve", "convolve", "convolve", "transfer", "average"]
    assert [step.adds for step in steps.steps] == [False, False, True, False, False]
    assert allocate(steps, {steps.output.buffer}).size == 2 * n * 25
