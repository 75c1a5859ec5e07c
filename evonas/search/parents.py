"""Who becomes a parent."""

from __future__ import annotations

from collections.abc import Callable
from types import MappingProxyType
from typing import NamedTuple, TypeAlias

import numpy as np

from evonas.types import Doubles, Ints

#: A tournament's size, and the probability that a parent is drawn from the front without one.
CONTESTANTS, FRONT_SHARE = 3, 0.2
#: So many members are near enough to fill a gap, and so large a share of the gaps is beyond the ends of the front.
NEIGHBOURS, END_SHARE = 4, 0.2


class Pool(NamedTuple):
    """Who may be a parent: the archive and the living population, each member once.

    Attributes:
        F: Objectives, minimised, ``(n, n_objectives)``: the first is the quality, all others are costs.
        rank: Non-domination rank, ``(n,)``.
        place: From 0 for the best by rank and crowding distance, ``(n,)``.
        living: Indices of the population.
    """

    F: Doubles
    rank: Ints
    place: Ints
    living: Ints


#: (pool, rng) -> index of the parent.
Parents: TypeAlias = Callable[[Pool, np.random.Generator], int]


def tournament(pool: Pool, rng: np.random.Generator) -> int:
    """The best of a few of the population, now and then any of the front (Deb 2002)."""
    if rng.random() < FRONT_SHARE:
        return int(rng.choice(np.flatnonzero(pool.rank == 0)))
    contestants = rng.choice(pool.living, CONTESTANTS)
    return int(contestants[np.argmin(pool.place[contestants])])


def gap(pool: Pool, rng: np.random.Generator) -> int:
    """One of the members of the first two ranks whose costs are nearest to those of a random point along the front.

    Along one of the costs, drawn uniformly, the front's neighbours have gaps between them. A gap is drawn in proportion
    to its area, the hypervolume that is to be won in it: difference in cost times difference in quality; and in it a
    point. Now and then the point is an end of the front, beyond which there may be more.
    """
    near, front = np.flatnonzero(pool.rank <= 1), np.flatnonzero(pool.rank == 0)
    span = np.ptp(pool.F[front], axis=0)
    F = pool.F / np.where(span > 0, span, 1)
    distance = ((F[near, 1:] - _point(F[front], rng)) ** 2).sum(axis=1)
    return int(rng.choice(near[np.argsort(distance, kind="stable")[:NEIGHBOURS]]))


def _point(F: Doubles, rng: np.random.Generator) -> Doubles:
    """Costs ``(n_costs,)`` of a point between two neighbours, or at an end, of a front ``(n, n_objectives)``."""
    if F.shape[1] == 1:
        return np.asarray(F[0, 1:])
    axis = int(rng.integers(1, F.shape[1]))
    F = F[np.argsort(F[:, axis], kind="stable")]
    areas = np.abs(np.diff(F[:, axis]) * np.diff(F[:, 0]))
    if rng.random() < END_SHARE or not areas.any():
        return np.asarray(F[rng.integers(2) - 1, 1:])
    i = int(rng.choice(len(areas), p=areas / areas.sum()))
    return np.asarray(F[i, 1:] + rng.random() * (F[i + 1, 1:] - F[i, 1:]))


PARENTS: MappingProxyType[str, Parents] = MappingProxyType({"gap": gap, "tournament": tournament})
