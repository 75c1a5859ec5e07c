"""Hypernetworks: what a complexity is turned into."""

from __future__ import annotations

import json
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evonas.supernet.hypernet import (
    Hypernet,
    PiecewiseLinear,
    SimplexRBF,
    Table,
    hypernet_from,
    measure_matrix,
    mixed_logits,
)
from evonas.types import Floats

SCALAR, VECTOR = PiecewiseLinear(-8.0, -4.0, 5), SimplexRBF(3, tau=0.25, kappa=10.0)
MEASURED = SimplexRBF(5, tau=0.25, kappa=8.0, measures=("params", "flops", "latency"))
HYPERNETS: list[Hypernet] = [Table(), SCALAR, VECTOR, SimplexRBF(8, tau=0.1, kappa=2.0), MEASURED]


def references(n: int) -> Floats:
    return np.random.default_rng(0).normal(size=(n, 4, 3)).astype(np.float32)


@pytest.mark.parametrize("k", range(5))
def test_piecewise_linear_has_its_knots_logits_at_the_knots(k: int) -> None:
    logits = mixed_logits(SCALAR.coefficients(np.array([10.0 ** (k - 8)])), references(5))
    np.testing.assert_allclose(logits, references(5)[k], atol=1e-9)


@given(st.floats(-8, -4))
@settings(max_examples=40)
def test_piecewise_linear_is_continuous_and_linear_in_the_logarithm(place: float) -> None:
    def at(log_lambda: float) -> Floats:
        return SCALAR.coefficients(np.array([10.0**log_lambda]))

    for near in (max(place - 1e-6, -8.0), min(place + 1e-6, -4.0)):
        np.testing.assert_allclose(at(near), at(place), atol=1e-5)
    below = min(int(place + 8), 3)
    w = place + 8 - below
    expected = np.zeros(5)
    expected[below], expected[below + 1] = 1 - w, w
    np.testing.assert_allclose(at(place), expected, atol=1e-6)


@pytest.mark.parametrize("r", range(4))
def test_simplex_hypernet_has_a_references_logits_at_the_reference_as_tau_falls(r: int) -> None:
    distances = []
    for tau in (0.25, 0.05, 0.01):
        net = replace(VECTOR, tau=tau)
        logits = mixed_logits(net.coefficients(net.references[r]), references(4))
        distances.append(float(np.abs(logits - references(4)[r]).max()))
    assert distances[0] > distances[1] > distances[2]
    assert distances[2] < 1e-6


def test_simplex_hypernet_weighs_references_by_their_squared_distance() -> None:
    raw = np.exp(-np.array([2.0, 2.0, 0.0, 2 / 3]) / 0.5)  # from the third vertex
    np.testing.assert_allclose(replace(VECTOR, tau=0.5).coefficients(np.eye(3)[2]), raw / raw.sum())


@pytest.mark.parametrize("net", HYPERNETS)
def test_coefficients_are_shares_wherever_complexities_are_drawn(net: Hypernet) -> None:
    rng = np.random.default_rng(1)
    for index in range(50):
        for complexity in (net.draw(rng), net.quasi_random(index)):
            shares = net.coefficients(complexity)
            assert shares.shape == (net.n_references,)
            assert shares.min() >= 0
            assert shares.sum() == pytest.approx(1)


@pytest.mark.parametrize("net", HYPERNETS)
def test_description_makes_the_same_hypernet(net: Hypernet) -> None:
    assert hypernet_from(json.loads(json.dumps(net.to_json()))) == net


def test_unknown_description_is_refused() -> None:
    for document in ({"kind": "tree"}, {}, {"kind": "table", "depth": 1}):
        with pytest.raises(ValueError, match="not the description"):
            hypernet_from(document)


@pytest.mark.parametrize("n", [4, 10, 40])
def test_any_first_complexities_cover_the_range(n: int) -> None:
    places = sorted((np.log10(SCALAR.quasi_random(index)[0]) + 8) / 4 for index in range(n))
    assert max(b - a for a, b in pairwise([0.0, *places, 1.0])) < 2 / n
    points = np.array([VECTOR.quasi_random(index) for index in range(n)])
    np.testing.assert_allclose(points.sum(axis=1), 1)
    assert points.min() >= 0
    corners = np.eye(3) * 0.6 + 0.2 / 3 * 2
    assert all(np.abs(points - corner).sum(axis=1).min() < 1.0 for corner in corners)


def test_complexities_are_drawn_from_the_whole_range() -> None:
    rng = np.random.default_rng(2)
    logs = np.log10([SCALAR.draw(rng)[0] for _ in range(4000)])
    np.testing.assert_allclose(np.histogram(logs, 4, (-8, -4))[0] / 4000, 0.25, atol=0.03)
    points = np.array([VECTOR.draw(rng) for _ in range(4000)])
    np.testing.assert_allclose(points.mean(axis=0), 1 / 3, atol=0.02)
    np.testing.assert_allclose((points < 0.5).mean(axis=0), 0.75, atol=0.03)  # of the flat Dirichlet distribution


def test_prices_charge_parameters_by_lambda_and_operations_by_the_vector() -> None:
    costs = {"params": np.arange(12, dtype=np.float32).reshape(4, 3)}
    np.testing.assert_allclose(SCALAR.cost_weights(np.array([1e-5]), costs), 1e-5 * costs["params"])
    vector = replace(VECTOR, kappa=8.0).cost_weights(np.array([0.2, 0.3, 0.5]), costs)
    np.testing.assert_allclose(vector, np.tile([0.4, 0.6, 1.0], (4, 1)))


