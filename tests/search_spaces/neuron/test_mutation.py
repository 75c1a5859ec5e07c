"""Each operator does what its docstring says, and nothing else."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evonas.types import Task
from search_spaces.neuron.distance import DistanceLaw, edge_lengths
from search_spaces.neuron.genotype import FIRST_HIDDEN_ID, NeuronGenotype
from search_spaces.neuron.layering import pair_capacities, pair_counts, pair_of_edge
from search_spaces.neuron.mutation import (
    LARGEST_STEPS,
    OPERATORS,
    MutationParams,
    Operator,
    add_edges,
    add_nodes,
    inflate,
    inflate_dilated,
    inflate_gradient,
    inflate_neurons,
    inflate_skips,
    merge_neurons,
    remove_edges,
    remove_layer,
    split_neuron,
    swap_edges,
    tie_weights,
)
from search_spaces.neuron.mutation.steps import even_shares, step_size
from search_spaces.neuron.space import create
from tests.search_spaces.neuron.reference import random_genotype

seeds = st.integers(0, 2**32 - 1)
TASK = Task("classification", (1, 8, 8), 10)
SPACE = create(TASK, {"founders": "log-uniform", "founder_edges": (64, 800)})
PARAMS = MutationParams(DistanceLaw(TASK.input_shape))
examples = settings(max_examples=40, deadline=None)


def founder(seed: int, n_layers: int = 1) -> NeuronGenotype:
    """A founder with at least so many hidden layers, some of its weights tied."""
    rng = np.random.default_rng(seed)
    while (genotype := SPACE.sample(rng)).depth <= n_layers:
        pass
    return tie_weights(genotype, rng, PARAMS) or genotype


def named_edges(genotype: NeuronGenotype) -> set[tuple[int, int]]:
    """Edges as pairs of ids."""
    return set(map(tuple, genotype.id_of[genotype.edges].tolist()))


def fed_outputs(genotype: NeuronGenotype) -> int:
    return len(np.unique(genotype.edges[genotype.edges[:, 1] >= genotype.n_neurons - genotype.n_outputs, 1]))


def layers_by_id(genotype: NeuronGenotype) -> dict[int, int]:
    return dict(zip(genotype.ids.tolist(), genotype.layers.tolist(), strict=True))


def assert_same_order(parent: NeuronGenotype, child: NeuronGenotype) -> None:
    """Neurons that both have are on layers in the same order: equal stay equal, before stays before."""
    old, new = layers_by_id(parent), layers_by_id(child)
    pairs = sorted({(old[id], new[id]) for id in old.keys() & new.keys()})
    assert len({a for a, _ in pairs}) == len(pairs) == len({b for _, b in pairs})
    assert [b for _, b in pairs] == sorted(b for _, b in pairs)


@pytest.mark.parametrize("name", OPERATORS)
@settings(max_examples=25, deadline=None)
@given(seed=seeds)
def test_children_are_valid_feed_every_output_and_keep_the_order_of_layers(name: str, seed: int) -> None:
    parent = founder(seed)
    child = OPERATORS[name](parent, np.random.default_rng(seed), PARAMS)
    if child is not None:
        child.validate()
        assert fed_outputs(child) == parent.n_outputs
        assert_same_order(parent, child)


@pytest.mark.parametrize("name", OPERATORS)
@settings(max_examples=15, deadline=None)
@given(seed=seeds)
def test_places_and_ties_of_what_stays_are_kept(name: str, seed: int) -> None:
    parent = founder(seed)
    child = OPERATORS[name](parent, np.random.default_rng(seed), PARAMS)
    if child is None:
        return
    places = dict(zip(parent.ids.tolist(), parent.positions.tolist(), strict=True))
    for id, place in zip(child.ids.tolist(), child.positions.tolist(), strict=True):
        assert places.get(id, place) == place
    if name not in ("split_neuron", "merge_neurons", "tie_weights"):
        ties = dict(zip(map(tuple, parent.id_of[parent.edges].tolist()), parent.ties.tolist(), strict=True))
        edges = map(tuple, child.id_of[child.edges].tolist())
        assert all(ties.get(edge, -1) == tie for edge, tie in zip(edges, child.ties.tolist(), strict=True))


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
def test_remove_layer_takes_one_layer_and_bridges_it(seed: int) -> None:
    parent = founder(seed, n_layers=2)
    child = remove_layer(parent, np.random.default_rng(seed), PARAMS)
    assert child is not None
    gone = [layer for layer in range(1, parent.depth) if not set(parent.ids[parent.layers == layer]) & set(child.ids)]
    assert gone
    assert set(child.ids.tolist()) <= set(parent.ids.tolist())
    assert child.depth < parent.depth
    assert child.n_edges <= parent.n_edges


def test_remove_layer_replaces_four_fifths_of_the_edges() -> None:
    parent = random_genotype(np.random.default_rng(0), n_inputs=64, layers=(20, 20, 20), n_outputs=10, density=0.3)
    counts = pair_counts(parent)
    for seed in range(10):
        child = remove_layer(parent, np.random.default_rng(seed), PARAMS)
        assert child is not None
        (layer,) = [k for k in (1, 2, 3) if not set(parent.ids[parent.layers == k]) & set(child.ids)]
        removed = counts[layer].sum() + counts[:, layer].sum()
        assert parent.n_edges - child.n_edges == pytest.approx(0.2 * removed, abs=0.05 * removed)


def test_remove_layer_leaves_the_last_hidden_layer() -> None:
    genotype = random_genotype(np.random.default_rng(0), n_inputs=64, layers=(9,), n_outputs=10)
    assert remove_layer(genotype, np.random.default_rng(0), PARAMS) is None


@examples
@given(seeds)
def test_add_nodes_keeps_all_edges_and_puts_new_neurons_on_one_layer(seed: int) -> None:
    parent = founder(seed)
    child = add_nodes(parent, np.random.default_rng(seed), PARAMS)
    if child is None:
        return
    new = np.setdiff1d(child.ids, parent.ids)
    assert named_edges(parent) < named_edges(child)
    assert set(parent.ids) < set(child.ids)
    assert 1 <= len(new) <= LARGEST_STEPS["add_nodes"] * parent.n_neurons + 1
    assert new.min() >= FIRST_HIDDEN_ID
    assert len({layers_by_id(child)[id] for id in new.tolist()}) == 1
    assert child.n_edges - parent.n_edges <= max(2, 0.28 * parent.n_edges)


def test_half_of_the_time_add_nodes_makes_a_new_layer() -> None:
    parent = founder(0)
    children = [add_nodes(parent, np.random.default_rng(seed), PARAMS) for seed in range(100)]
    deeper = [child.depth > parent.depth for child in children if child is not None]
    assert len(deeper) > 80
    assert 0.3 < np.mean(deeper) < 0.7


@examples
@given(seeds)
def test_split_neuron_gives_twins_the_same_place_layer_and_neighbours(seed: int) -> None:
    parent = founder(seed)
    child = split_neuron(parent, np.random.default_rng(seed), PARAMS)
    assert child is not None
    twins = {int(id): int(origin) for id, origin in zip(child.ids, child.origins, strict=True) if id not in parent.ids}
    assert 1 <= len(twins) <= max(1, LARGEST_STEPS["split_neuron"] * parent.n_hidden)
    index = {id: number for number, id in enumerate(child.ids.tolist())}
    by_ids = named_edges(child)
    for twin, origin in twins.items():
        assert child.layers[index[twin]] == child.layers[index[origin]]
        assert child.positions[index[twin]].tolist() == child.positions[index[origin]].tolist()
        assert {u for u, v in by_ids if v == twin} == {u for u, v in by_ids if v == origin}
        assert {v for u, v in by_ids if u == twin} == {v for u, v in by_ids if u == origin}
        touched = np.isin(child.id_of[child.edges], [twin, origin])
        assert (child.ties[touched[:, 0]] == -1).all()
    merged = {(twins.get(u, u), twins.get(v, v)) for u, v in by_ids}
    assert merged == named_edges(parent)


def test_split_neuron_needs_a_hidden_neuron() -> None:
    linear = random_genotype(np.random.default_rng(0), n_inputs=64, layers=(), n_outputs=10)
    assert split_neuron(linear, np.random.default_rng(0), PARAMS) is None


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


def test_steps_are_log_uniform_from_the_smallest_to_the_largest() -> None:
    rng = np.random.default_rng(0)
    steps = np.array([step_size(1000, rng) for _ in range(3000)])
    assert steps.min() == 1
    assert 900 < steps.max() <= 1000
    assert np.median(steps) == pytest.approx(1000**0.5, rel=0.2)
    assert step_size(0.3, rng) == 1


@given(st.integers(0, 1000), st.integers(1, 7))
def test_even_shares_sum_to_the_total(total: int, n: int) -> None:
    shares = even_shares(total, n)
    assert shares.sum() == total
    assert shares.max() - shares.min() <= 1


def test_largest_steps_bound_the_steps() -> None:
    space = create(TASK, {"largest_steps": {"add_edges": 0.01}, "operators": {"add_edges": 1}})
    parent = founder(0)
    for seed in range(20):
        child = space.mutate(parent, np.random.default_rng(seed)).genotype
        assert child.n_edges <= max(1.01 * parent.n_edges, parent.n_edges + 1)


INFLATIONS = [name for name in OPERATORS if name.startswith("inflate")]


@pytest.mark.parametrize("name", INFLATIONS)
@pytest.mark.parametrize("seed", range(5))
def test_an_inflated_child_keeps_its_parent_and_says_what_training_shall_leave(name: str, seed: int) -> None:
    parent = founder(seed)
    child = OPERATORS[name](parent, np.random.default_rng(seed), PARAMS)
    assert child is not None
    assert 1.35 * parent.n_edges < (child.grow_to or child.n_edges) < 2.6 * parent.n_edges
    assert 0.66 * parent.n_edges < child.prune_to < 1.51 * parent.n_edges
    assert SPACE.cost(child)["edges"] == child.prune_to
    assert named_edges(parent) <= named_edges(child)
    assert (child.n_hidden > parent.n_hidden) == (name == "inflate_neurons")
    assert SPACE.decode(SPACE.encode(child)) == child != replace(child, prune_to=0)


@pytest.mark.parametrize("name", INFLATIONS)
def test_a_full_network_cannot_be_inflated(name: str) -> None:
    full = random_genotype(np.random.default_rng(0), n_inputs=64, n_outputs=10, density=1.0)
    assert OPERATORS[name](full, np.random.default_rng(0), PARAMS) is None


@pytest.mark.parametrize("propose", [inflate, inflate_gradient])
def test_a_network_that_is_nearly_full_is_inflated_to_all_that_is_possible(propose: Operator) -> None:
    dense = random_genotype(np.random.default_rng(0), n_inputs=64, n_outputs=10, density=0.8)
    child = propose(dense, np.random.default_rng(0), PARAMS)
    assert child is not None
    assert (child.grow_to or child.n_edges) == dense.n_possible_edges == pair_capacities(dense).sum()


def test_inflate_gradient_leaves_the_choice_of_edges_to_training() -> None:
    parent = founder(0)
    child = inflate_gradient(parent, np.random.default_rng(0), PARAMS)
    assert child is not None
    assert child != replace(child, grow_to=0)
    assert replace(child, grow_to=0, prune_to=0) == parent


@pytest.mark.parametrize("shape", [(1, 8, 8), (3, 5, 5), (30,)])
def test_inflate_dilated_takes_sources_next_to_those_that_a_target_has(shape: tuple[int, ...]) -> None:
    task = Task("classification", shape, 4)
    params = MutationParams(DistanceLaw(shape))
    parent = create(task, {"founders": "log-uniform", "founder_edges": (100, 100)}).sample(np.random.default_rng(3))
    child = inflate_dilated(parent, np.random.default_rng(0), params)
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


def test_inflate_dilated_reaches_farther_where_neighbours_are_taken() -> None:
    # every target has all of the first rows of the grid, and none of the others
    ids, places = FIRST_HIDDEN_ID + np.arange(3), np.full((3, 2), 4, np.float32)
    edges = [(source, target) for target in range(64, 67) for source in range(24)] + [(64, 67), (65, 67), (66, 67)]
    parent = NeuronGenotype(64, 1, ids, np.ones(3, np.int32), places, np.array(edges, np.int32))
    child = inflate_dilated(parent, np.random.default_rng(0), PARAMS)
    assert child is not None
    assert child.n_edges >= 1.5 * parent.n_edges
    new = child.edges[(child.edges[:, 0] >= 24) & (child.edges[:, 0] < 64), 0]
    assert (new < 32).sum() == 24
    assert new.max() >= 32


def test_inflate_neurons_makes_a_new_layer_half_of_the_time_and_keeps_the_mean_degree() -> None:
    parent = founder(1)
    children = [inflate_neurons(parent, np.random.default_rng(seed), PARAMS) for seed in range(60)]
    found = [child for child in children if child is not None]
    assert 0.3 < np.mean([child.depth > parent.depth for child in found]) < 0.7
    degrees = [2 * g.n_edges / g.n_hidden for g in (parent, *found)]
    assert 0.5 * degrees[0] < np.mean(degrees[1:]) < 2 * degrees[0]


def test_inflate_skips_gives_all_pairs_of_layers_that_are_not_neighbours_equally_many() -> None:
    parent = random_genotype(np.random.default_rng(0), n_inputs=64, layers=(40, 40, 40), n_outputs=10, density=0.1)
    child = inflate_skips(parent, np.random.default_rng(0), PARAMS)
    assert child is not None
    new = pair_counts(child) - pair_counts(parent)
    past = np.triu(np.ones_like(new), 2) > 0
    assert not new[~past].any()
    assert new[past].max() < 1.5 * new[past].min()


def test_inflate_skips_needs_a_hidden_layer() -> None:
    linear = random_genotype(np.random.default_rng(0), n_inputs=64, layers=(), n_outputs=10)
    assert inflate_skips(linear, np.random.default_rng(0), PARAMS) is None


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


@examples
@given(seeds)
def test_merge_neurons_gives_one_the_neighbours_of_both(seed: int) -> None:
    parent = founder(seed)
    child = merge_neurons(parent, np.random.default_rng(seed), PARAMS)
    if child is None:
        assert np.bincount(parent.layers).max() == 1
        return
    into = {-int(origin): int(id) for id, origin in zip(child.ids, child.origins, strict=True) if origin < 0}
    assert 1 <= len(into) <= max(1, LARGEST_STEPS["merge_neurons"] * parent.n_hidden)
    assert set(parent.ids.tolist()) - set(child.ids.tolist()) == set(into)
    old = layers_by_id(parent)
    assert all(old[gone] == old[left] for gone, left in into.items())
    assert named_edges(child) == {(into.get(u, u), into.get(v, v)) for u, v in named_edges(parent)}
    touched = np.isin(child.id_of[child.edges], list(into.values())).any(axis=1)
    assert (child.ties[touched] == -1).all()


def test_merge_neurons_takes_the_neuron_that_shares_most_inputs() -> None:
    # neurons 4, 5, 6 in one layer: 4 and 6 share two of three inputs, 5 lies nearer to 4
    ids, places = FIRST_HIDDEN_ID + np.arange(3), np.array([[0, 0], [0, 1], [3, 3]], np.float32)
    edges = np.array([[0, 4], [1, 4], [2, 5], [3, 5], [0, 6], [1, 6], [2, 6], [4, 7], [5, 7], [6, 7]], np.int32)
    parent = NeuronGenotype(4, 1, ids, np.ones(3, np.int32), places, edges)
    for seed in range(10):
        child = merge_neurons(parent, np.random.default_rng(seed), MutationParams(DistanceLaw((1, 2, 2))))
        assert child is not None
        (origin,) = child.origins[child.origins < 0].tolist()
        left = child.ids[child.origins < 0].tolist()[0]
        assert {left, -origin} != {FIRST_HIDDEN_ID, FIRST_HIDDEN_ID + 1}
