"""Who becomes a parent."""

from __future__ import annotations

import numpy as np

from evonas.pareto import rank_and_crowd
from evonas.search.parents import PARENTS, Pool
from evonas.types import Doubles


def make_pool(F: Doubles) -> Pool:
    ranking = rank_and_crowd(F)
    return Pool(F, ranking.rank, np.argsort(ranking.order()), np.arange(len(F)))


def draws(name: str, pool: Pool, n: int = 2000) -> np.ndarray:
    rng = np.random.default_rng(0)
    return np.bincount([PARENTS[name](pool, rng) for _ in range(n)], minlength=len(pool.F)) / n


def crowded_front() -> Doubles:
    """Thirty members in the first tenth of the cost axis, four in the rest."""
    cost = np.concatenate([np.linspace(3, 3.2, 30), [3.5, 4.0, 4.5, 5.0]])
    return np.stack([1 / cost, cost], axis=1)


def test_gap_filling_spreads_parents_over_the_cost_and_not_over_the_members() -> None:
    pool = make_pool(crowded_front())
    sparse_gap, sparse_tournament = (draws(name, pool)[30:].sum() for name in ("gap", "tournament"))
    assert sparse_gap > 0.6 > sparse_tournament


def test_gap_filling_takes_the_next_rank_too_but_no_other() -> None:
    F = crowded_front()[::4]
    pool = make_pool(np.concatenate([F + k * 0.001 for k in range(3)]))
    assert set(pool.rank) == {0, 1, 2}
    share = draws("gap", pool)
    assert share[pool.rank == 1].sum() > 0.2
    assert share[pool.rank == 2].sum() == 0


def test_gap_filling_knows_any_number_of_costs_and_fronts_of_one() -> None:
    rng = np.random.default_rng(1)
    plane = rng.dirichlet(np.ones(3), size=40)
    assert (draws("gap", make_pool(plane)) > 0).mean() > 0.8
    best_two = set(np.argsort(plane[:, 0])[:2].tolist())
    for F, parents in (
        (plane[:1], {0}), (plane[:, :1], best_two), (np.array([[0.5, 3.0], [0.5, 3.0]]), {0, 1}),
        (np.array([[0.5, 3.0], [np.inf, np.inf]]), {0}),
    ):
        assert set(np.flatnonzero(draws("gap", make_pool(F), 50)).tolist()) == parents
