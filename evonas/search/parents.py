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
    """One of the members of the first two ranks that are nearest to a random point along the front.

    Along one of the costs, drawn uniformly, the front's neighbours have gaps between them; a gap is drawn in proportion
    to its width, and in it a point. So every order of magnitude of a cost gets the same share of parents, however
    many members the front has there. Now and then the point is an end of the front, beyond which there is more to find.
    """
    near, front = np.flatnonzero(pool.rank <= 1), np.flatnonzero(pool.rank == 0)
    span = np.ptp(pool.F[front, 1:], axis=0)
    costs = pool.F[:, 1:] / np.where(span > 0, span, 1)
    distance = ((costs[near] - _point(costs[front], rng)) ** 2).sum(axis=1)
    return int(rng.choice(near[np.argsort(distance, kind="stable")[:NEIGHBOURS]]))


def _point(costs: Doubles, rng: np.random.Generator) -> Doubles:
    """A point ``(n_costs,)`` on the line between two neighbours, or an end, of a front ``(n, n_costs)``."""
    if not costs.shape[1]:
        return np.asarray(costs[0])
    axis = int(rng.integers(costs.shape[1]))
    costs = costs[np.argsort(costs[:, axis], kind="stable")]
    widths = np.diff(costs[:, axis])
    if rng.random() < END_SHARE or not widths.any():
        return np.asarray(costs[rng.integers(2) - 1])
    i = int(rng.choice(len(widths), p=widths / widths.sum()))
    return np.asarray(costs[i] + rng.random() * (costs[i + 1] - costs[i]))


PARENTS: MappingProxyType[str, Parents] = MappingProxyType({"gap": gap, "tournament": tournament})
