"""Pareto arithmetic on plain arrays, everything minimised. The only module that imports moocore and pymoo.

It does so where they are needed: the import of pymoo takes longer than most commands.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from evonas.types import Doubles, Ints


class Ranking(NamedTuple):
    """Non-domination rank (0 is best) and crowding distance (larger is lonelier), each of shape ``(n,)``."""

    rank: Ints
    crowding: Doubles

    def order(self) -> Ints:
        """Indices from best to worst: by rank, then by larger crowding distance, then by index."""
        return np.lexsort((-self.crowding, self.rank)).astype(np.int64)


def rank_and_crowd(F: Doubles, violations: Doubles | None = None) -> Ranking:
    """Constrained non-dominated sorting (Deb 2002, https://doi.org/10.1109/4235.996017).

    Args:
        F: ``(n, n_objectives)``; a row with a value that is not finite ranks behind all others.
        violations: ``(n,)``; rows above 0 rank behind all feasible rows, by violation.
    """
    from moocore import pareto_rank
    from pymoo.operators.survival.rank_and_crowding.metrics import get_crowding_function

    violations = np.zeros(len(F)) if violations is None else violations
    finite = np.isfinite(F).all(axis=1)
    feasible = np.flatnonzero(finite & (violations <= 0))
    rank = np.full(len(F), 2 * len(F), dtype=np.int64)
    crowding = np.zeros(len(F))
    level = -1
    if len(feasible):
        distance = get_crowding_function("cd")
        levels = pareto_rank(F[feasible])
        rank[feasible], level = levels, int(levels.max())
        for peers in (feasible[levels == i] for i in range(level + 1)):
            crowding[peers] = distance.do(F[peers])
    infeasible = np.flatnonzero(finite & (violations > 0))
    rank[infeasible] = level + 1 + np.unique(violations[infeasible], return_inverse=True)[1]
    return Ranking(rank, crowding)


def front(F: Doubles, violations: Doubles | None = None) -> Ints:
    """Indices of the feasible, finite rows that no other dominates, by ascending first column."""
    from moocore import is_nondominated

    usable = np.isfinite(F).all(axis=1) & ((violations <= 0) if violations is not None else True)
    candidates = np.flatnonzero(usable)
    if not len(candidates):
        return candidates.astype(np.int64)
    best = candidates[is_nondominated(F[candidates], keep_weakly=True)]
    order: Ints = np.lexsort(F[best].T[::-1])
    return np.asarray(best[order], np.int64)


def hypervolume(F: Doubles, reference: Doubles) -> float:
    """Volume that the rows of F dominate up to ``reference`` (Zitzler 1999, https://doi.org/10.1109/4235.797969)."""
    from moocore import hypervolume as exact

    inside = F[np.isfinite(F).all(axis=1) & (reference > F).all(axis=1)]
    return float(exact(inside, ref=reference)) if len(inside) else 0.0


def attainment_surfaces(fronts: Sequence[Doubles], percentiles: Sequence[float]) -> list[Doubles]:
    """What at least a percentage of the fronts attains, as the corners of a surface (Grunert da Fonseca 2001,
    https://doi.org/10.1007/3-540-44719-9_15; Fonseca 2011, https://doi.org/10.1007/978-3-642-19893-9_8).

    Args:
        fronts: Each of shape ``(n, 2)``, with a row at least.
        percentiles: From 0, which is what any front attains, to 100, which is what all do.

    Returns:
        For each percentile an array ``(m, 2)`` by ascending first column; the second descends.
    """
    from moocore import eaf

    sets = np.repeat(np.arange(len(fronts)), [len(front) for front in fronts])
    corners = eaf(np.concatenate(fronts), sets, percentiles=percentiles)
    surfaces = (corners[corners[:, 2] == percentile, :2] for percentile in percentiles)
    return [surface[np.argsort(surface[:, 0], kind="stable")] for surface in surfaces]


def contributions(F: Doubles, front: Doubles, reference: Doubles) -> Doubles:
    """Hypervolume that each row of F ``(n, n_objectives)`` alone would add to a front, shape ``(n,)``."""
    before = hypervolume(front, reference)
    return np.array([max(0.0, hypervolume(np.vstack([front, row]), reference) - before) for row in F])


def knee(F: Doubles) -> int:
    """The row of a front that is farthest below the hyperplane through its extremes (Das 1999,
    https://doi.org/10.1007/s001580050111), each objective scaled to [0, 1]."""
    span = np.ptp(F, axis=0)
    scaled = (F - F.min(axis=0)) / np.where(span > 0, span, 1)
    return int(np.argmin(scaled.sum(axis=1)))
