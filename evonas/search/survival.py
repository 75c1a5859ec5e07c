"""Who survives a generation. Failed evaluations never outlive others."""

from __future__ import annotations

from collections.abc import Callable
from types import MappingProxyType
from typing import TypeAlias

import numpy as np

from evonas.pareto import Ranking, rank_and_crowd
from evonas.types import Doubles, Ints

#: (births, ids, failed, ranking, n_survivors) -> indices of the survivors; all arrays have one row a member.
Survival: TypeAlias = Callable[[Ints, Ints, np.ndarray, Ranking, int], Ints]


def aging(births: Ints, ids: Ints, failed: np.ndarray, ranking: Ranking, n_survivors: int) -> Ints:
    """The oldest die whatever their rank (Real 2019, https://arxiv.org/abs/1802.01548)."""
    return _first(np.lexsort((-ids, -births, failed)), n_survivors)


def aging_dominated(births: Ints, ids: Ints, failed: np.ndarray, ranking: Ranking, n_survivors: int) -> Ints:
    """The oldest dominated members die first; where all are non-dominated, the most crowded."""
    dominated = ranking.rank > 0
    age = np.where(dominated, -births, 0)
    crowding = np.where(dominated, 0.0, -ranking.crowding)
    return _first(np.lexsort((-ids, crowding, age, dominated, failed)), n_survivors)


def elitist(births: Ints, ids: Ints, failed: np.ndarray, ranking: Ranking, n_survivors: int) -> Ints:
    """NSGA-II: by rank, then by crowding distance (Deb 2002, https://doi.org/10.1109/4235.996017)."""
    return _first(np.lexsort((ids, -ranking.crowding, ranking.rank, failed)), n_survivors)


def _first(order: np.ndarray, n_survivors: int) -> Ints:
    return np.sort(order[:n_survivors]).astype(np.int64)


SURVIVALS: MappingProxyType[str, Survival] = MappingProxyType(
    {"aging": aging, "aging-dominated": aging_dominated, "elitist": elitist}
)


def survivors(
    survival: Survival, n_survivors: int, *, births: Ints, ids: Ints, failed: np.ndarray, rungs: Ints, F: Doubles,
    violations: Doubles,
) -> Ints:
    """Indices of those who live on: all from the highest rung first, members of one rung by ``survival``.

    Args:
        births: ``(n,)``, like all arrays; ``F`` is ``(n, n_objectives)``.
        rungs: What is compared is of one rung: budgets decide how good a member looks.
    """
    chosen = np.empty(0, np.int64)
    for rung in np.unique(rungs)[::-1]:
        peers = np.flatnonzero(rungs == rung)
        ranking = rank_and_crowd(F[peers], violations[peers])
        n_left = n_survivors - len(chosen)
        chosen = np.concatenate([chosen, peers[survival(births[peers], ids[peers], failed[peers], ranking, n_left)]])
    return chosen
