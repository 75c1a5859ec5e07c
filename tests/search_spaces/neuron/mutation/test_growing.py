"""Operators that grow and prune keep the parent, and propose the edges that their docstrings say."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from evonas.types import Task
from search_spaces.neuron.distance import DistanceLaw
from search_spaces.neuron.genotype import FIRST_HIDDEN_ID, NeuronGenotype
from search_spaces.neuron.layering import pair_capacities, pair_counts
from search_spaces.neuron.mutation import (
    OPERATORS,
    MutationParams,
    Operator,
    grow_and_prune,
    grow_and_prune_dilated,
    grow_and_prune_gradient,
    grow_and_prune_neurons,
    grow_and_prune_skips,
)
from search_spaces.neuron.space import create
from tests.search_spaces.neuron.mutants import PARAMS, SPACE, founder, named_edges
from tests.search_spaces.neuron.reference import random_genotype

GROWING = [name for name in OPERATORS if name.startswith("grow_and_prune")]


@pytest.mark.parametrize("name", GROWING)
@pytest.mark.parametrize("seed", range(5))
def test_a_child_to_be_pruned_keeps_its_parent_and_says_what_training_shall_leave(name: str, seed: int) -> None:
    parent = founder(seed)
    child = OPERATORS[name](parent, np.random.default_rng(seed), PARAMS)
    assert child is not None
    assert 1.35 * parent.n_edges < (child.grow_to or child.n_edges) < 2.6 * parent.n_edges
    assert 0.66 * parent.n_edges < child.prune_to < 1.51 * parent.n_edges
    assert SPACE.cost(child)["edges"] == child.prune_to
    assert named_edges(parent) <= named_edges(child)
    assert (child.n_hidden > parent.n_hidden) == (name == "grow_and_prune_neurons")
    assert SPACE.decode(SPACE.encode(child)) == child != replace(child, prune_to=0)


@pytest.mark.parametrize(("aim", "left"), [(0.9, 0.9), (1.2, 1.2), (0.3, 1 / 1.5), (4.0, 1.5)])
def test_a_child_to_be_pruned_is_pruned_to_what_the_search_aims_at_as_far_as_the_step_allows(
    aim: float, left: float
) -> None:
    parent = founder(0)
    child = grow_and_prune(parent, np.random.default_rng(0), replace(PARAMS, target=round(aim * parent.n_edges)))
    assert child is not None
    assert child.prune_to == pytest.approx(left * parent.n_edges, abs=1)


@pytest.mark.parametrize("name", GROWING)
def test_a_full_network_is_only_pruned(name: str) -> None:
    full = random_genotype(np.random.default_rng(0), n_inputs=64, n_outputs=10, density=1.0)
    children = [OPERATORS[name](full, np.random.default_rng(seed), PARAMS) for seed in range(20)]
    pruned = [child for child in children if child is not None]
    assert 5 < len(pruned) < 15  # the others would have kept all edges
    assert all(0.66 * full.n_edges < child.prune_to < full.n_edges for child in pruned)
    assert {replace(child, prune_to=0) for child in pruned} == {full}


@pytest.mark.parametrize("propose", [grow_and_prune, grow_and_prune_gradient])
def test_a_network_that_is_nearly_full_is_grown_to_all_that_is_possible(propose: Operator) -> None:
    dense = random_genotype(np.random.default_rng(0), n_inputs=64, n_outputs=10, density=0.8)
    child = propose(dense, np.random.default_rng(0), PARAMS)
    assert child is not None
    assert (child.grow_to or child.n_edges) == dense.n_possible_edges == pair_capacities(dense).sum()


def test_grow_and_prune_gradient_leaves_the_choice_of_edges_to_training() -> None:
    parent = founder(0)
    child = grow_and_prune_gradient(parent, np.random.default_rng(0), PARAMS)
    assert child is not None
    assert child != replace(child, grow_to=0)
    assert replace(child, grow_to=0, prune_to=0) == parent


@pytest.mark.parametrize("shape", [(1, 8, 8), (3, 5, 5), (30,)])
def test_grow_and_prune_dilated_takes_sources_next_to_those_that_a_target_has(shape: tuple[int, ...]) -> None:
    task = Task("classification", shape, 4)
    params = MutationParams(DistanceLaw(shape))
    parent = create(task, {"founders": "log-uniform", "founder_edges": (100, 100)}).sample(np.random.default_rng(3))
    child = grow_and_prune_dilated(parent, np.random.default_rng(0), params)
    assert child is not None
    places, old = params.law.positions(parent), named_edges(parent)
    new = np.array([edge for edge in child.edges.tolist() if tuple(child.id_of[edge].tolist()) not in old])
    from_inputs = new[new[:, 0] < parent.n_inputs]
    assert len(from_inputs) > 10
    steps = []
    for source, target in from_inputs.tolist():
        present = parent.edges[parent.edges[:, 1] == target, 0]
        steps.append(np.abs(places[present[present < parent.n_inputs]] - places[source]).max(axis=1).min())
    assert np.mean(np.array(steps) <= (1 if len(shape) > 1 else 8)) > 0.7  # a nearest place may lie beyond a border
    assert max(steps) < 0.6 * params.law.side


def test_grow_and_prune_dilated_reaches_farther_where_neighbours_are_taken() -> None:
    # every target has all of the first rows of the grid, and none of the others
    ids, places = FIRST_HIDDEN_ID + np.arange(3), np.full((3, 2), 4, np.float32)
    edges = [(source, target) for target in range(64, 67) for source in range(24)] + [(64, 67), (65, 67), (66, 67)]
    parent = NeuronGenotype(64, 1, ids, np.ones(3, np.int32), places, np.array(edges, np.int32))
    child = grow_and_prune_dilated(parent, np.random.default_rng(0), PARAMS)
    assert child is not None
    assert child.n_edges >= 1.5 * parent.n_edges
    new = child.edges[(child.edges[:, 0] >= 24) & (child.edges[:, 0] < 64), 0]
    assert (new < 32).sum() == 24
    assert new.max() >= 32


def test_grow_and_prune_neurons_makes_a_new_layer_half_of_the_time_and_keeps_the_mean_degree() -> None:
    parent = founder(1)
    children = [grow_and_prune_neurons(parent, np.random.default_rng(seed), PARAMS) for seed in range(60)]
    found = [child for child in children if child is not None]
    assert 0.3 < np.mean([child.depth > parent.depth for child in found]) < 0.7
    degrees = [2 * g.n_edges / g.n_hidden for g in (parent, *found)]
    assert 0.5 * degrees[0] < np.mean(degrees[1:]) < 2 * degrees[0]


def test_grow_and_prune_skips_gives_all_pairs_of_layers_that_are_not_neighbours_equally_many() -> None:
    parent = random_genotype(np.random.default_rng(0), n_inputs=64, layers=(40, 40, 40), n_outputs=10, density=0.1)
    child = grow_and_prune_skips(parent, np.random.default_rng(0), PARAMS)
    assert child is not None
    new = pair_counts(child) - pair_counts(parent)
    past = np.triu(np.ones_like(new), 2) > 0
    assert not new[~past].any()
    assert new[past].max() < 1.5 * new[past].min()


def test_grow_and_prune_skips_needs_a_hidden_layer() -> None:
    linear = random_genotype(np.random.default_rng(0), n_inputs=64, layers=(), n_outputs=10)
    assert grow_and_prune_skips(linear, np.random.default_rng(0), PARAMS) is None
