"""Selection of the survivors of a generation. Failed evaluations never outlive others."""

from __future__ import annotations

from collections.abc import Callable
from types import MappingProxyType
from typing import TypeAlias

import numpy as np

from evonas.objectives.pareto import Ranking, rank_and_crowd
from evonas.types import Doubles, Ints

#: (generations, ids, failed, ranking, n_survivors) -> indices of the survivors; all arrays have one row per member.
Survival: TypeAlias = Callable[[Ints, Ints, np.ndarray, Ranking, int], Ints]


def aging(generations: Ints, ids: Ints, failed: np.ndarray, ranking: Ranking, n_survivors: int) -> Ints:
    """The youngest members survive whatever their rank (Real 2019, https://arxiv.org/abs/1802.01548).

    Args:
        generations: Generations in which members were made, ``(n,)``.
        ids: Ids of the members, ``(n,)``.
        failed: Whether the evaluation failed, ``(n,)``.
        ranking: Rank and crowding distance of the members.
        n_survivors: Number of survivors.
    """
    return _first(np.lexsort((-ids, -generations, failed)), n_survivors)


def aging_dominated(generations: Ints, ids: Ints, failed: np.ndarray, ranking: Ranking, n_survivors: int) -> Ints:
    """The oldest dominated members are removed first; if all are non-dominated, the most crowded ones.

    Args:
        generations: Generations in which members were made, ``(n,)``.
        ids: Ids of the members, ``(n,)``.
        failed: Whether the evaluation failed, ``(n,)``.
        ranking: Rank and crowding distance of the members.
        n_survivors: Number of survivors.
    """
    dominated = ranking.rank > 0
    age = np.where(dominated, -generations, 0)
    crowding = np.where(dominated, 0.0, -ranking.crowding)
    return _first(np.lexsort((-ids, crowding, age, dominated, failed)), n_survivors)


def elitist(generations: Ints, ids: Ints, failed: np.ndarray, ranking: Ranking, n_survivors: int) -> Ints:
    """NSGA-II: the best survive by rank, then by crowding distance (Deb 2002, https://doi.org/10.1109/4235.996017).

    Args:
        generations: Generations in which members were made, ``(n,)``.
        ids: Ids of the members, ``(n,)``.
        failed: Whether the evaluation failed, ``(n,)``.
        ranking: Rank and crowding distance of the members.
        n_survivors: Number of survivors.
    """
    return _first(np.lexsort((ids, -ranking.crowding, ranking.rank, failed)), n_survivors)


def _first(order: np.ndarray, n_survivors: int) -> Ints:
    return np.sort(order[:n_survivors]).astype(np.int64)


SURVIVALS: MappingProxyType[str, Survival] = MappingProxyType(
    {"aging": aging, "aging-dominated": aging_dominated, "elitist": elitist}
)


def survivors(
    survival: Survival, n_survivors: int, *, generations: Ints, ids: Ints, failed: np.ndarray, rungs: Ints, F: Doubles,
    violations: Doubles,
) -> Ints:
    """Indices of the survivors: all from the highest rung first, members of one rung by ``survival``.

    Args:
        survival: Selection within a rung.
        n_survivors: Number of survivors.
        generations: Generations in which members were made, ``(n,)``.
        ids: Ids of the members, ``(n,)``.
        failed: Whether the evaluation failed, ``(n,)``.
        rungs: Rung of each evaluation, ``(n,)``. Only members of one rung are compared, because losses depend on
            budgets.
        F: Objectives, minimised, ``(n, n_objectives)``.
        violations: Violations of the constraints, ``(n,)``.
    """
    chosen = np.empty(0, np.int64)
    for rung in np.unique(rungs)[::-1]:
        peers = np.flatnonzero(rungs == rung)
        ranking = rank_and_crowd(F[peers], violations[peers])
        n_left = n_survivors - len(chosen)
        living = survival(generations[peers], ids[peers], failed[peers], ranking, n_left)
        chosen = np.concatenate([chosen, peers[living]])
    return chosen
