"""Founders: valid, local, on longest-path layers, with the edges they were planned to have."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evonas.types import Task
from search_spaces.neuron.distance import edge_lengths
from search_spaces.neuron.initialization.sparse import log_uniform_plan, published_plan
from search_spaces.neuron.layering import longest_path_layers, pair_counts
from search_spaces.neuron.space import create

seeds = st.integers(0, 2**32 - 1)
DIGITS = Task("classification", (1, 8, 8), 10)
TASKS = [DIGITS, Task("classification", (3, 4, 6), 3), Task("regression", (13,), 1), Task("regression", (1,), 2)]


@settings(max_examples=60)
@given(seeds, st.sampled_from(TASKS), st.sampled_from(["log-uniform", "source"]))
def test_founders_are_valid_on_longest_paths_and_feed_every_output(seed: int, task: Task, rule: str) -> None:
    founder = create(task, {"founders": rule}).sample(np.random.default_rng(seed))
    founder.validate()
    np.testing.assert_array_equal(
        longest_path_layers(founder.n_neurons, founder.edges)[task.n_inputs : task.n_inputs + founder.n_hidden],
        founder.layers,
    )
    fed = np.bincount(founder.edges[:, 1], minlength=founder.n_neurons)
    assert fed[-task.n_outputs :].min() >= 1


@settings(max_examples=30)
@given(seeds, st.sampled_from(TASKS))
def test_founders_that_training_prunes_are_valid_and_begin_with_more_edges_than_they_keep(
    seed: int, task: Task
) -> None:
    space = create(task, {"founders": "pruned"})
    founder = space.sample(np.random.default_rng(seed))
    space.validate(founder)
    assert 0 < founder.prune_to < founder.n_edges


@pytest.mark.parametrize("channels", [1, 3])
def test_as_many_edges_for_each_pixel_make_founders_locally_sparse_whatever_the_channels(channels: int) -> None:
    n_edges = 3 * 28 * 28
    options = {"founders": "pruned", "founder_edges": (n_edges, n_edges)}
    space = create(Task("classification", (channels, 28, 28), 10), options)
    founders = [space.sample(np.random.default_rng(seed)) for seed in range(60)]
    locally_sparse = [founder for founder in founders if founder.depth == 4]
    assert 20 <= len(locally_sparse) <= 40  # of 60, each is one with probability 1/2


@pytest.mark.parametrize("n_edges", [784, 3000, 20_000, 50_000])
def test_a_founder_has_the_edges_it_was_planned_to_have(n_edges: int) -> None:
    options = {"founders": "log-uniform", "founder_edges": (n_edges, n_edges)}
    space = create(Task("classification", (1, 28, 28), 10), options)
    for seed in range(6):
        assert space.sample(np.random.default_rng(seed)).n_edges == n_edges


def test_numbers_of_edges_are_log_uniform() -> None:
    rng = np.random.default_rng(0)
    edges = np.array([log_uniform_plan(784, 10, (800, 51_200), rng).n_edges for _ in range(2000)])
    assert edges.min() >= 800
    assert edges.max() <= 51_200
    np.testing.assert_allclose(np.quantile(np.log2(edges / 800), [0.25, 0.5, 0.75]), [1.5, 3, 4.5], atol=0.15)


@pytest.mark.parametrize("rule", ["pruned", "log-uniform"])
def test_training_leaves_founders_from_as_many_edges_as_inputs_to_80_times_that(rule: str) -> None:
    space = create(DIGITS, {"founders": rule})
    edges = [space.sample(np.random.default_rng(seed)).n_trained_edges for seed in range(150)]
    assert 64 <= min(edges) < 100
    assert 4000 < max(edges) <= 80 * 64


def test_few_edges_are_left_of_dense_layers_and_many_of_locally_sparse_ones() -> None:
    space = create(Task("classification", (1, 28, 28), 10), {"founders": "pruned"})
    founders = [space.sample(np.random.default_rng(seed)) for seed in range(60)]
    assert all(founder.n_edges >= 1.9 * founder.n_trained_edges for founder in founders)

    def share_of_skips(few: bool) -> float:
        chosen = [founder for founder in founders if (founder.n_trained_edges < 2 * 784) == few]
        return float(np.mean([founder.depth > 1 and pair_counts(founder)[0, 2] > 0 for founder in chosen]))

    assert share_of_skips(few=True) < 0.3
    assert share_of_skips(few=False) > 0.7


def test_layer_sizes_fall_and_there_are_one_to_four() -> None:
    rng = np.random.default_rng(0)
    plans = [log_uniform_plan(784, 10, (784, 50_176), rng) for _ in range(200)]
    assert {len(plan.sizes) for plan in plans} == {1, 2, 3, 4}
    assert all(a >= b >= 1 for plan in plans for a, b in zip(plan.sizes, plan.sizes[1:], strict=False))


def test_the_published_rule_keeps_its_ranges() -> None:
    rng = np.random.default_rng(0)
    for _ in range(200):
        plan = published_plan(784, 10, rng)
        n = 784 + sum(plan.sizes) + 10
        assert 5 * n <= plan.n_edges <= 20 * n
        assert all(784 / (2.5 * k) - 1 <= size <= 2 * 784 / k + 1 for k, size in enumerate(plan.sizes, start=1))


def test_founders_are_local() -> None:
    space = create(Task("classification", (1, 28, 28), 10), {"founders": "log-uniform", "founder_edges": (5000, 5000)})
    founder = space.sample(np.random.default_rng(0))
    source, target = founder.edges[founder.edges[:, 1] < founder.n_neurons - 10].T
    positions = space.law.positions(founder)
    shuffled = np.random.default_rng(1).permutation(target)
    assert edge_lengths(positions, source, target).mean() < 0.8 * edge_lengths(positions, source, shuffled).mean()
