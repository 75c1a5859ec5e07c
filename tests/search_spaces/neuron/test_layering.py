"""Longest paths against networkx, and the canonical order of neurons."""

from __future__ import annotations

import networkx as nx
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evonas.space import InvalidGenotype
from search_spaces.neuron.genotype import FIRST_HIDDEN_ID
from search_spaces.neuron.layering import (
    arrange,
    insert_neurons,
    locate,
    longest_path_layers,
    pair_capacities,
    pair_counts,
)
from tests.search_spaces.neuron.reference import random_genotype

seeds = st.integers(0, 2**32 - 1)


def random_dag(rng: np.random.Generator, n: int) -> np.ndarray[tuple[int, int], np.dtype[np.int64]]:
    """Edges along a random order of n nodes."""
    order = rng.permutation(n)
    return order[np.argwhere(np.triu(rng.random((n, n)) < rng.uniform(0, 0.4), 1))].reshape(-1, 2)


@settings(max_examples=60)
@given(seeds, st.integers(1, 30))
def test_layers_are_the_longest_paths_that_networkx_finds(seed: int, n: int) -> None:
    edges = random_dag(np.random.default_rng(seed), n)
    graph = nx.DiGraph()
    graph.add_nodes_from(range(n))
    graph.add_edges_from(edges.tolist())
    longest: dict[int, int] = {}
    for node in nx.topological_sort(graph):
        longest[node] = max((longest[p] + 1 for p in graph.predecessors(node)), default=0)
    assert longest_path_layers(n, edges).tolist() == [longest[node] for node in range(n)]


@settings(max_examples=30)
@given(seeds, st.integers(2, 30))
def test_a_cycle_is_refused(seed: int, n: int) -> None:
    rng = np.random.default_rng(seed)
    path = rng.permutation(n)[: rng.integers(2, n + 1)]
    cycle = np.stack([path, np.roll(path, -1)], axis=1)
    with pytest.raises(InvalidGenotype, match="must not form a cycle"):
        longest_path_layers(n, np.concatenate([random_dag(rng, n), cycle]))


@settings(max_examples=30)
@given(seeds)
def test_arranging_does_not_depend_on_the_order_of_neurons_and_edges(seed: int) -> None:
    rng = np.random.default_rng(seed)
    genotype = random_genotype(rng)
    order = rng.permutation(genotype.n_hidden)
    shuffled = rng.permutation(genotype.n_edges)
    place = np.arange(genotype.n_neurons)
    place[genotype.n_inputs + order] = genotype.n_inputs + np.arange(genotype.n_hidden)
    arranged = arrange(
        genotype.n_inputs, genotype.n_outputs, ids=genotype.ids[order], layers=genotype.layers[order],
        positions=genotype.positions[order], edges=place[genotype.edges[shuffled]], ties=genotype.ties[shuffled],
        origins=genotype.origins[order],
    )
    assert arranged == genotype


@settings(max_examples=30)
@given(seeds)
def test_inserted_neurons_leave_the_edges_between_the_others_as_they_are(seed: int) -> None:
    rng = np.random.default_rng(seed)
    genotype = random_genotype(rng)
    ids = FIRST_HIDDEN_ID + 10**6 + rng.permutation(4)
    layers = rng.integers(1, genotype.depth, 4)
    frame, new = insert_neurons(genotype, ids=ids, layers=layers, positions=np.zeros((4, 2), np.float32))
    np.testing.assert_array_equal(frame.id_of[new], ids)
    np.testing.assert_array_equal(frame.layer_of[new], layers)

    before, after = (set(map(tuple, g.id_of[g.edges].tolist())) for g in (genotype, frame))
    assert after == before


def test_ids_are_located() -> None:
    ids = np.array([30, 10, 20])
    assert locate(ids, np.array([10, 5, 30, 99])).tolist() == [1, -1, 0, -1]
    assert locate(np.empty(0, np.int64), ids).tolist() == [-1, -1, -1]


@settings(max_examples=20)
@given(seeds)
def test_counts_and_capacities_of_layer_pairs_are_those_of_the_edges(seed: int) -> None:
    genotype = random_genotype(np.random.default_rng(seed), density=1.0)
    np.testing.assert_array_equal(pair_counts(genotype), pair_capacities(genotype))
    assert pair_counts(genotype).sum() == genotype.n_edges
