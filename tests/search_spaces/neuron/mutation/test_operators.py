"""What all operators of mutation obey, and how large their steps are."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from search_spaces.neuron.mutation import OPERATORS
from search_spaces.neuron.mutation.steps import even_shares, step_size
from search_spaces.neuron.space import create
from tests.search_spaces.neuron.mutants import PARAMS, TASK, assert_same_order, fed_outputs, founder, seeds


@pytest.mark.parametrize("name", OPERATORS)
@settings(max_examples=25)
@given(seed=seeds)
def test_children_are_valid_feed_every_output_and_keep_the_order_of_layers(name: str, seed: int) -> None:
    parent = founder(seed)
    child = OPERATORS[name](parent, np.random.default_rng(seed), PARAMS)
    if child is not None:
        child.validate()
        assert fed_outputs(child) == parent.n_outputs
        assert_same_order(parent, child)


@pytest.mark.parametrize("name", OPERATORS)
@settings(max_examples=15)
@given(seed=seeds)
def test_places_and_ties_of_what_stays_are_kept(name: str, seed: int) -> None:
    parent = founder(seed)
    child = OPERATORS[name](parent, np.random.default_rng(seed), PARAMS)
    if child is None:
        return
    places = dict(zip(parent.ids.tolist(), parent.positions.tolist(), strict=True))
    for id, place in zip(child.ids.tolist(), child.positions.tolist(), strict=True):
        assert places.get(id, place) == place
    if name not in ("split_neuron", "merge_neurons", "tie_weights", "release"):
        ties = dict(zip(map(tuple, parent.id_of[parent.edges].tolist()), parent.ties.tolist(), strict=True))
        edges = map(tuple, child.id_of[child.edges].tolist())
        assert all(ties.get(edge, -1) == tie for edge, tie in zip(edges, child.ties.tolist(), strict=True))


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
