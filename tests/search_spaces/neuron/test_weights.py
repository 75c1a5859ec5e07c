"""Inheritance keeps the function exactly where it is said to, against the float64 reference."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from evonas.types import Doubles, Weights
from search_spaces.neuron.distance import DistanceLaw
from search_spaces.neuron.genotype import FIRST_HIDDEN_ID, NeuronGenotype
from search_spaces.neuron.mutation import (
    OPERATORS,
    MutationParams,
    Operator,
    add_edges,
    add_nodes,
    merge_neurons,
    remove_edges,
    split_neuron,
    tie_weights,
)
from search_spaces.neuron.trainer.base import Network, Norm
from search_spaces.neuron.weights import check_weights, fresh, inherit
from tests.search_spaces.neuron.reference import forward, parameters, random_genotype

seeds = st.integers(0, 2**32 - 1)
PARAMS = MutationParams(DistanceLaw((1, 6, 6)), dict.fromkeys(OPERATORS, 0.5))
examples = settings(max_examples=25)


def random_parent(seed: int) -> tuple[NeuronGenotype, Weights]:
    """A genotype whose every parameter is random, some of its weights tied."""
    rng = np.random.default_rng(seed)
    genotype = random_genotype(rng, n_inputs=36, layers=(7, 6), n_outputs=3)
    genotype = tie_weights(genotype, rng, PARAMS) or genotype
    weights = fresh(genotype, rng)
    n_rows = genotype.n_hidden + genotype.n_outputs
    bias, gain = rng.standard_normal((2, n_rows)).astype(np.float32)
    return genotype, {"edge": weights["edge"], "bias": bias, "gain": 1 + gain / 3}


def outputs(genotype: NeuronGenotype, weights: Weights, norm: Norm) -> Doubles:
    network = Network(genotype, weights["edge"], weights["bias"], weights["gain"], norm)
    x = torch.from_numpy(np.random.default_rng(1).standard_normal((9, genotype.n_inputs)))
    return forward(network, x, *parameters(network)).detach().numpy()


@pytest.mark.parametrize(
    ("operator", "norm"),
    [
        (add_edges, "none"), (add_edges, "layer"), (add_edges, "layer-affine"),
        (add_nodes, "none"),
        (split_neuron, "none"),
    ],
)
@examples
@given(seed=seeds)
def test_the_function_is_kept_exactly(operator: Operator, norm: Norm, seed: int) -> None:
    parent, weights = random_parent(seed)
    rng = np.random.default_rng(seed + 1)
    child = operator(parent, rng, PARAMS)
    if child is None:
        return
    inherited = inherit(child, parent, weights, rng)
    before = outputs(parent, weights, norm)
    # weights are float32: halves of a split weight may be off by its last bit
    np.testing.assert_allclose(outputs(child, inherited, norm), before, rtol=1e-5, atol=1e-5 * np.abs(before).max())


def test_adding_edges_keeps_every_bit_of_the_old_weights() -> None:
    parent, weights = random_parent(0)
    child = add_edges(parent, np.random.default_rng(0), PARAMS)
    assert child is not None
    inherited = inherit(child, parent, weights, np.random.default_rng(0))
    old = {tuple(e): w for e, w in zip(parent.id_of[parent.edges].tolist(), weights["edge"], strict=True)}
    for edge, weight in zip(child.id_of[child.edges].tolist(), inherited["edge"], strict=True):
        assert weight == old.get(tuple(edge), 0.0)
    np.testing.assert_array_equal(inherited["bias"], weights["bias"])
    np.testing.assert_array_equal(inherited["gain"], weights["gain"])


@pytest.mark.parametrize("name", OPERATORS)
@settings(max_examples=10)
@given(seed=seeds)
def test_weights_fit_the_child_of_every_operator_and_tied_edges_agree(name: str, seed: int) -> None:
    parent, weights = random_parent(seed)
    child = OPERATORS[name](parent, np.random.default_rng(seed), PARAMS)
    if child is None:
        return
    inherited = inherit(child, parent, weights, np.random.default_rng(seed))
    check_weights(child, inherited)
    for group in set(child.ties[child.ties >= 0].tolist()):
        assert len(set(inherited["edge"][child.ties == group].tolist())) == 1
    assert all(value.dtype == np.float32 and np.isfinite(value).all() for value in inherited.values())


def test_new_neurons_have_random_inputs_and_silent_outputs() -> None:
    parent, weights = random_parent(0)
    for seed in range(10):
        child = add_nodes(parent, np.random.default_rng(seed), PARAMS)
        if child is None:
            continue
        inherited = inherit(child, parent, weights, np.random.default_rng(seed))
        new = ~np.isin(child.id_of, parent.id_of)
        from_new, into_new = new[child.edges].T
        assert (inherited["edge"][into_new] != 0).all()
        assert not inherited["edge"][from_new & ~into_new].any()
        assert not inherited["bias"][new[child.n_inputs :]].any()
        assert (inherited["gain"][new[child.n_inputs :]] == 1).all()


def test_twins_differ_in_what_they_send() -> None:
    parent, weights = random_parent(0)
    child = split_neuron(parent, np.random.default_rng(0), PARAMS)
    assert child is not None
    inherited = inherit(child, parent, weights, np.random.default_rng(0))
    values = dict(zip(map(tuple, child.id_of[child.edges].tolist()), inherited["edge"].tolist(), strict=True))
    for twin, origin in zip(child.ids.tolist(), child.origins.tolist(), strict=True):
        if not origin:
            continue
        for (source, target), weight in values.items():
            if target == twin and source < child.n_inputs:
                assert weight == values[source, origin]
            if source == twin:
                assert weight != values[origin, target]
                assert 0.66 < weight / values[origin, target] < 1.51


def test_a_grandchild_does_not_split_its_parent_again() -> None:
    parent, weights = random_parent(0)
    rng = np.random.default_rng(0)
    child = split_neuron(parent, rng, PARAMS)
    assert child is not None
    inherited = inherit(child, parent, weights, rng)
    grandchild = add_edges(child, rng, PARAMS)
    assert grandchild is not None
    again = inherit(grandchild, child, inherited, rng)
    np.testing.assert_allclose(outputs(grandchild, again, "none"), outputs(child, inherited, "none"), rtol=1e-12)


@pytest.mark.parametrize("seed", range(4))
def test_merging_twins_undoes_their_split(seed: int) -> None:
    rng = np.random.default_rng(seed)
    parent = random_genotype(rng, n_inputs=36, layers=(1, 1), n_outputs=3)
    weights = dict(fresh(parent, rng), bias=rng.standard_normal(parent.n_hidden + 3).astype(np.float32))
    split = split_neuron(parent, rng, PARAMS)
    assert split is not None
    halves = inherit(split, parent, weights, rng)
    merged = merge_neurons(split, rng, PARAMS)
    assert merged is not None
    assert merged.n_hidden == split.n_hidden - 1
    whole = inherit(merged, split, halves, rng)
    np.testing.assert_allclose(outputs(merged, whole, "none"), outputs(parent, weights, "none"), rtol=1e-5, atol=1e-6)


def test_a_merged_neuron_averages_what_comes_in_and_adds_up_what_goes_out() -> None:
    ids = FIRST_HIDDEN_ID + np.arange(2)
    edges = np.array([[0, 2], [1, 2], [1, 3], [2, 4], [3, 4], [3, 5]], np.int32)
    parent = NeuronGenotype(2, 2, ids, np.ones(2, np.int32), np.zeros((2, 2), np.float32), edges)
    values = np.array([2, 4, 8, 1, 10, 100], np.float32)
    rows = np.array([1, 3, 0, 0], np.float32)
    child = merge_neurons(parent, np.random.default_rng(0), MutationParams(DistanceLaw((2,))))
    assert child is not None
    inherited = inherit(child, parent, {"edge": values, "bias": rows, "gain": rows}, np.random.default_rng(0))
    assert inherited["edge"].tolist() == [1, 6, 11, 100]
    assert inherited["bias"].tolist() == inherited["gain"].tolist() == [2, 0, 0]
    grandchild = replace(child, edges=child.edges[1:], ties=child.ties[1:])
    again = inherit(grandchild, child, inherited, np.random.default_rng(0))
    assert again["edge"].tolist() == [6, 11, 100]


def test_a_twin_that_lost_its_origins_edge_carries_the_whole_weight() -> None:
    parent, weights = random_parent(0)
    child = split_neuron(parent, np.random.default_rng(0), PARAMS)
    assert child is not None
    halves = inherit(child, parent, weights, np.random.default_rng(0))["edge"]
    twin, origin = next((t, o) for t, o in zip(child.ids.tolist(), child.origins.tolist(), strict=True) if o)
    names = child.id_of[child.edges].tolist()
    target = next(v for u, v in names if u == twin and v < 2**32)
    keep = np.array([name != [origin, target] for name in names])
    pruned = replace(child, edges=child.edges[keep], ties=child.ties[keep])
    whole = inherit(pruned, parent, weights, np.random.default_rng(0))["edge"]
    expected = halves[names.index([origin, target])] + halves[names.index([twin, target])]
    assert whole[pruned.id_of[pruned.edges].tolist().index([twin, target])] == pytest.approx(expected, rel=1e-6)


def test_tied_edges_get_the_mean_of_what_they_had() -> None:
    rng = np.random.default_rng(0)
    parent = random_genotype(rng, n_inputs=36)
    weights = fresh(parent, rng)
    child = tie_weights(parent, rng, PARAMS)
    assert child is not None
    inherited = inherit(child, parent, weights, rng)["edge"]
    tied = child.ties >= 0
    np.testing.assert_allclose(inherited[tied], weights["edge"][tied].mean(), rtol=1e-5)
    np.testing.assert_array_equal(inherited[~tied], weights["edge"][~tied])


def test_fresh_weights_are_scaled_by_the_in_degree() -> None:
    rng = np.random.default_rng(0)
    genotype = random_genotype(rng, n_inputs=400, layers=(200,), n_outputs=40, density=0.3)
    weights = fresh(genotype, rng)
    degree = np.bincount(genotype.edges[:, 1], minlength=genotype.n_neurons)[genotype.edges[:, 1]]
    scaled = weights["edge"] * np.sqrt(degree)
    into_output = genotype.edges[:, 1] >= genotype.n_neurons - genotype.n_outputs
    assert scaled[~into_output].std() == pytest.approx(np.sqrt(2), rel=0.03)
    assert scaled[into_output].std() == pytest.approx(1, rel=0.05)
    assert not weights["bias"].any()
    assert (weights["gain"] == 1).all()


def test_fresh_tied_weights_are_as_large_as_others() -> None:
    rng = np.random.default_rng(0)
    genotype = random_genotype(rng, n_inputs=100, layers=(60,), density=0.5)
    tied = replace(genotype, ties=(np.arange(genotype.n_edges) % 500).astype(np.int32))
    edges = fresh(tied, rng)["edge"]
    assert len(np.unique(edges)) == 500
    assert edges.std() == pytest.approx(fresh(genotype, rng)["edge"].std(), rel=0.2)


def test_removed_edges_leave_the_rest_as_it_was() -> None:
    parent, weights = random_parent(4)
    child = remove_edges(parent, np.random.default_rng(0), PARAMS)
    assert child is not None
    inherited = inherit(child, parent, weights, np.random.default_rng(0))["edge"]
    old = {tuple(e): w for e, w in zip(parent.id_of[parent.edges].tolist(), weights["edge"].tolist(), strict=True)}
    new = [old[tuple(edge)] for edge in child.id_of[child.edges].tolist()]
    np.testing.assert_array_equal(inherited, np.array(new, np.float32))


def test_weights_that_do_not_fit_are_named_with_both_shapes() -> None:
    genotype, weights = random_parent(0)
    short = {**weights, "edge": weights["edge"][:-1]}
    n = genotype.n_edges
    with pytest.raises(ValueError, match=rf"'edge' do not fit the genotype: expected shape \({n},\), got \({n - 1},\)"):
        inherit(genotype, genotype, short, np.random.default_rng(0))
    with pytest.raises(ValueError, match=r"must have 'gain' of shape"):
        check_weights(genotype, {"edge": weights["edge"], "bias": weights["bias"]})
