"""Who becomes a parent."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from evonas.objectives.pareto import rank_and_crowd
from evonas.search.parent_selection import (
    CHEAP_SHARE,
    COSTLIER,
    COSTLY_SHARE,
    LAGGING_SHARE,
    PARENT_SELECTIONS,
    REACH,
    Pool,
    exponents_of,
    hopeful,
)
from evonas.types import Doubles


def make_pool(
    F: Doubles, *, logarithmic: bool = True, violation: Doubles | None = None, work: Doubles | None = None
) -> Pool:
    violation = np.zeros(len(F)) if violation is None else violation
    ranking = rank_and_crowd(F, violation)
    costs, work = np.full(F.shape[1] - 1, logarithmic), np.full(len(F), np.nan) if work is None else work
    exponents = exponents_of(F, work)
    return Pool(F, ranking.rank, np.argsort(ranking.order()), np.arange(len(F)), violation, costs, exponents)


def draws(name: str, pool: Pool, n: int = 2000) -> np.ndarray:
    rng = np.random.default_rng(0)
    return np.bincount([PARENT_SELECTIONS[name](pool, rng).parent for _ in range(n)], minlength=len(pool.F)) / n


def crowded_front() -> Doubles:
    """Thirty members in the first tenth of the cost axis, four in the rest."""
    cost = np.concatenate([np.linspace(3, 3.2, 30), [3.5, 4.0, 4.5, 5.0]])
    return np.stack([1 / cost, cost], axis=1)


def test_gap_filling_spreads_parents_over_the_cost_and_not_over_the_members() -> None:
    pool = make_pool(crowded_front(), logarithmic=False)
    sparse_gap, sparse_tournament = (draws(name, pool)[30:].sum() for name in ("front-gap", "tournament"))
    assert sparse_gap > 0.5 > 1.5 * sparse_tournament


def test_gap_filling_takes_the_next_rank_too_and_no_other() -> None:
    F = crowded_front()[::4]
    pool = make_pool(np.concatenate([F + k * 0.001 for k in range(3)]))
    assert set(pool.rank) == {0, 1, 2}
    share = draws("front-gap", pool)
    assert share[pool.rank == 1].sum() > 0.2
    assert share[pool.rank == 2].sum() == 0


def test_gap_filling_knows_any_number_of_costs_and_fronts_of_one() -> None:
    rng = np.random.default_rng(1)
    plane = rng.dirichlet(np.ones(3), size=40)
    assert (draws("front-gap", make_pool(plane)) > 0).mean() > 0.8
    best_two = set(np.argsort(plane[:, 0])[:2].tolist())
    for F, parents in (
        (plane[:1], {0}), (plane[:, :1], best_two), (np.array([[0.5, 3.0], [0.5, 3.0]]), {0, 1}),
        (np.array([[0.5, 3.0], [np.inf, np.inf]]), {0}),
    ):
        assert set(np.flatnonzero(draws("front-gap", make_pool(F), 50)).tolist()) == parents


def targets(pool: Pool, n: int) -> Doubles:
    """Costs of the first kind that children should have."""
    rng = np.random.default_rng(2)
    return np.array([target.costs[0] for _ in range(n) if (target := PARENT_SELECTIONS["front-gap"](pool, rng).target)])


def test_gap_filling_aims_between_neighbours_of_the_front_or_beyond_its_ends() -> None:
    points = targets(make_pool(crowded_front(), logarithmic=False), 9000)
    assert ((points < 3).mean(), (points > 5).mean()) == pytest.approx((CHEAP_SHARE, COSTLY_SHARE), abs=0.02)
    assert 3 - 2 * REACH <= points.min() < 3 - REACH
    assert set(points[points > 5]) == {5 + REACH * 2}


@pytest.mark.parametrize(("logarithmic", "ratio"), [(True, 10**-0.5), (False, 1.0)])
def test_equal_gaps_are_filled_the_more_often_the_cheaper_they_are(logarithmic: bool, ratio: float) -> None:
    F = np.array([[0.4, 3.0], [0.3, 3.5], [0.2, 4.0], [0.1, 4.5]])
    points = targets(make_pool(F, logarithmic=logarithmic), 9000)
    inside = np.histogram(points, [3.0, 3.5, 4.0, 4.5])[0] / len(points)
    np.testing.assert_allclose(inside[1:] / inside[:-1], [ratio, ratio], rtol=0.1)


def test_half_of_the_time_goes_to_all_sizes_alike_and_half_to_where_hypervolume_is_to_be_won() -> None:
    F = np.array([[0.4, 3.0], [0.1, 4.0], [0.1 - 1e-9, 6.0]])
    points = targets(make_pool(F, logarithmic=False), 9000)
    steep, flat = np.histogram(points, [3.0, 4.0, 6.0])[0] / ((points >= 3) & (points <= 6)).sum()
    assert (steep, flat) == pytest.approx((0.5 / 3 + 0.5, 1 / 3), abs=0.02)


@pytest.mark.parametrize(("lag", "reach"), [(0.8, 0.8), (0.05, REACH)])
def test_where_larger_networks_are_not_better_yet_the_dearest_of_the_front_grows_that_far(
    lag: float, reach: float
) -> None:
    F = np.array([[0.3, 3.0], [0.2, 4.0], [0.25, 4.0 + 0.7 * lag], [0.26, 4.0 + lag]])
    rng = np.random.default_rng(3)
    choices = [PARENT_SELECTIONS["front-gap"](make_pool(F, logarithmic=False), rng) for _ in range(1500)]
    costly = [choice for choice in choices if choice.target is not None and choice.target.costs[0] > 4]
    assert len(costly) / len(choices) == pytest.approx(LAGGING_SHARE, abs=0.04)
    np.testing.assert_allclose([choice.target.costs[0] for choice in costly if choice.target is not None], 4 + reach)
    assert {choice.parent for choice in costly} == {1}


def test_what_a_trial_takes_is_learnt_from_the_trials() -> None:
    cost = 3 + np.linspace(0, 1, 11)
    F = np.stack([1 - cost / 10, cost], axis=1)
    shares = []
    for exponent in (1.0, 0.5):
        points = targets(make_pool(F, work=1e9 * 10 ** (exponent * cost)), 9000)
        shares.append(np.mean((points > 3.9) & (points < 4)) / np.mean((points > 3) & (points < 3.1)))
    assert shares == pytest.approx([10**-0.9, 10**-0.45], rel=0.2)
    few = make_pool(F[:5], work=10 ** (0.5 * cost[:5]))
    np.testing.assert_array_equal(targets(few, 50), targets(make_pool(F[:5]), 50))


def test_of_neighbours_the_one_whose_child_promises_least_is_no_parent() -> None:
    good = np.array([[0.9, 3.0], [0.5, 4.0], [0.1, 5.0]])
    late = np.array([[0.49, 4.6], [0.485, 4.7], [0.48, 4.8], [0.475, 4.9]])  # on the front, each no better than 4.0
    pool = make_pool(np.concatenate([good, late]), logarithmic=False)
    rng = np.random.default_rng(0)
    choices = [PARENT_SELECTIONS["front-gap"](pool, rng) for _ in range(1000)]
    parents = np.bincount([c.parent for c in choices if c.target and 4.85 < c.target.costs[0] < 5], minlength=7)
    assert parents[2] == parents.sum() > 20


@pytest.mark.parametrize("decades", [0.5, 1.0, 2.0])
def test_beyond_both_ends_goes_the_same_share_of_the_time_however_far_apart_they_are(decades: float) -> None:
    cost = 3 + decades * np.linspace(0, 1, 101)
    points = targets(make_pool(np.stack([1 - cost / 10, cost], axis=1)), 20_000)
    below, above = points < cost[0], points > cost[-1]
    seconds = np.where(above, 10 ** cost[-1], np.where(below, 10 ** cost[0], 10**points))
    assert seconds[above].sum() / seconds.sum() == pytest.approx(COSTLY_SHARE, abs=0.04)
    assert seconds[below].sum() / seconds.sum() == pytest.approx(CHEAP_SHARE, abs=0.01)


def test_of_the_dearest_the_best_becomes_the_parent_of_those_beyond() -> None:
    F = np.array([[0.3, 3.0, 2.0], [0.1, 4.0, 3.0], [0.2, 3.5, 3.0]])
    rng, pool = np.random.default_rng(6), make_pool(F, logarithmic=False)
    choices = [PARENT_SELECTIONS["front-gap"](pool, rng) for _ in range(500)]
    beyond = {choice.parent for choice in choices if choice.target is not None and choice.target.costs[1] > 3}
    assert beyond == {1}


def test_members_that_break_a_constraint_draw_nothing_beyond_the_costly_end() -> None:
    F = np.array([[0.3, 3.0], [0.2, 4.0], [0.25, 5.0]])
    pool = make_pool(F, logarithmic=False, violation=np.array([0.0, 0.0, 0.5]))
    points = targets(pool, 3000)
    assert set(points[points > 4]) == {4 + REACH}
    assert (points > 4).mean() == pytest.approx(COSTLY_SHARE, abs=0.03)


@pytest.mark.parametrize("logarithmic", [True, False])
def test_parents_cost_a_little_more_than_their_children_should(logarithmic: bool) -> None:
    rng = np.random.default_rng(5)
    F = np.stack([1 - np.arange(101) / 200, np.arange(101) / 100], axis=1)
    pool = make_pool(F, logarithmic=logarithmic)
    choices = [PARENT_SELECTIONS["front-gap"](pool, rng) for _ in range(500)]
    inside = [(c.parent, c.target.costs[0]) for c in choices if c.target and 0 < c.target.costs[0] < 0.9]
    more = [F[parent, 1] - cost for parent, cost in inside]
    assert len(more) > 300
    least, most = np.log10(COSTLIER) if logarithmic else (0, 0)
    np.testing.assert_allclose(np.mean(more), (least + most) / 2, atol=0.01)
    assert min(more) >= least - 0.021
    assert max(more) <= most + 0.021
    assert np.std(more) > 0.04 or not logarithmic


def test_founders_far_behind_others_of_their_cost_are_hopeless() -> None:
    F = np.array([[0.50, 3.0], [0.49, 3.0], [0.32, 5.0], [0.38, 5.05], [0.34, 4.95], [0.48, 4.0]])
    assert hopeful(F).tolist() == [True, True, True, False, True, True]
    assert hopeful(F[:, :1]).all()
    assert hopeful(np.tile(F, (1, 2))[:, :3]).all()
    assert hopeful(F[:1]).all()


def test_a_tournament_of_the_living_knows_no_archive() -> None:
    F = np.array([[0.1, 1.0], [0.3, 2.0], [0.2, 3.0], [0.4, 4.0]])
    pool = replace(make_pool(F), living=np.array([1, 2, 3]))  # the first is dead, and dominates all others
    share = draws("living-tournament", pool)
    assert share[0] == 0
    # ranks among the living: 1 and 2 are the front, 3 is dominated and wins only if it meets itself twice
    assert share[3] == pytest.approx((1 / 3) ** 3, abs=0.02)
    assert draws("tournament", pool)[0] > 0.1
    share = draws("binary-tournament", pool)
    assert share[0] == 0
    assert share[3] == pytest.approx((1 / 3) ** 2, abs=0.02)
