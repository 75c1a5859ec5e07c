"""To networkx and back, and what is refused on the way in."""

from __future__ import annotations

from typing import Any

import networkx as nx
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evonas.space import InvalidGenotype
from search_spaces.neuron.distance import input_positions
from search_spaces.neuron.genotype import FIRST_HIDDEN_ID
from search_spaces.neuron.graph import from_networkx, to_networkx
from search_spaces.neuron.mutation import MutationParams, tie_weights
from search_spaces.neuron.space import DistanceLaw
from tests.search_spaces.neuron.reference import random_genotype

RNG = np.random.default_rng(0)


def drawn(edges: list[tuple[Any, Any]], **attributes: dict[Any, Any]) -> nx.DiGraph[Any]:
    """A graph by hand: names that begin with i are inputs, with o outputs, others hidden."""
    graph: nx.DiGraph[Any] = nx.DiGraph()
    kinds = {"i": "input", "o": "output"}
    for node in ("i0", "i1", "o"):
        graph.add_node(node, kind=kinds[node[0]])
    for edge in edges:
        for node in edge:
            graph.add_node(node, kind=kinds.get(str(node)[0], "hidden"))
    graph.add_edges_from(edges)
    for name, values in attributes.items():
        nx.set_node_attributes(graph, values, name)
    return graph


@settings(max_examples=30)
@given(st.integers(0, 2**32 - 1))
def test_what_is_exported_is_what_is_imported(seed: int) -> None:
    rng = np.random.default_rng(seed)
    genotype = random_genotype(rng)
    genotype = tie_weights(genotype, rng, MutationParams(DistanceLaw((12,)))) or genotype
    assert from_networkx(to_networkx(genotype), (12,), rng) == genotype


def test_the_graph_is_a_dag_with_kinds_layers_places_and_weights() -> None:
    genotype = random_genotype(RNG)
    weights = RNG.standard_normal(genotype.n_edges).astype(np.float32)
    graph = to_networkx(genotype, weights=weights, inputs=input_positions((12,)))
    assert nx.is_directed_acyclic_graph(graph)
    assert graph.number_of_edges() == genotype.n_edges
    assert [kind for _, kind in graph.nodes(data="kind")].count("hidden") == genotype.n_hidden
    assert graph.nodes[3] == {"kind": "input", "layer": 0, "position": (0, 3)}
    u, v = genotype.id_of[genotype.edges[5]].tolist()
    assert graph.edges[u, v] == {"tie": -1, "weight": weights[5]}


def test_layers_are_longest_paths_and_places_means_of_predecessors_unless_given() -> None:
    edges = [("i0", "a"), ("i1", "a"), ("a", "b"), ("i1", "b"), ("b", "o")]
    genotype = from_networkx(drawn(edges), (2,), RNG)
    assert genotype.layers.tolist() == [1, 2]
    assert genotype.positions.tolist() == [[0, 0.5], [0, 0.75]]
    given_places = drawn(edges, position={"a": (0.25, 1)}, layer={"a": 1, "b": 2})
    assert from_networkx(given_places, (2,), RNG).positions.tolist() == [[0.25, 1], [0.125, 1]]


def test_given_layers_are_kept() -> None:
    graph = drawn([("i0", "a"), ("a", "o"), ("i1", "b"), ("b", "o")], layer={"a": 1, "b": 2})
    assert from_networkx(graph, (2,), RNG).layers.tolist() == [1, 2]


def test_ids_are_kept_and_names_get_new_ones() -> None:
    kept = FIRST_HIDDEN_ID + 17
    genotype = from_networkx(drawn([("i0", kept), (kept, "a"), ("a", "o")]), (2,), RNG)
    assert genotype.ids[0] == kept
    assert genotype.ids[1] >= FIRST_HIDDEN_ID


@pytest.mark.parametrize(
    ("graph", "shape", "sentence"),
    [
        (drawn([("i0", "a"), ("a", "b"), ("b", "a"), ("b", "o")]), (2,), "must not form a cycle"),
        (drawn([("i0", "a"), ("a", "a"), ("a", "o")]), (2,), "must not form a cycle"),
        (drawn([("i0", "a"), ("a", "o"), ("i0", "b")]), (2,), "1 hidden nodes are on no path"),
        (drawn([("i0", "i1"), ("i0", "o")]), (2,), "does not lead to a later layer"),
        (drawn([("i0", "o"), ("o", "o2")]), (2,), "does not lead to a later layer"),
        (drawn([("i0", "o")]), (3,), r"must have 3 input nodes and at least one output node, got 2 and 1"),
        (drawn([("i0", "o")], kind={"i1": "inptu"}), (2,), "node 'i1' must have a kind of input, hidden, output"),
        (drawn([("i0", "a"), ("a", "b"), ("b", "o")], layer={"a": 2, "b": 1}), (2,), "does not lead to a later layer"),
        (drawn([]), (2,), "at least one edge"),
    ],
)
def test_bad_graphs_are_refused(graph: nx.DiGraph[Any], shape: tuple[int, ...], sentence: str) -> None:
    with pytest.raises(InvalidGenotype, match=sentence):
        from_networkx(graph, shape, RNG)
