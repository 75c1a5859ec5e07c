"""Where inputs lie, and that absent edges are drawn by the law."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from search_spaces.neuron import edge_sampling
from search_spaces.neuron.distance import DistanceLaw, edge_lengths, input_positions
from search_spaces.neuron.edge_sampling import AbsentEdges, layer_members
from search_spaces.neuron.genotype import FIRST_HIDDEN_ID, NeuronGenotype
from search_spaces.neuron.layering import arrange
from tests.search_spaces.neuron.reference import random_genotype

seeds = st.integers(0, 2**32 - 1)


def unwired(
    shape: tuple[int, ...], positions: list[tuple[float, float]], edges: list[tuple[int, int]]
) -> NeuronGenotype:
    """One hidden layer at given places, one output."""
    n = len(positions)
    return arrange(
        int(np.prod(shape)), 1, ids=np.arange(n) + FIRST_HIDDEN_ID, layers=np.ones(n, np.int64),
        positions=np.array(positions, np.float32), edges=np.array(edges, np.int64).reshape(-1, 2),
    )


def test_channels_of_a_pixel_share_its_position() -> None:
    positions = input_positions((3, 2, 4))
    assert positions[:8].tolist() == [[0, 0], [0, 1], [0, 2], [0, 3], [1, 0], [1, 1], [1, 2], [1, 3]]
    np.testing.assert_array_equal(positions[8:16], positions[:8])
    np.testing.assert_array_equal(positions[16:], positions[:8])


def test_features_lie_on_a_line() -> None:
    assert input_positions((3,)).tolist() == [[0, 0], [0, 1], [0, 2]]


@pytest.mark.parametrize(("shape", "factor"), [((1, 28, 28), 1), ((3, 14, 7), 0.5), ((56,), 2)])
def test_the_scale_grows_with_the_layer_and_the_grid(shape: tuple[int, ...], factor: float) -> None:
    genotype = random_genotype(np.random.default_rng(0), n_inputs=int(np.prod(shape)), layers=(3, 3))
    law = DistanceLaw(shape, base=4.0, slope=1.5)
    assert law.scales(genotype).tolist() == [4 * factor, 5.5 * factor, 7 * factor, np.inf]


def test_the_strength_divides_the_scale_and_0_makes_all_edges_equally_likely() -> None:
    genotype = random_genotype(np.random.default_rng(0), n_inputs=16, layers=(3, 3))
    assert DistanceLaw((1, 4, 4), strength=2).scale(genotype, 1) == DistanceLaw((1, 4, 4)).scale(genotype, 1) / 2
    assert np.isinf(DistanceLaw((1, 4, 4), strength=0).scales(genotype)).all()


def test_new_neurons_lie_within_the_grid() -> None:
    law = DistanceLaw((1, 5, 9))
    positions = law.random_positions(500, np.random.default_rng(0))
    assert positions.min() >= 0
    assert (positions.max(axis=0) <= [4, 8]).all()
    assert (positions.max(axis=0) > [3, 6]).all()
    assert not DistanceLaw((9,)).random_positions(5, np.random.default_rng(0))[:, 0].any()


@pytest.mark.parametrize("by", ["race", "rejection", "rejection in rounds"])
@pytest.mark.parametrize("k", [1, 4])
def test_edges_are_drawn_with_the_probabilities_of_the_law(by: str, k: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(edge_sampling, "MANY", 10**9 if by == "race" else 0)
    monkeypatch.setattr(edge_sampling, "MOST_PROPOSALS", 10)
    monkeypatch.setattr(edge_sampling, "LEAST_ROUND", 1 if by == "rejection in rounds" else 100)
    genotype = unwired((1, 5, 5), [(0.0, 0.0), (2.0, 3.5)], [(0, 25), (7, 26), (25, 27), (26, 27)])
    law = DistanceLaw((1, 5, 5), base=4.0, slope=1.5)
    absent = AbsentEdges(genotype, law)
    sources, targets, rng = layer_members(genotype, 0), layer_members(genotype, 1), np.random.default_rng(0)

    n_draws = 4000
    counts = np.zeros((25, 2))
    for _ in range(n_draws):
        drawn = absent.draw(sources, targets, k, rng)
        counts[drawn[:, 0], drawn[:, 1] - 25] += 1

    distances = edge_lengths(law.positions(genotype), sources[:, None], targets[None, :])
    weights = np.exp(-distances / (5.5 * 5 / 28))
    weights[0, 0] = weights[7, 1] = 0  # these are there
    expected = successive_inclusion(weights.reshape(-1), k).reshape(25, 2)
    deviation = np.abs(counts / n_draws - expected) / np.sqrt(np.maximum(expected * (1 - expected), 1e-4) / n_draws)
    assert deviation.max() < 5


def successive_inclusion(weights: np.ndarray[tuple[int], np.dtype[np.float64]], k: int) -> np.ndarray[
    tuple[int], np.dtype[np.float64]
]:
    """Probability of each item to be among the first k drawn one after the other by weight (integrated numerically).

    An item with rate w rings at an exponential time; it is among the first k if fewer than k others rang before.
    """
    if k == 1:
        return weights / weights.sum()
    rng = np.random.default_rng(1)
    with np.errstate(divide="ignore"):
        times = rng.standard_exponential((100_000, len(weights))) / weights
    first = np.argsort(times, axis=1)[:, :k]
    return np.bincount(first.reshape(-1), minlength=len(weights)) / len(times)


def test_edges_into_the_output_layer_are_uniform() -> None:
    genotype = unwired((1, 5, 5), [(0.0, 0.0), (4.0, 4.0)], [(0, 25), (25, 27), (26, 27)])
    absent, rng = AbsentEdges(genotype, DistanceLaw((1, 5, 5), base=0.1)), np.random.default_rng(0)
    drawn = np.concatenate([absent.draw(np.arange(25), np.array([27]), 1, rng) for _ in range(2500)])
    assert np.bincount(drawn[:, 0], minlength=25).min() > 60


@settings(max_examples=40)
@given(seeds, st.integers(0, 200), st.sampled_from([0, 1 << 16]))
def test_drawn_edges_are_absent_distinct_and_as_many_as_there_are(seed: int, k: int, many: int) -> None:
    rng = np.random.default_rng(seed)
    genotype = random_genotype(rng, n_inputs=16, layers=(6, 5), density=rng.random())
    pair = layer_members(genotype, 0), layer_members(genotype, 1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(edge_sampling, "MANY", many)
        drawn = AbsentEdges(genotype, DistanceLaw((1, 4, 4))).draw(*pair, k, rng)
    there = {(s, t) for s, t in genotype.edges.tolist() if s in pair[0] and t in pair[1]}
    new = set(map(tuple, drawn.tolist()))
    assert len(new) == len(drawn) == min(k, len(pair[0]) * len(pair[1]) - len(there))
    assert not new & there
    assert all(s in pair[0] and t in pair[1] for s, t in new)


def test_a_race_in_chunks_draws_by_the_law_too(monkeypatch: pytest.MonkeyPatch) -> None:
    genotype = unwired((1, 5, 5), [(0.0, 0.0), (2.0, 2.0), (4.0, 4.0)], [(0, 25)])
    law, pair = DistanceLaw((1, 5, 5)), (np.arange(25), np.array([25, 26, 27]))

    def mean_length() -> float:
        rng, absent = np.random.default_rng(0), AbsentEdges(genotype, law)
        drawn = np.concatenate([absent.draw(*pair, 10, rng) for _ in range(300)])
        return float(edge_lengths(law.positions(genotype), *drawn.T).mean())

    whole = mean_length()
    monkeypatch.setattr(edge_sampling, "RACE_CHUNK", 25)
    assert mean_length() == pytest.approx(whole, rel=0.05)
