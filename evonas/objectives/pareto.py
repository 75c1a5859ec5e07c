"""Pareto arithmetic on plain arrays, with all objectives minimised. The only module that imports moocore and pymoo.

They are imported inside functions, because the import of pymoo takes longer than most commands.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from math import comb
from typing import NamedTuple

import numpy as np

from evonas.types import Doubles, Ints


class Ranking(NamedTuple):
    """Ranks of rows.

    Attributes:
        rank: Non-domination rank, 0 for the best, ``(n,)``.
        crowding: Crowding distance, larger in less crowded regions, ``(n,)``.
    """

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
    """Indices of the feasible, finite rows that no other row dominates, by ascending first column."""
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
    """The corners of the surfaces that at least given percentages of the fronts attain.

    See Grunert da Fonseca 2001 (https://doi.org/10.1007/3-540-44719-9_15) and Fonseca 2011
    (https://doi.org/10.1007/978-3-642-19893-9_8).

    Args:
        fronts: Arrays of shape ``(n, 2)`` with at least one row.
        percentiles: Percentages from 0, the surface that any front attains, to 100, the one that all attain.

    Returns:
        For each percentile an array ``(m, 2)`` by ascending first column; the second descends.
    """
    from moocore import eaf

    sets = np.repeat(np.arange(len(fronts)), [len(front) for front in fronts])
    corners = eaf(np.concatenate(fronts), sets, percentiles=percentiles)
    surfaces = (corners[corners[:, 2] == percentile, :2] for percentile in percentiles)
    return [surface[np.argsort(surface[:, 0], kind="stable")] for surface in surfaces]


def contributions(F: Doubles, front: Doubles, reference: Doubles) -> Doubles:
    """Hypervolume that each row of F alone would add to a front, ``(n,)``.

    Args:
        F: Rows, ``(n, n_objectives)``.
        front: Rows of the front, ``(m, n_objectives)``.
        reference: Reference point, ``(n_objectives,)``.
    """
    before = hypervolume(front, reference)
    return np.array([max(0.0, hypervolume(np.vstack([front, row]), reference) - before) for row in F])


def knee(F: Doubles) -> int:
    """The index of the row of a front that is farthest below the hyperplane through its extremes.

    Each objective is scaled to [0, 1] (Das 1999, https://doi.org/10.1007/s001580050111).
    """
    span = np.ptp(F, axis=0)
    scaled = (F - F.min(axis=0)) / np.where(span > 0, span, 1)
    return int(np.argmin(scaled.sum(axis=1)))


def hypervolume_gains(F: Doubles, front: Doubles, reference: Doubles) -> Doubles:
    """The same values as :func:`contributions`, computed for all rows at once with one or two objectives, ``(n,)``.

    Args:
        F: Rows, ``(n, n_objectives)``.
        front: Rows of the front, ``(m, n_objectives)``.
        reference: Reference point, ``(n_objectives,)``.
    """
    n_objectives = F.shape[1]
    if n_objectives > 2:
        return contributions(F, front, reference)
    F = np.minimum(F, reference)
    if n_objectives == 1:
        best = min(float(reference[0]), *front[:, 0].tolist()) if len(front) else float(reference[0])
        return np.maximum(best - F[:, 0], 0.0)
    inside = front[(front < reference).all(axis=1)]
    corners = inside[np.lexsort((inside[:, 1], inside[:, 0]))]
    # the front's height between two corners is that of the left one, and left of all that of the reference
    edges = np.concatenate([[-np.inf], corners[:, 0], [reference[0]]])
    heights = np.minimum.accumulate(np.concatenate([[reference[1]], corners[:, 1]]))
    width = np.clip(edges[1:], F[:, :1], reference[0]) - np.clip(edges[:-1], F[:, :1], reference[0])
    return np.asarray((width * np.maximum(heights - F[:, 1:], 0.0)).sum(axis=1))


def reference_directions(n_objectives: int, n_most: int) -> Doubles:
    """Evenly spread directions, ``(n, n_objectives)`` (Das 1998, https://doi.org/10.1137/S1052623496307510).

    Their number is the largest possible up to ``n_most``, but at least one for each objective.
    """
    if n_objectives == 1:
        return np.ones((1, 1))
    from pymoo.util.ref_dirs import get_reference_directions

    parts = 1
    while comb(parts + n_objectives, n_objectives - 1) <= n_most:
        parts += 1
    directions: Doubles = get_reference_directions("das-dennis", n_objectives, n_partitions=parts)
    return directions


class Extent(NamedTuple):
    """The range of the objectives seen so far.

    Attributes:
        ideal, worst: The smallest and the largest values so far, ``(n_objectives,)``.
        extreme: The points nearest to the axes so far, ``(n_objectives, n_objectives)``.
    """

    ideal: Doubles
    worst: Doubles
    extreme: Doubles


def niched(
    F: Doubles, n_survivors: int, directions: Doubles, extent: Extent | None, rng: np.random.Generator
) -> tuple[Ints, Extent]:
    """The survivors of NSGA-III (Deb 2014, https://doi.org/10.1109/TEVC.2013.2281535), and the new extent.

    Whole fronts survive; from the front that does not fit, members of the niches with the fewest members are taken.
    Objectives are scaled by the ideal point and the intercepts of the plane through the extreme points.

    Args:
        F: ``(n, n_objectives)``, finite, with ``n >= n_survivors``.
        n_survivors: Number of rows that are kept.
        directions: Directions of the niches, see :func:`reference_directions`.
        extent: The extent returned before; None at first.
        rng: Generator of the choice between niches and between members of a niche.
    """
    from moocore import pareto_rank
    from pymoo.algorithms.moo.nsga3 import HyperplaneNormalization, associate_to_niches

    rank = pareto_rank(F)
    scale = HyperplaneNormalization(F.shape[1])
    if extent is not None:
        scale.ideal_point, scale.worst_point, scale.extreme_points = (each.copy() for each in extent)
    with warnings.catch_warnings():  # pymoo disables all warnings permanently
        scale.update(F, nds=np.flatnonzero(rank == 0))
    known = Extent(scale.ideal_point, scale.worst_point, scale.extreme_points)
    niche, distance, _ = associate_to_niches(F, directions, scale.ideal_point, scale.nadir_point.copy())
    last = int(np.sort(rank)[n_survivors - 1])
    kept = np.flatnonzero(rank < last)
    members = np.bincount(niche[kept], minlength=len(directions))
    waiting = rng.permutation(np.flatnonzero(rank == last))
    chosen: list[int] = []
    while len(kept) + len(chosen) < n_survivors:
        emptiest = niche[waiting][members[niche[waiting]] == members[niche[waiting]].min()]
        target = int(rng.choice(np.unique(emptiest)))
        there = waiting[niche[waiting] == target]
        nearest = int(there[np.argmin(distance[there])] if members[target] == 0 else there[0])
        chosen.append(nearest)
        members[target] += 1
        waiting = waiting[waiting != nearest]
    return np.sort(np.concatenate([kept, np.array(chosen, np.int64)])).astype(np.int64), known
