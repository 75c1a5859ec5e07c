"""Convolutions in single neurons: equal to torch's own, drawn within bounds, and the operators on their channels."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from evonas.types import Task, UserError
from search_spaces.neuron.cost import cost
from search_spaces.neuron.distance import DistanceLaw
from search_spaces.neuron.genotype import NeuronGenotype
from search_spaces.neuron.initialization.conv import draw_plan, fewest_edges
from search_spaces.neuron.initialization.convolution import (
    ConvolutionPlan,
    Level,
    channels_and_grid,
    convolutional,
    count_edges,
    count_weights,
    maps_of,
)
from search_spaces.neuron.module import NeuronModule
from search_spaces.neuron.mutation import MutationParams, add_channel, release, remove_channel
from search_spaces.neuron.space import create
from search_spaces.neuron.trainer.base import Network, Norm
from search_spaces.neuron.weights import fresh, inherit

SHAPES = st.sampled_from([(1, 7, 9), (3, 8, 6), (2, 11), (4, 10)])
PARAMS = MutationParams(DistanceLaw((1, 9, 9)))


def plans(n_levels: int) -> st.SearchStrategy[ConvolutionPlan]:
    level = st.builds(Level, st.integers(1, 3), st.sampled_from([1, 3]), st.integers(1, 2))
    return st.builds(
        ConvolutionPlan, st.tuples(*[level] * n_levels), st.sampled_from([None, 1, 2])
    )


def weights_of(genotype: NeuronGenotype, seed: int) -> dict[str, np.ndarray]:
    """Random weights, with biases and gains that channels share."""
    rng = np.random.default_rng(seed)
    weights = fresh(genotype, rng)
    channels = rng.normal(size=(2, int(genotype.channels.max()) + 1))
    for name, values in zip(("bias", "gain"), channels, strict=True):
        weights[name][: genotype.n_hidden] = values[genotype.channels]
    weights["bias"][genotype.n_hidden :] = rng.normal(size=genotype.n_outputs)
    return weights


def module_of(genotype: NeuronGenotype, seed: int, norm: Norm = "none") -> NeuronModule:
    weights = weights_of(genotype, seed)
    return NeuronModule(Network(genotype, weights["edge"], weights["bias"], weights["gain"], norm)).double()


def torch_twin(module: NeuronModule, shape: tuple[int, ...], plan: ConvolutionPlan, n_outputs: int) -> nn.Sequential:
    """The plan in torch's own layers, with the weights that each tap and channel of the module has."""
    genotype, maps = module.genotype, maps_of(shape, plan)
    kind = nn.Conv2d if len(shape) == 3 else nn.Conv1d
    layers: list[nn.Module] = []
    edges = {(int(u), int(v)): float(w) for (u, v), w in
             zip(genotype.edges, module.edge.detach()[module._leaders], strict=True)}
    for source, target, level in zip(maps, maps[1:], plan.levels, strict=False):
        conv = kind(source.channels, target.channels, level.kernel, level.stride, level.kernel // 2).double()
        with torch.no_grad():
            for o in range(target.channels):
                conv.bias[o] = module.bias[target.first - genotype.n_inputs + o * int(np.prod(target.shape))]
                for i in range(source.channels):
                    for offset in np.ndindex(*conv.weight.shape[2:]):
                        conv.weight[o, i][offset] = next((
                            edges[u, v] for place in np.ndindex(*target.shape)
                            if (u := _source(place, offset, source, i, level)) is not None
                            and (u, v := target.first + o * int(np.prod(target.shape))
                                 + int(np.ravel_multi_index(place, target.shape))) in edges
                        ), 0.0)
        layers += [conv, nn.ReLU()]
    linear = nn.Linear(maps[-1].size, n_outputs).double()
    with torch.no_grad():
        for (u, v), weight in edges.items():
            if v >= maps[-1].first + maps[-1].size:
                linear.weight[v - maps[-1].first - maps[-1].size, u - maps[-1].first] = weight
        linear.bias[:] = module.bias[-n_outputs:]
    return nn.Sequential(*layers, nn.Flatten(), linear)


def _source(place: tuple[int, ...], offset: tuple[int, ...], source: object, channel: int, level: Level) -> int | None:
    shape, first = source.shape, source.first  # type: ignore[attr-defined]
    at = tuple(p * level.stride - level.kernel // 2 + o for p, o in zip(place, offset, strict=True))
    if not all(0 <= a < side for a, side in zip(at, shape, strict=True)):
        return None
    return first + channel * int(np.prod(shape)) + int(np.ravel_multi_index(at, shape))


@settings(max_examples=25)
@given(shape=SHAPES, plan=plans(2), seed=st.integers(0, 1000))
def test_a_plan_computes_what_torchs_convolutions_do_and_has_their_gradients(
    shape: tuple[int, ...], plan: ConvolutionPlan, seed: int
) -> None:
    plan = replace(plan, regions=None)
    genotype = convolutional(shape, 3, plan, np.random.default_rng(seed))
    genotype.validate()
    if genotype.n_hidden < sum(m.size for m in maps_of(shape, plan)[1:]):
        return  # neurons that nothing sees are left out, so that global indices differ
    module = module_of(genotype, seed)
    twin = torch_twin(module, shape, plan, 3)
    x = torch.from_numpy(np.random.default_rng(seed).normal(size=(5, *shape)))
    torch.testing.assert_close(module(x), twin(x))
    module(x).square().sum().backward()
    twin(x).square().sum().backward()
    assert module.edge.grad is not None
    taps = [layer.weight.grad.flatten() for layer in twin if isinstance(layer, nn.Conv1d | nn.Conv2d)]
    taps = [*taps, twin[-1].weight.grad.flatten()]
    expected, found = torch.cat(taps), module.edge.grad
    torch.testing.assert_close(
        expected[expected != 0].abs().sort().values, found[found != 0].abs().sort().values, rtol=1e-6, atol=1e-9
    )


@settings(max_examples=40)
@given(shape=SHAPES, plan=plans(2), n_outputs=st.integers(1, 4))
def test_edges_are_counted_without_building(shape: tuple[int, ...], plan: ConvolutionPlan, n_outputs: int) -> None:
    genotype = convolutional(shape, n_outputs, plan, np.random.default_rng(0))
    counted = count_edges(shape, n_outputs, plan)
    assert genotype.n_edges <= counted
    if genotype.n_hidden == sum(m.size for m in maps_of(shape, plan)[1:]):
        assert genotype.n_edges == counted
        assert cost(genotype, "layer-affine")["params"] == count_weights(shape, n_outputs, plan)


def test_a_level_that_skips_sees_the_map_before_the_last_one() -> None:
    plan = ConvolutionPlan((Level(2, 3, 2), Level(3, 3, 2, skip=True)))
    genotype = convolutional((1, 8, 8), 2, plan, np.random.default_rng(0))
    second = np.flatnonzero(genotype.layer_of == 2)
    from_inputs = genotype.edges[np.isin(genotype.edges[:, 1], second) & (genotype.edges[:, 0] < 64)]
    assert len(from_inputs) == 3 * (2 + 3) ** 2  # 2 of 3 taps at the border along each axis, 3 of 3 within
    assert genotype.n_weights == 2 * 9 + 3 * 2 * 9 + 3 * 9 + 3 * 4 * 2


def test_regions_share_the_weights_of_the_outputs() -> None:
    level = Level(3, 3, 1)
    counts = [
        convolutional((1, 6, 6), 4, ConvolutionPlan((level,), regions), np.random.default_rng(0)).n_weights - 27
        for regions in (1, 2, None)
    ]
    assert counts == [3 * 4, 3 * 4 * 4, 3 * 36 * 4]


def test_bad_grids_are_one_sentence() -> None:
    with pytest.raises(ValueError, match="need inputs on a grid"):
        channels_and_grid((13,))
    with pytest.raises(ValueError, match="level 2 has a kernel of 5, its map is 3 x 3"):
        maps_of((1, 9, 9), ConvolutionPlan((Level(2, 3, 3), Level(2, 5, 1))))
    with pytest.raises(UserError, match="no convolution fits inputs of shape"):
        draw_plan((1, 2), 3, 100, np.random.default_rng(0))
    with pytest.raises(UserError, match=r"the smallest convolutional founder has .* edges, more than the 900"):
        create(Task("classification", (1, 28, 28), 10), {"founders": "convolutional", "edges": (100, 900)})


@pytest.mark.parametrize("shape", [(1, 28, 28), (3, 32, 32), (1, 8, 8), (6, 100)])
def test_plans_are_drawn_near_the_wanted_size(shape: tuple[int, ...]) -> None:
    rng = np.random.default_rng(0)
    fewest = fewest_edges(shape, 10)
    for wanted in (2 * fewest, 5 * fewest, 10 * fewest):
        n_edges = count_edges(shape, 10, draw_plan(shape, 10, wanted, rng))
        assert 0.6 < n_edges / wanted < 1.7


def founder(seed: int) -> NeuronGenotype:
    plan = ConvolutionPlan((Level(3, 3, 2), Level(4, 3, 1)), None)
    return convolutional((1, 9, 9), 5, plan, np.random.default_rng(seed))


def test_release_unties_and_keeps_the_function() -> None:
    parent = founder(0)
    target = parent.n_edges // 2
    child = release(parent, np.random.default_rng(1), replace(PARAMS, target=target))
    assert child is not None
    assert (child.n_edges, child.prune_to, child.is_shared) == (parent.n_edges, target, False)
    weights = weights_of(parent, 0)
    inherited = inherit(child, parent, weights, np.random.default_rng(0))
    assert all((inherited[name] == weights[name]).all() for name in weights)
    assert release(child, np.random.default_rng(1), PARAMS) is None


def test_a_released_network_keeps_two_fifths_of_its_edges() -> None:
    parent = founder(0)
    least = round(0.4 * parent.n_edges)
    closest_to_target = release(parent, np.random.default_rng(1), replace(PARAMS, target=5))
    assert closest_to_target is not None
    assert closest_to_target.prune_to == least
    drawn = [child.prune_to for seed in range(50) if (child := release(parent, np.random.default_rng(seed), PARAMS))]
    assert len(drawn) == 50
    assert least <= min(n for n in drawn if n) < 1.5 * least


def test_add_channel_adds_one_with_weights_of_its_own_that_changes_nothing_yet() -> None:
    parent = founder(0)
    for seed in range(6):
        child = add_channel(parent, np.random.default_rng(seed), PARAMS)
        assert child is not None
        child.validate()
        assert child.n_hidden - parent.n_hidden == 5 * 5
        assert len(np.unique(child.channels)) == len(np.unique(parent.channels)) + 1
        before = module_of(parent, 0)
        weights = inherit(child, parent, before_weights(before), np.random.default_rng(seed))
        new = ~np.isin(child.id_of[child.edges[:, 1]], parent.id_of)
        assert (weights["edge"][new] != 0).all()
        after = NeuronModule(Network(child, weights["edge"], weights["bias"], weights["gain"], "none")).double()
        x = torch.rand(4, 81, dtype=torch.float64)
        torch.testing.assert_close(after(x), before(x), rtol=1e-5, atol=1e-5)


def before_weights(module: NeuronModule) -> dict[str, np.ndarray]:
    network = module.network()
    return {"edge": network.edge, "bias": network.bias, "gain": network.gain}


def test_remove_channel_removes_one_and_never_the_last_of_a_layer() -> None:
    child: NeuronGenotype | None = founder(0)
    n_channels = []
    while child is not None:
        child.validate()
        n_channels.append(len(np.unique(child.channels)))
        assert len(np.unique(child.layers)) == 2
        child = remove_channel(child, np.random.default_rng(0), PARAMS)
    assert n_channels == [7, 6, 5, 4, 3, 2]
