"""Operators that change neurons and layers do what their docstrings say, and nothing else."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given

from search_spaces.neuron.distance import DistanceLaw
from search_spaces.neuron.genotype import FIRST_HIDDEN_ID, NeuronGenotype
from search_spaces.neuron.layering import pair_counts
from search_spaces.neuron.mutation import (
    LARGEST_STEPS,
    MutationParams,
    add_nodes,
    merge_neurons,
    remove_layer,
    split_neuron,
)
from search_spaces.neuron.space import create
from tests.search_spaces.neuron.mutants import PARAMS, TASK, examples, founder, layers_by_id, named_edges, seeds
from tests.search_spaces.neuron.reference import random_genotype


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


PUBLISHED = replace(PARAMS, smallest_steps={"add_nodes": 0.12}, at_predecessors=True)


def mean_of_predecessors(genotype: NeuronGenotype, neuron: int) -> np.ndarray:
    places = PARAMS.law.positions(genotype)
    mean: np.ndarray = places[genotype.edges[genotype.edges[:, 1] == neuron, 0]].mean(axis=0)
    return mean


def test_published_steps_add_a_tenth_to_a_third_of_the_neurons_with_a_fifth_to_a_quarter_of_the_edges() -> None:
    parent = random_genotype(np.random.default_rng(3), n_inputs=64, layers=(60, 40), n_outputs=10, density=0.2)
    neurons, edges = [], []
    for seed in range(60):
        child = add_nodes(parent, np.random.default_rng(seed), PUBLISHED)
        assert child is not None
        neurons.append((child.n_neurons - parent.n_neurons) / parent.n_neurons)
        edges.append((child.n_edges - parent.n_edges) / parent.n_edges)
    assert 0.09 < min(neurons) < 0.18
    assert 0.25 < max(neurons) <= 0.321
    assert max(edges) <= 0.281
    assert np.mean(edges) > 0.14


def test_new_neurons_lie_at_the_mean_of_their_predecessors() -> None:
    parent = random_genotype(np.random.default_rng(4), n_inputs=64, layers=(12, 9), n_outputs=10, density=0.3)
    for seed in range(10):
        child = add_nodes(parent, np.random.default_rng(seed), PUBLISHED)
        assert child is not None
        new = child.n_inputs + np.flatnonzero(~np.isin(child.ids, parent.ids))
        assert len(new)
        for neuron in new.tolist():
            expected = mean_of_predecessors(child, neuron)
            np.testing.assert_allclose(PARAMS.law.positions(child)[neuron], expected, atol=1e-4)
        kept = np.isin(child.ids, parent.ids)
        old = {id: place.tolist() for id, place in zip(parent.ids.tolist(), parent.positions, strict=True)}
        assert all(old[id] == place.tolist() for id, place in
                   zip(child.ids[kept].tolist(), child.positions[kept], strict=True))


@pytest.mark.parametrize("founders", ["source", "log-uniform"])
def test_founders_lie_at_the_mean_of_their_predecessors(founders: str) -> None:
    options = {"founders": founders, "hidden_positions": "predecessors", "founder_edges": (200, 2000)}
    space = create(TASK, options)
    for seed in range(5):
        founder = space.sample(np.random.default_rng(seed))
        space.validate(founder)
        places = space.law.positions(founder)
        for neuron in range(founder.n_inputs, founder.n_inputs + founder.n_hidden):
            np.testing.assert_allclose(places[neuron], mean_of_predecessors(founder, neuron), atol=1e-4)
