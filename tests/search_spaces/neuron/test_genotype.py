"""The genotype: its invariants, its digest, its pruning and its stored form."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evonas.space import Encoded, InvalidGenotype
from search_spaces.neuron.encoding import decode, encode
from search_spaces.neuron.genotype import FIRST_HIDDEN_ID, NeuronGenotype, connected
from tests.search_spaces.neuron.reference import random_genotype

seeds = st.integers(0, 2**32 - 1)
BASE = FIRST_HIDDEN_ID


def small(**changes: Any) -> NeuronGenotype:
    """Two inputs, two hidden neurons in a row, one output: 0 -> 2 -> 3 -> 4, 1 -> 3, 0 -> 4."""
    genotype = NeuronGenotype(
        2, 1,
        ids=np.array([BASE + 5, BASE + 3]),
        layers=np.array([1, 2], np.int32),
        positions=np.array([[0, 0.5], [1, 0]], np.float32),
        edges=np.array([[0, 2], [1, 3], [2, 3], [0, 4], [3, 4]], np.int32),
    )
    return replace(genotype, **changes)


def edges(*pairs: tuple[int, int]) -> np.ndarray[Any, np.dtype[np.int32]]:
    return np.array(pairs, np.int32).reshape(-1, 2)


def test_a_small_genotype_is_valid_and_reads_as_documented() -> None:
    genotype = small()
    genotype.validate()
    assert (genotype.n_hidden, genotype.n_neurons, genotype.n_edges, genotype.depth) == (2, 5, 5, 3)
    assert genotype.layer_of.tolist() == [0, 0, 1, 2, 3]
    assert genotype.id_of.tolist() == [0, 1, BASE + 5, BASE + 3, 2]
    assert genotype.layer_offsets.tolist() == [0, 2, 3, 4, 5]
    assert genotype.row_pointers.tolist() == [0, 1, 3, 5]


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"layers": np.array([1, 3], np.int32)}, "with no empty layer from 1 to the last"),
        ({"layers": np.array([2, 1], np.int32)}, "sorted by layer"),
        ({"ids": np.array([BASE, BASE])}, "same id"),
        ({"grow_to": 5}, "grow_to must be 0, or more than the 5 edges and at most the 9 possible ones, got 5"),
        ({"grow_to": 10}, "at most the 9 possible ones, got 10"),
        ({"ids": np.array([7, BASE])}, "ids of hidden neurons must be at least 4294967296, got 7"),
        ({"layers": np.array([1, 1], np.int32)}, "sorted by id"),
        ({"positions": np.full((2, 2), np.nan, np.float32)}, "positions must be finite"),
        ({"positions": np.zeros((2, 3), np.float32)}, "one row a hidden neuron"),
        ({"ids": np.array([BASE + 5])}, "one row a hidden neuron"),
        ({"ties": np.full(3, -1, np.int32)}, r"ties \(n_edges,\), got"),
        ({"edges": edges(), "ties": np.empty(0, np.int32)}, "at least one edge"),
        ({"edges": edges((0, 2), (1, 3), (2, 3), (0, 4), (3, 9))}, "must join neurons 0 to 4, got 0 to 9"),
        ({"edges": edges((0, 2), (2, 3), (1, 3), (0, 4), (3, 4))}, "sorted by"),
        ({"edges": edges((0, 2), (2, 3), (2, 3), (0, 4), (3, 4))}, "unique"),
        ({"edges": edges((0, 2), (3, 2), (2, 3), (0, 4), (3, 4))}, r"edge 3 -> 2 does not lead to .* \(2 -> 1\)"),
        ({"edges": edges((0, 1), (0, 2), (2, 3), (0, 4), (3, 4))}, "edge 0 -> 1 does not lead"),
        ({"edges": edges((0, 3), (1, 3), (2, 3), (0, 4), (3, 4))}, f"hidden neuron {BASE + 5} has no inputs"),
        ({"edges": edges((0, 2), (0, 3), (1, 3), (0, 4), (3, 4))}, f"hidden neuron {BASE + 5} has no outputs"),
    ],
)
def test_a_broken_invariant_is_named(changes: dict[str, Any], sentence: str) -> None:
    with pytest.raises(InvalidGenotype, match=sentence):
        small(**changes).validate()


def test_arrays_cannot_be_written() -> None:
    genotype = small()
    for array in (genotype.ids, genotype.layers, genotype.positions, genotype.edges, genotype.ties, genotype.origins):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 0


def test_the_digest_never_changes_between_processes_and_versions() -> None:
    assert small().digest == "dd7db4a182919b7a47910fd0b2e421cb"


@pytest.mark.parametrize(
    "changes",
    [
        {"ids": np.array([BASE + 5, BASE + 4])},
        {"positions": np.array([[0, 0.5], [1, 0.25]], np.float32)},
        {"edges": edges((1, 2), (1, 3), (2, 3), (0, 4), (3, 4))},
        {"ties": np.array([0, 0, -1, -1, -1], np.int32)},
        {"origins": np.array([0, BASE + 5])},
        {"n_inputs": 3},
    ],
)
def test_every_field_counts_in_the_digest(changes: dict[str, Any]) -> None:
    assert small(**changes) != small()


def test_pruning_goes_in_cascade_and_squeezes_empty_layers() -> None:
    # without 2 -> 3 neuron 2 has no outputs; without 1 -> 3, then, neuron 3 has no inputs
    pruned = connected(small(), edges((0, 2), (0, 4), (3, 4)))
    assert pruned.genotype.n_hidden == 0
    assert pruned.genotype.edges.tolist() == [[0, 2]]
    assert pruned.neurons.tolist() == [0, 1, 4]
    assert pruned.edges.tolist() == [1]
    squeezed = connected(small(), edges((1, 3), (3, 4))).genotype
    assert squeezed.ids.tolist() == [BASE + 3]
    assert squeezed.layers.tolist() == [1]


@settings(max_examples=30)
@given(seeds)
def test_what_is_left_after_pruning_is_valid_and_on_paths_from_inputs_to_outputs(seed: int) -> None:
    rng = np.random.default_rng(seed)
    genotype = random_genotype(rng)
    kept = np.flatnonzero(rng.random(genotype.n_edges) < 0.4)
    ties = rng.integers(-1, 3, len(kept)).astype(np.int32)
    pruned = connected(genotype, genotype.edges[kept], ties)
    child = pruned.genotype
    if child.n_edges:
        child.validate()
    np.testing.assert_array_equal(child.id_of, genotype.id_of[pruned.neurons])
    np.testing.assert_array_equal(pruned.neurons[child.edges], genotype.edges[kept][pruned.edges])
    np.testing.assert_array_equal(child.ties, ties[pruned.edges])
    again = connected(child, child.edges, child.ties)
    assert again.genotype == child


@settings(max_examples=30)
@given(seeds)
def test_pruning_does_not_depend_on_the_order_of_the_edges(seed: int) -> None:
    rng = np.random.default_rng(seed)
    genotype = random_genotype(rng)
    order = rng.permutation(genotype.n_edges)
    ties = rng.integers(-1, 3, genotype.n_edges).astype(np.int32)
    assert connected(genotype, genotype.edges[order], ties[order]).genotype == replace(genotype, ties=ties)


@settings(max_examples=30)
@given(seeds)
def test_what_is_stored_is_what_is_read(seed: int) -> None:
    rng = np.random.default_rng(seed)
    genotype = random_genotype(rng, layers=tuple(rng.integers(1, 8, rng.integers(0, 4))))
    ties = rng.integers(-1, 3, genotype.n_edges).astype(np.int32)
    genotype = replace(genotype, ties=ties, origins=rng.integers(0, 9, genotype.n_hidden))
    assert decode(encode(genotype)) == genotype


@pytest.mark.parametrize("field", ["ids", "layers", "positions", "sources", "degrees"])
def test_a_missing_field_is_named(field: str) -> None:
    data = encode(small())
    arrays = {name: array for name, array in data.arrays.items() if name != field}
    with pytest.raises(InvalidGenotype, match=field):
        decode(Encoded(data.header, arrays))


def test_in_degrees_that_do_not_sum_to_the_edges_are_refused() -> None:
    data = encode(small())
    with pytest.raises(InvalidGenotype, match="in-degrees sum to 5, but there are 4 edges"):
        decode(Encoded(data.header, {**data.arrays, "sources": data.arrays["sources"][:4]}))
