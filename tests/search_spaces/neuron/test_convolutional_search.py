"""Convolutional networks in a search: who founds it, what their children aim at, and how they are trained."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from evonas.capabilities.variation import MutatesTowards
from evonas.data.samples import Samples, Splits
from evonas.training import Recipe, Stop
from evonas.types import Task
from search_spaces.neuron.genotype import NeuronGenotype
from search_spaces.neuron.initialization.conv import draw_plan
from search_spaces.neuron.initialization.convolution import ConvolutionPlan, Level, convolutional, maps_of
from search_spaces.neuron.initialization.founding import DENSE, LEAST, SHARE
from search_spaces.neuron.space import NeuronSpace, create
from search_spaces.neuron.trainer.schedule import SHARED_RATE, learning_rates

IMAGES = Task("classification", (1, 28, 28), 10)


def founders(space: NeuronSpace, n: int) -> list[NeuronGenotype]:
    return [space.sample(np.random.default_rng(seed)) for seed in range(n)]


def test_images_are_searched_from_tied_networks_of_the_costly_end_and_pruned_ones_of_the_cheap_end() -> None:
    drawn = founders(create(IMAGES, {}), 80)
    tied = [g for g in drawn if g.is_shared]
    assert 0.6 * SHARE < len(tied) / len(drawn) < 1.4 * SHARE
    assert all(0.7 * LEAST * 62_720 < g.n_edges <= 62_720 and g.prune_to == 0 for g in tied)
    assert all(0 < g.prune_to <= DENSE * 784 for g in drawn if not g.is_shared)


@pytest.mark.parametrize("n", [8, 12, 20, 40])
def test_every_first_founders_have_their_share_of_tied_networks_and_sizes_of_the_whole_range(n: int) -> None:
    space = create(IMAGES, {})
    drawn = [space.founder(index, np.random.default_rng(index)) for index in range(n)]
    tied = [g for g in drawn if g.is_shared]
    assert abs(len(tied) - SHARE * n) <= 1
    for sizes in ([g.n_edges for g in tied], [g.prune_to for g in drawn if not g.is_shared]):
        middle = np.sqrt(min(sizes) * max(sizes))
        assert abs(sum(size < middle for size in sizes) - len(sizes) / 2) <= max(1, len(sizes) / 5)


def test_most_convolutions_have_three_levels_whose_maps_shrink() -> None:
    rng = np.random.default_rng(0)
    plans = [draw_plan((1, 28, 28), 10, 40_000, rng) for _ in range(60)]
    levels = [len(plan.levels) for plan in plans]
    assert min(levels) >= 2
    assert np.mean(np.array(levels) >= 3) > 0.6
    sides = [(maps[1].shape[0], maps[-1].shape[0]) for maps in (maps_of((1, 28, 28), plan) for plan in plans)]
    assert np.mean([last <= first / 2 for first, last in sides]) > 0.8


def test_where_several_levels_do_not_fit_there_are_fewer() -> None:
    rng = np.random.default_rng(0)
    assert {len(draw_plan((1, 4, 4), 3, 60, rng).levels) for _ in range(10)} <= {1, 2}


@pytest.mark.parametrize(("task", "options"), [
    (Task("classification", (784,), 10), {}),
    (IMAGES, {"edges": (100, 900)}),
    (Task("classification", (1, 2, 2), 2), {"edges": (4, 40)}),
])
def test_what_no_convolution_fits_is_searched_from_pruned_networks(task: Task, options: dict[str, object]) -> None:
    space = create(task, options)
    assert not any(g.is_shared for g in founders(space, 20))
    assert not {"release", "add_channel", "remove_channel"} & set(space.operators)


def test_tables_cannot_have_convolutional_founders() -> None:
    with pytest.raises(ValueError, match="convolutions need inputs on a grid"):
        create(Task("classification", (13,), 3), {"founders": "convolutional"})


@pytest.mark.parametrize(("costs", "edges"), [({"flops": 16000.0}, 8000), ({"edges": 9000.0, "depth": 2.0}, 9000)])
def test_a_released_child_is_pruned_to_what_the_search_aims_at(costs: dict[str, float], edges: int) -> None:
    space = create(IMAGES, {})
    assert isinstance(space, MutatesTowards)
    parent = convolutional((1, 28, 28), 10, ConvolutionPlan((Level(4, 3, 2),)), np.random.default_rng(0))
    child = space.mutate_towards(parent, costs, np.random.default_rng(1), "release")
    assert child.operator == "release"
    assert (child.genotype.prune_to, child.genotype.n_edges) == (edges, parent.n_edges)
    assert space.cost(child.genotype)["edges"] == edges


def test_children_of_tied_networks_are_pruned_by_the_cost_that_is_hardest_to_meet() -> None:
    space = create(IMAGES, {"founders": "shared", "edges": (300, 60_000)})
    plan = ConvolutionPlan((Level(8, 5, 2), Level(8, 3, 2)), regions=2)
    parent = convolutional((1, 28, 28), 10, plan, np.random.default_rng(0))
    own = space.cost(parent)
    wanted = {"flops": 0.9 * own["flops"], "params": 0.5 * own["params"]}
    child = space.mutate_towards(parent, wanted, np.random.default_rng(1), "prune")
    assert child.genotype.prune_to == round(0.5 * parent.n_edges)
    easy = space.mutate_towards(parent, {**wanted, "params": own["params"]}, np.random.default_rng(1), "prune")
    assert easy.genotype.prune_to == round(0.9 * parent.n_edges)


@pytest.mark.parametrize(
    ("operator", "metrics", "aims"),
    [("prune", ["flops"], True), ("grow_and_prune", ["params"], True), ("release", ["edges"], True),
     ("prune", ["depth"], False), ("add_nodes", ["flops"], False), ("crossover", ["flops"], False)],
)
def test_it_says_which_operators_choose_the_cost_of_a_child(operator: str, metrics: list[str], aims: bool) -> None:
    assert create(IMAGES, {}).aims(operator, metrics) is aims


@pytest.mark.parametrize("objectives", [("val_error", "params"), ("trainval_error", "flops", "flash")])
def test_a_search_that_counts_weights_begins_with_few_that_are_shared(objectives: tuple[str, ...]) -> None:
    task = Task("classification", (1, 28, 28), 10)
    chosen = create(task, {}).founders_for(10**9, objectives)
    assert chosen == {"founders": "shared"}
    space = create(task, {**chosen, "edges": (300, 60_000), "founder_edges": (300, 60_000)})
    drawn = founders(space, 60)
    tied = [space.cost(g)["params"] for g in drawn if g.is_shared]
    assert 0.55 < len(tied) / len(drawn) < 0.95
    assert 250 < min(tied) < 600
    assert 2_000 < max(tied) < 9_000
    assert max(g.n_trained_edges for g in drawn) <= 60_000


@pytest.mark.parametrize("objectives", [("val_error", "flops"), ("val_error", "params")])
def test_no_founder_begins_with_more_edges_than_are_affordable(objectives: tuple[str, ...]) -> None:
    space = create(IMAGES, dict(create(IMAGES, {}).founders_for(200_000, objectives)))
    assert max(g.n_edges for g in founders(space, 40)) < 202_000


def test_channels_come_and_go_only_where_weights_are_counted() -> None:
    on_channels = {"add_channel", "remove_channel"}
    assert on_channels <= set(create(IMAGES, {"founders": "shared"}).operators)
    assert not on_channels & set(create(IMAGES, {}).operators)


def test_founders_that_the_user_names_and_tables_stay_as_they_are() -> None:
    counted = ("val_error", "params")
    assert create(IMAGES, {"founders": "convolutional"}).founders_for(10**9, counted) == {}
    assert create(Task("classification", (13,), 3), {}).founders_for(10**9, counted) == {}
    assert create(IMAGES, {}).founders_for(10**9, ("val_error", "flops")) == {}


def test_without_costs_of_edges_a_released_child_has_any_size_within_the_bounds() -> None:
    space = create(IMAGES, {})
    parent = convolutional((1, 28, 28), 10, ConvolutionPlan((Level(4, 3, 2),)), np.random.default_rng(0))
    sizes = {
        space.mutate_towards(parent, {"depth": 2.0}, np.random.default_rng(seed), "release").genotype.n_trained_edges
        for seed in range(8)
    }
    assert len(sizes) > 4
    assert min(sizes) >= 784


def small_images(side: int) -> Splits:
    rng = np.random.default_rng(0)
    task = Task("classification", (1, side, side), 2)
    y = np.arange(64, dtype=np.int64) % 2
    x = rng.normal(size=(64, 1, side, side)).astype(np.float32)
    x[:, 0, : side // 2] += y[:, None, None]
    part = Samples(x, y)
    return Splits("small", task, part, part, "")


def trained(space: NeuronSpace, genotype: NeuronGenotype, splits: Splits) -> tuple[NeuronGenotype, np.ndarray]:
    done = space.train(
        genotype, None, splits, Recipe(batch_size=16), epochs=2, seed=np.random.SeedSequence(0), stop=Stop()
    )
    return done.genotype, done.weights["edge"]


@pytest.mark.parametrize(("side", "moves"), [(12, True), (11, False)])
def test_tied_networks_stay_tied_and_see_moved_images_where_there_is_room(side: int, moves: bool) -> None:
    splits = small_images(side)
    plan = ConvolutionPlan((Level(2, 3, 2),))
    genotype = convolutional((1, side, side), 2, plan, np.random.default_rng(0))
    results = []
    for shift in (0, 1):
        space = create(splits.task, {"shared_shift": shift, "edges": (20, 2000)})
        result, edge = trained(space, genotype, splits)
        assert (result.ties == genotype.ties).all()
        for tie in np.unique(genotype.ties[genotype.ties >= 0]):
            assert len(np.unique(edge[genotype.ties == tie])) == 1
        results.append(edge)
    assert (results[0] != results[1]).any() == moves


def test_the_shared_phase_learns_at_a_rate_and_a_schedule_of_its_own() -> None:
    recipe = Recipe(learning_rate=1e-3)
    tied = convolutional((1, 9, 9), 2, ConvolutionPlan((Level(2, 3, 1),), 1), np.random.default_rng(0))
    plain = recipe.learning_rates(100)
    np.testing.assert_allclose(learning_rates(recipe, tied, 100), SHARED_RATE * plain)
    np.testing.assert_allclose(learning_rates(recipe, tied.untied, 100), plain)
    both = learning_rates(recipe, replace(tied, release_at=0.4), 100)
    np.testing.assert_allclose(both[:40], SHARED_RATE * recipe.learning_rates(40))
    np.testing.assert_allclose(both[40:], recipe.learning_rates(60))
