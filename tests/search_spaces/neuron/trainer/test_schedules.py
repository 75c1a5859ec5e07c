"""What all trainers and their reference read off: when edges are pruned and moved, and in which order samples come."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from evonas.training import Pruning, Recipe, Regrowth
from search_spaces.neuron.trainer.sample_order import sample_order
from search_spaces.neuron.trainer.schedule import prune_steps, regrow_steps, schedule
from tests.search_spaces.neuron.reference import random_genotype


@pytest.mark.parametrize(
    ("pruning", "n_steps", "expected"),
    [
        # 64 edges have to go; (1 - progress)**3 of them are left: 27/64, 8/64, 1/64, none
        (Pruning(edges=100, begin=0.0, end=0.5, every=1), 8, {0: 127, 1: 108, 2: 101, 3: 100}),
        (Pruning(edges=100, begin=0.25, end=0.75, every=50), 8, {2: 127, 3: 108, 4: 101, 5: 100}),
        (Pruning(edges=100, end=0.02, every=50), 10_000, {49: 127, 99: 108, 149: 101, 199: 100}),
        (Pruning(edges=100, end=0.04, every=50), 1_000, {9: 127, 19: 108, 29: 101, 39: 100}),  # every hundredth step
        (Pruning(edges=100, begin=0.75, end=0.75), 8, {5: 100}),  # at once
        (Pruning(edges=100, begin=0.7, end=0.75), 8, {5: 100}),
        (Pruning(edges=100, begin=0.0, end=0.0), 8, {0: 100}),
        (Pruning(edges=100, begin=1.0, end=1.0), 8, {7: 100}),
        (Pruning(edges=164), 8, {}),
        (Pruning(), 8, {}),
        (None, 8, {}),
    ],
)
def test_pruning_is_cubic_and_ends_at_its_target(
    pruning: Pruning | None, n_steps: int, expected: dict[int, int]
) -> None:
    assert prune_steps(Recipe(pruning=pruning), n_steps, n_edges=164) == expected


@pytest.mark.parametrize(
    ("pruning", "release_at", "first_and_last"),
    [
        (Pruning(edges=100, end=0.5, every=1), 0.0, (0, 49)),  # released at once: as if nothing had been shared
        (Pruning(edges=100, end=0.5, every=1), 0.4, (40, 69)),  # half of the steps that are left
        (Pruning(edges=100, begin=0.6, end=0.8, every=1), 0.4, (60, 79)),  # is to begin later anyway
        (Pruning(edges=100, begin=0.3, end=0.8, every=1), 0.4, (40, 79)),
        (Pruning(edges=100, begin=0.2, end=0.2), 0.4, (39, 39)),  # at once, at the release
        (Pruning(edges=100, end=0.5, every=1), 1.0, (0, 49)),  # never released
    ],
)
def test_pruning_begins_with_the_release_and_takes_no_smaller_share_of_what_is_left(
    pruning: Pruning, release_at: float, first_and_last: tuple[int, int]
) -> None:
    prunes = prune_steps(Recipe(pruning=pruning), 100, 164, release_at)
    assert (min(prunes), max(prunes)) == first_and_last
    assert prunes[max(prunes)] == 100


@pytest.mark.parametrize(
    ("release_at", "end", "release", "settled", "first_regrowth"),
    [(1.0, 0.2, -1, 20, 21), (0.5, 0.2, 50, 60, 61), (0.0, 0.2, 0, 20, 21), (0.5, None, 50, 50, 51)],
)
def test_a_schedule_settles_when_all_is_released_and_pruned_and_then_regrows(
    release_at: float, end: float | None, release: int, settled: int, first_regrowth: int
) -> None:
    genotype = replace(random_genotype(np.random.default_rng(0)), release_at=release_at)
    pruning = None if end is None else Pruning(edges=10, end=end, every=1)
    plan = schedule(Recipe(pruning=pruning, regrowth=Regrowth(every=2, end=1.0)), genotype, 100)
    assert (plan.release, plan.settled, min(plan.regrows)) == (release, settled, first_regrowth)


def test_regrowth_begins_after_pruning_and_fades_like_a_cosine() -> None:
    recipe = Recipe(regrowth=Regrowth(fraction=0.2, every=2, end=0.8))
    assert regrow_steps(recipe, 10, pruned_until=2) == pytest.approx({3: 0.15, 5: 0.05})
    assert regrow_steps(recipe, 10, pruned_until=8) == {}
    assert regrow_steps(Recipe(), 10, pruned_until=0) == {}


def test_an_epoch_visits_every_sample_once_in_an_order_of_its_own() -> None:
    orders = [sample_order(100, 10, seed=3, epoch=epoch) for epoch in (0, 1)]
    assert all(sorted(order) == list(range(100)) for order in orders)
    assert (orders[0] != orders[1]).any()
    assert (orders[0] != np.arange(100)).any()
    np.testing.assert_array_equal(sample_order(100, 10, seed=3, epoch=1), orders[1])


@pytest.mark.parametrize(("batch_size", "size"), [(16, 16), (32, 32), (64, 64), (128, 64), (48, 1)])
def test_neighbours_that_are_packed_together_stay_together(batch_size: int, size: int) -> None:
    order = sample_order(1000, batch_size, seed=0, epoch=0)
    whole = 1000 // size * size
    groups = order[:whole].reshape(-1, size)
    np.testing.assert_array_equal(groups, groups[:, :1] + np.arange(size))
    assert (groups[:, 0] % size == 0).all()
    np.testing.assert_array_equal(order[whole:], np.arange(whole, 1000))
    assert (np.diff(groups[:, 0]) < 0).any(), "shuffled"


def test_edges_can_move_after_every_epoch_but_the_last_always_as_many() -> None:
    recipe = Recipe(regrowth=Regrowth(fraction=0.3, every=0, end=1.0, decay="none"))
    assert regrow_steps(recipe, 12, pruned_until=0, per_epoch=4) == {3: 0.3, 7: 0.3}
    assert regrow_steps(recipe, 12, pruned_until=5, per_epoch=4) == {7: 0.3}