def random_costs(n_rows: int = 4, n_operations: int = 5) -> dict[str, Floats]:
    """Of which some operations are free."""
    rng = np.random.default_rng(3)
    costs = {name: rng.exponential(10.0**k, (n_rows, n_operations)).astype(np.float32)
             for k, name in enumerate(("params", "flops", "latency"))}
    costs["params"][:, 0] = 0
    return costs


def test_the_matrix_of_measures_is_in_units_of_the_operations_mean_whatever_the_units() -> None:
    costs = random_costs()
    matrix = measure_matrix(costs, MEASURED.measures)
    assert matrix.shape == (5, 3)
    np.testing.assert_allclose(matrix.mean(axis=0), 1)
    assert matrix[0, 0] == 0
    np.testing.assert_allclose(measure_matrix({**costs, "flops": 1e-3 * costs["flops"]}, MEASURED.measures), matrix,
                               rtol=1e-6)
    ratio = costs["latency"][:, 3].sum() / costs["latency"][:, 1].sum()
    assert matrix[3, 2] / matrix[1, 2] == pytest.approx(ratio)


def test_operations_are_charged_what_they_cost_by_each_measure() -> None:
    costs, s = random_costs(), np.array([0.2, 0.5, 0.3])
    logits = np.random.default_rng(0).normal(size=(4, 5))
    probabilities = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    expected = 0.0
    for row in probabilities:  # kappa sum_e <softmax(alpha_e), M s>, with the mean over rows in the place of the sum
        for operation, p in enumerate(row):
            for name, share in zip(MEASURED.measures, s, strict=True):
                column = costs[name].sum(axis=0)
                expected += 8.0 / 4 * p * share * column[operation] / column.mean()
    assert float((probabilities * MEASURED.cost_weights(s, costs)).sum()) == pytest.approx(expected, rel=1e-6)


def test_a_measure_by_which_everything_is_free_is_refused() -> None:
    costs = {**random_costs(), "flops": np.zeros((4, 5), np.float32)}
    with pytest.raises(ValueError, match="no operation of this space costs any flops: leave that measure out"):
        measure_matrix(costs, MEASURED.measures)


@pytest.mark.parametrize("measures", [("params",), ("params", "params"), ("params", "seconds"), (1, 2)])
def test_measures_that_are_no_simplex_are_refused(measures: tuple[str, ...]) -> None:
    with pytest.raises(ValueError, match="two or more different measures of params, flops, latency"):
        replace(MEASURED, measures=measures)


def test_descriptions_without_measures_are_as_they_were() -> None:
    assert VECTOR.to_json() == {"kind": "simplex-rbf", "n_operations": 3, "tau": 0.25, "kappa": 10.0}


@pytest.mark.parametrize(("net", "complexity", "sentence"), [
    (SCALAR, [1e-9], "lambda must be from 1e-08 to 0.0001"), (SCALAR, [0.01], "range that was trained, got 0.01"),
    (SCALAR, [float("nan")], "got nan"), (SCALAR, [0.1, 0.9], "one number"),
    (VECTOR, [0.5, 0.5], "expected 3 numbers"), (VECTOR, [0.5, 0.5, 0.5], "sum to 1"),
    (VECTOR, [1.2, -0.2, 0.0], "not negative"), (VECTOR, [float("nan"), 0.5, 0.5], "finite"),
    (Table(), [1e-6], "no complexity"), (MEASURED, [0.5, 0.5], "3 numbers, for params, flops, latency, got 2"),
])
def test_complexity_that_cannot_be_asked_for_is_refused(net: Hypernet, complexity: list[float], sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        net.check(complexity)


def test_complexity_may_be_rounded_and_the_ends_are_in_range() -> None:
    np.testing.assert_allclose(VECTOR.check([0.33, 0.33, 0.33]), 1 / 3)
    for end in (1e-8, 1e-4):
        assert SCALAR.check([end]) == [end]


@pytest.mark.parametrize("make", [
    lambda: PiecewiseLinear(-4, -8), lambda: PiecewiseLinear(-8, -4, 1), lambda: replace(VECTOR, tau=0.0),
    lambda: replace(VECTOR, kappa=-1.0),
])
def test_bad_settings_are_refused(make: object) -> None:
    with pytest.raises(ValueError, match=r"must be|needs"):
        make()  # type: ignore[operator]


def test_the_charge_of_a_vector_is_a_mean_over_rows_or_their_sum() -> None:
    point, costs = np.array([0.2, 0.3, 0.5]), {"params": np.ones((28, 3), np.float32)}
    mean, total = (replace(VECTOR, charge=charge).cost_weights(point, costs) for charge in ("mean", "sum"))
    np.testing.assert_allclose(total, np.tile(10.0 * point, (28, 1)))
    np.testing.assert_allclose(28 * mean, total)
    for net in (VECTOR, replace(VECTOR, charge="sum")):
        assert hypernet_from(json.loads(json.dumps(net.to_json()))) == net
    assert "charge" not in VECTOR.to_json()  # as files have it that came before there was a choice


def test_a_vertex_keeps_so_much_of_its_own_logits_at_each_tau() -> None:
    own = {tau: replace(VECTOR, tau=tau).coefficients(np.eye(3)[2])[2] for tau in (1.0, 0.25)}
    assert own == pytest.approx({1.0: 0.561, 0.25: 0.934}, abs=1e-3)
