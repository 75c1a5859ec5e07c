"""Who becomes a parent, and what its child should cost."""

from __future__ import annotations

from collections.abc import Callable
from types import MappingProxyType
from typing import NamedTuple, TypeAlias

import numpy as np

from evonas.types import Doubles, Ints

#: A tournament's size, and the probability that a parent is drawn from the front without one.
CONTESTANTS, FRONT_SHARE = 3, 0.2
#: So many members are near enough to fill a gap.
NEIGHBOURS = 4
#: So large shares of the gaps are beyond the cheap and the dear end of the front, by up to a share of its span.
CHEAP_SHARE, DEAR_SHARE, REACH = 0.03, 0.08, 0.15
#: Where members cost more than the dearest of the front by a share of its span, more gaps are there, up to the dearest
#: of all; else networks of 20 000 edges are never trained for as long as small ones, and on Fashion-MNIST the front
#: ends at 12 000. With as many where the front has no such lag, they took two thirds of a run's compute.
LAG, LAGGING_SHARE = 0.03, 0.16
#: So large a share of the parents beyond the dear end are the dearest member itself: where accuracy grows by less than
#: its noise, what a smaller network has learned counts for more than the size of one that was trained less.
END_SHARE = 0.5


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


class Aim(NamedTuple):
    """What a child should cost.

    Attributes:
        costs: Shape ``(n_objectives - 1,)``.
        scale: Differences in each cost that count as equal, ``(n_objectives - 1,)``.
    """

    costs: Doubles
    scale: Doubles


class Choice(NamedTuple):
    """A parent, by its index, and what its child should cost; None for anything."""

    parent: int
    aim: Aim | None = None


Parents: TypeAlias = Callable[[Pool, np.random.Generator], Choice]


def tournament(pool: Pool, rng: np.random.Generator) -> Choice:
    """The best of a few of the population, now and then any of the front (Deb 2002)."""
    if rng.random() < FRONT_SHARE:
        return Choice(int(rng.choice(np.flatnonzero(pool.rank == 0))))
    contestants = rng.choice(pool.living, CONTESTANTS)
    return Choice(int(contestants[np.argmin(pool.place[contestants])]))


def gap(pool: Pool, rng: np.random.Generator) -> Choice:
    """One of the members of the first two ranks whose costs are nearest to those of a random point along the front.

    Along one of the costs, drawn uniformly, the front's neighbours have gaps between them. A gap is drawn in proportion
    to its area, the hypervolume that is to be won in it: difference in cost times difference in quality; and in it a
    point. The child should be there. Now and then the point is beyond an end of the front: below the cheapest member,
    or among those that cost more than the dearest and are not better yet. They are as a rule larger networks that have
    been trained for a shorter time: any of them may be the parent, or the dearest member itself.
    """
    front = np.flatnonzero(pool.rank == 0)
    span = np.ptp(pool.F[front], axis=0)
    span = np.where(span > 0, span, 1)
    F = pool.F / span
    near, point = np.flatnonzero(pool.rank <= 1), _between(F[front], rng)
    if F.shape[1] > 1:
        axis, draw = int(rng.integers(1, F.shape[1])), rng.random()
        able = np.flatnonzero(np.isfinite(F).all(axis=1))
        lag = F[able, axis].max() - F[front, axis].max()
        if draw < CHEAP_SHARE:
            point = _beyond(F[front], axis, -REACH, rng)
        elif draw < CHEAP_SHARE + (LAGGING_SHARE if lag > LAG else DEAR_SHARE):
            point = _beyond(F[front], axis, max(REACH, lag), rng)
            near = front[[np.argmax(F[front, axis])]] if rng.random() < END_SHARE else able
    distance = ((F[near, 1:] - point) ** 2).sum(axis=1)
    parent = int(rng.choice(near[np.argsort(distance, kind="stable")[:NEIGHBOURS]]))
    return Choice(parent, Aim(point * span[1:], span[1:]))


def _beyond(F: Doubles, axis: int, reach: float, rng: np.random.Generator) -> Doubles:
    """Costs ``(n_costs,)`` of a point beyond the dear end of a front ``F``, or the cheap one for a negative reach."""
    end = F[np.argmax(np.sign(reach) * F[:, axis])]
    point = np.array(end[1:])
    point[axis - 1] += reach * rng.random()
    return point


def _between(F: Doubles, rng: np.random.Generator) -> Doubles:
    """Costs ``(n_costs,)`` of a point between two neighbours of a front ``(n, n_objectives)``."""
    if len(F) == 1 or F.shape[1] == 1:
        return np.asarray(F[0, 1:])
    axis = int(rng.integers(1, F.shape[1]))
    F = F[np.argsort(F[:, axis], kind="stable")]
    areas = np.abs(np.diff(F[:, axis]) * np.diff(F[:, 0])) + 1e-300
    i = int(rng.choice(len(areas), p=areas / areas.sum()))
    return np.asarray(F[i, 1:] + rng.random() * (F[i + 1, 1:] - F[i, 1:]))


PARENTS: MappingProxyType[str, Parents] = MappingProxyType({"gap": gap, "tournament": tournament})
