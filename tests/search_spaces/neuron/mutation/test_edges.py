"""Operators that change edges do what their docstrings say, and nothing else."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given

from search_spaces.neuron.distance import DistanceLaw, edge_lengths
from search_spaces.neuron.genotype import FIRST_HIDDEN_ID, NeuronGenotype
from search_spaces.neuron.layering import pair_counts, pair_of_edge
from search_spaces.neuron.mutation import (
    LARGEST_STEPS,
    MutationParams,
    add_edges,
    prune,
    remove_edges,
    swap_edges,
    tie_weights,
)
from tests.search_spaces.neuron.mutants import PARAMS, examples, fed_outputs, founder, named_edges, seeds
from tests.search_spaces.neuron.reference import random_genotype


@examples
@given(seeds)
def test_add_edges_keeps_all_edges_and_neurons_within_its_step(seed: int) -> None:
    parent = founder(seed)
    child = add_edges(parent, np.random.default_rng(seed), PARAMS)
    assert child is not None
    assert named_edges(parent) < named_edges(child)
    assert child.ids.tolist() == parent.ids.tolist()
    assert child.n_edges - parent.n_edges <= LARGEST_STEPS["add_edges"] * parent.n_edges
    assert ((pair_counts(child) - pair_counts(parent)) > 0).sum() <= 3


def test_add_edges_does_not_apply_to_a_full_network() -> None:
    full = random_genotype(np.random.default_rng(0), n_inputs=64, n_outputs=10, density=1.0)
    assert add_edges(full, np.random.default_rng(0), PARAMS) is None


@examples
@given(seeds)
def test_remove_edges_takes_at_most_its_step_from_three_pairs_and_half_of_an_adjacent_one(seed: int) -> None:
    parent = random_genotype(np.random.default_rng(seed), n_inputs=64, layers=(12, 9), n_outputs=10, density=0.7)
    child = remove_edges(parent, np.random.default_rng(seed), PARAMS)
    assert child is not None
    assert named_edges(child) < named_edges(parent)
    if child.n_hidden < parent.n_hidden:
        return  # what goes in cascade comes on top
    removed = pair_counts(parent) - pair_counts(child)
    assert removed.sum() <= LARGEST_STEPS["remove_edges"] * parent.n_edges
    assert (removed > 0).sum() <= 3
    adjacent = np.diagonal(removed, 1), np.diagonal(pair_counts(parent), 1)
    assert (2 * adjacent[0] <= adjacent[1]).all()


def test_remove_edges_prefers_long_edges() -> None:
    parent = founder(0)
    lengths = edge_lengths(PARAMS.law.positions(parent), *parent.edges.T)
    hidden = parent.edges[:, 1] < parent.n_neurons - parent.n_outputs
    gone = np.zeros(parent.n_edges)
    names = list(map(tuple, parent.id_of[parent.edges].tolist()))
    for seed in range(60):
        child = remove_edges(parent, np.random.default_rng(seed), PARAMS)
        assert child is not None
        left = named_edges(child)
        gone += [name not in left for name in names]
    assert np.average(lengths[hidden], weights=gone[hidden]) > 1.1 * lengths[hidden].mean()


def test_an_output_that_loses_its_last_edge_gets_a_new_one() -> None:
    # a skip edge is the only one into output 4: it may be removed, and is then replaced
    ids, places = np.array([FIRST_HIDDEN_ID]), np.zeros((1, 2), np.float32)
    edges = np.array([[0, 2], [2, 3], [0, 4]], np.int32)
    parent = NeuronGenotype(2, 2, ids, np.ones(1, np.int32), places, edges)
    children = [remove_edges(parent, np.random.default_rng(s), MutationParams(DistanceLaw((2,)))) for s in range(10)]
    assert all(child is not None and fed_outputs(child) == 2 for child in children)
    assert parent not in children


@examples
@given(seeds)
def test_tie_weights_ties_a_share_of_one_pair_in_a_new_group(seed: int) -> None:
    parent = founder(seed)
    child = tie_weights(parent, np.random.default_rng(seed), PARAMS)
    assert child is not None
    assert replace(child, ties=parent.ties) == parent
    changed = np.flatnonzero(child.ties != parent.ties)
    assert np.unique(child.ties[changed]).tolist() == [parent.ties.max() + 1]
    (pair,) = set(pair_of_edge(parent)[changed].tolist())
    n_pair = int((pair_of_edge(parent) == pair).sum())
    assert max(2, int(n_pair / 30)) <= len(changed) <= max(2, round(n_pair / 3))


def test_tie_weights_needs_two_edges_in_a_pair() -> None:
    one = NeuronGenotype(
        1, 1, np.empty(0, np.int64), np.empty(0, np.int32), np.empty((0, 2), np.float32), np.array([[0, 1]], np.int32)
    )
    assert tie_weights(one, np.random.default_rng(0), PARAMS) is None


@examples
@given(seeds)
def test_swap_edges_keeps_neurons_and_the_number_of_edges(seed: int) -> None:
    parent = founder(seed)
    child = swap_edges(parent, np.random.default_rng(seed), PARAMS)
    assert child is not None
    assert child.n_edges == parent.n_edges
    assert child.ids.tolist() == parent.ids.tolist()
    moved = named_edges(parent) - named_edges(child)
    assert 1 <= len(moved) <= max(1, LARGEST_STEPS["swap_edges"] * parent.n_edges)


def test_swap_edges_has_nothing_to_do_in_a_chain_or_a_full_network() -> None:
    ids, places = np.array([FIRST_HIDDEN_ID]), np.zeros((1, 2), np.float32)
    chain = NeuronGenotype(2, 1, ids, np.ones(1, np.int32), places, np.array([[0, 2], [2, 3]], np.int32))
    full = random_genotype(np.random.default_rng(0), n_inputs=64, n_outputs=10, density=1.0)
    assert swap_edges(chain, np.random.default_rng(0), MutationParams(DistanceLaw((2,)))) is None
    assert swap_edges(full, np.random.default_rng(0), PARAMS) is None


@pytest.mark.parametrize(("aim", "left"), [(0.7, 0.7), (0.1, 0.4), (0.96, None), (2.0, None)])
def test_prune_leaves_what_the_search_aims_at_and_takes_gentle_steps(aim: float, left: float | None) -> None:
    parent = founder(3)
    child = prune(parent, np.random.default_rng(0), replace(PARAMS, target=round(aim * parent.n_edges)))
    if left is None:
        assert child is None
    else:
        assert child == replace(parent, prune_to=round(left * parent.n_edges))


def test_prune_without_an_aim_leaves_a_log_uniform_share_within_the_bounds() -> None:
    parent = founder(3)
    bound = round(0.6 * parent.n_edges)
    params = replace(PARAMS, edges=(bound, parent.n_edges))
    left = [child.prune_to for seed in range(200) if (child := prune(parent, np.random.default_rng(seed), params))]
    assert len(left) == 200
    assert min(left) == bound
    assert 0.35 < np.mean(np.array(left) == bound) < 0.6  # ln(.6 / .4) / ln(.95 / .4) = .47
    assert 0.9 * parent.n_edges < max(left) <= 0.95 * parent.n_edges
    assert prune(parent, np.random.default_rng(0), replace(PARAMS, edges=(parent.n_edges, parent.n_edges))) is None


PUBLISHED = replace(
    PARAMS, smallest_steps={"add_edges": 0.2, "remove_edges": 0.12, "tie_weights": 1 / 30}, pair_share=0.6
)


def test_steps_with_a_lower_bound_are_uniform_between_the_two() -> None:
    rng = np.random.default_rng(0)
    steps = np.array([PUBLISHED.step("add_edges", 1000, rng) for _ in range(4000)])
    assert (steps.min(), steps.max()) == (200, 320)
    assert steps.mean() == pytest.approx(260, abs=2)
    free = np.array([PARAMS.step("add_edges", 1000, rng) for _ in range(4000)])
    assert free.min() == 1
    assert np.median(free) < 30


def test_the_largest_of_three_pairs_gets_up_to_its_share() -> None:
    rng = np.random.default_rng(0)
    shares = np.array([PUBLISHED.shares(1000, 3, rng) for _ in range(500)])
    assert (shares.sum(axis=1) == 1000).all()
    assert 590 < shares.max() <= 601
    assert shares.min() < 50
    assert PUBLISHED.shares(7, 1, rng).tolist() == [7]
    assert PARAMS.shares(7, 3, rng).tolist() == [2, 2, 3]


@examples
@given(seeds)
def test_edges_are_added_and_removed_by_the_published_shares(seed: int) -> None:
    parent = random_genotype(np.random.default_rng(seed), n_inputs=64, layers=(30, 20), n_outputs=10, density=0.2)
    grown = add_edges(parent, np.random.default_rng(seed), PUBLISHED)
    assert grown is not None
    assert 0.199 * parent.n_edges <= grown.n_edges - parent.n_edges <= 0.321 * parent.n_edges
    pruned = remove_edges(parent, np.random.default_rng(seed), PUBLISHED)
    assert pruned is not None
    if pruned.n_hidden == parent.n_hidden:
        assert parent.n_edges - pruned.n_edges <= 0.221 * parent.n_edges
