"""Ranks, fronts, hypervolume and knee against brute force."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from evonas.objectives.pareto import attainment_surfaces, front, hypervolume, knee, rank_and_crowd
from evonas.types import Doubles

points = arrays(np.float64, st.tuples(st.integers(1, 24), st.just(2)), elements=st.integers(0, 8).map(float))


def dominates(a: Doubles, b: Doubles) -> bool:
    return bool((a <= b).all() and (a < b).any())


@given(points)
@settings(max_examples=60)
def test_front_holds_exactly_the_rows_that_nothing_dominates(F: Doubles) -> None:
    expected = {i for i, a in enumerate(F) if not any(dominates(b, a) for b in F)}
    assert set(front(F).tolist()) == expected
    assert set(np.flatnonzero(rank_and_crowd(F).rank == 0).tolist()) == expected


@given(points)
@settings(max_examples=60)
def test_a_dominated_row_has_a_worse_rank_than_the_row_that_dominates_it(F: Doubles) -> None:
    rank = rank_and_crowd(F).rank
    for i, a in enumerate(F):
        for j, b in enumerate(F):
            assert not dominates(a, b) or rank[i] < rank[j]


@given(points, st.integers(0, 2**32))
@settings(max_examples=40)
def test_hypervolume_equals_the_count_of_dominated_cells(F: Doubles, seed: int) -> None:
    cells = np.stack(np.meshgrid(np.arange(9), np.arange(9)), -1).reshape(-1, 2)
    dominated = sum(any((cell >= row).all() for row in F) for cell in cells)
    assert hypervolume(F, np.array([9.0, 9.0])) == pytest.approx(dominated)


def test_boundary_members_have_infinite_crowding_distance() -> None:
    F = np.array([[0.0, 4.0], [1.0, 2.0], [2.0, 1.5], [4.0, 0.0]])
    assert np.isinf(rank_and_crowd(F).crowding).tolist() == [True, False, False, True]


def test_infeasible_rows_rank_behind_all_feasible_ones_by_violation() -> None:
    F = np.array([[9.0, 9.0], [0.0, 0.0], [0.0, 0.0], [8.0, 9.0]])
    rank = rank_and_crowd(F, np.array([0.0, 2.0, 1.0, 0.0])).rank
    assert rank[3] < rank[0] < rank[2] < rank[1]


def test_failed_rows_rank_last_and_are_never_in_the_front() -> None:
    F = np.array([[np.inf, np.inf], [1.0, 1.0], [2.0, 2.0]])
    ranking = rank_and_crowd(F, np.array([np.inf, 0.0, 5.0]))
    assert ranking.order().tolist() == [1, 2, 0]
    assert front(F).tolist() == [1]
    assert front(F[:1]).tolist() == []


def test_rows_beyond_the_reference_add_no_hypervolume() -> None:
    assert hypervolume(np.array([[2.0, 2.0]]), np.array([1.0, 3.0])) == 0.0


@given(st.lists(points, min_size=1, max_size=6))
@settings(max_examples=40)
def test_a_surface_dominates_the_cells_that_so_large_a_share_of_fronts_dominates(fronts: list[Doubles]) -> None:
    cells = np.stack(np.meshgrid(np.arange(9), np.arange(9)), -1).reshape(-1, 2)
    attained = np.mean([[any((cell >= row).all() for row in F) for cell in cells] for F in fronts], axis=0)
    for percentile, surface in zip((0, 50, 100), attainment_surfaces(fronts, (0, 50, 100)), strict=True):
        within = np.array([any((cell >= corner).all() for corner in surface) for cell in cells])
        np.testing.assert_array_equal(within, (attained > 0) & (attained >= percentile / 100))
        assert (np.diff(surface, axis=0) * [1, -1] > 0).all()


def test_knee_is_the_corner_of_an_angular_front() -> None:
    F = np.array([[0.0, 10.0], [1.0, 1.0], [10.0, 0.0]])
    assert knee(F) == 1
