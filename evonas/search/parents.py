"""Who becomes a parent, and what its child should cost."""

from __future__ import annotations

from collections.abc import Callable
from types import MappingProxyType
from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from evonas.types import Doubles, Ints

#: A tournament's size, and the probability that a parent is drawn from the front without one.
CONTESTANTS, FRONT_SHARE = 3, 0.2
#: So many members are near enough to fill a gap.
NEIGHBOURS = 4
#: The best parent costs so many times as much as its child should: pruning what a larger network has learnt beats
#: growing a smaller one. On Fashion-MNIST, after the eighth generation, 85 % of inflated children with .7 to .97 times
#: their parent's edges were better than the front at their size, 32 % of those with 1.2 to 1.6 times.
DEARER = 1.15
#: So large shares of the points are beyond the cheap and the dear end of the front, by a share of its span.
CHEAP_SHARE, DEAR_SHARE, REACH = 0.03, 0.03, 0.15
#: Where members cost more than the dearest of the front by a share of its span, more points are beyond the dear end, at
#: the dearest of all if that is further: else large networks are never trained for as long as small ones.
LAG, LAGGING_SHARE = 0.03, 0.06


class Pool(NamedTuple):
    """Who may be a parent: the archive and the living population, each member once.

    Attributes:
        F: Objectives, minimised, ``(n, n_objectives)``: the first is the quality, all others are costs.
        rank: Non-domination rank, ``(n,)``.
        place: From 0 for the best by rank and crowding distance, ``(n,)``.
        living: Indices of the population.
        logarithmic: Which costs are logarithms to base 10, ``(n_objectives - 1,)``.
    """

    F: Doubles
    rank: Ints
    place: Ints
    living: Ints
    logarithmic: NDArray[np.bool_]


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
    """One of the members of the first two ranks that are nearest to a little above a random point along the front.

    Along one of the costs, drawn uniformly, the front's neighbours have gaps between them. A gap is drawn in proportion
    to its area, the hypervolume that is to be won in it: difference in cost times difference in quality, divided by the
    cost where that is one of which the front has a logarithm: at every size accuracy grows with the logarithm of the
    time that is spent there, so all sizes should get the same. (Without it three quarters of a run's edge-updates went
    into networks of more than 16 000 edges, where on Fashion-MNIST accuracy hardly grows.) In the gap a point is drawn.
    The child should be there, and the parent be dearer (:data:`DEARER`).

    Now and then the point is beyond an end of the front: below the cheapest member, or above the dearest, there as far
    as those are that cost more and are not better yet. These are as a rule larger networks that have been trained for a
    shorter time, and where accuracy grows by less than its noise, what the dearest member has learned counts for more
    than their size: it is the parent. It grows as far as it can; what then lies between is a gap like all others.
    """
    front = np.flatnonzero(pool.rank == 0)
    span = np.ptp(pool.F[front], axis=0)
    span = np.where(span > 0, span, 1)
    F = pool.F / span
    near, point = np.flatnonzero(pool.rank <= 1), _between(F[front], np.where(pool.logarithmic, span[1:], 0.0), rng)
    if F.shape[1] > 1:
        axis, draw = int(rng.integers(1, F.shape[1])), rng.random()
        lag = F[np.isfinite(F).all(axis=1), axis].max() - F[front, axis].max()
        if draw < CHEAP_SHARE:
            point = _beyond(F[front], axis, -REACH * rng.random())
        elif draw < CHEAP_SHARE + (LAGGING_SHARE if lag > LAG else DEAR_SHARE):
            point = _beyond(F[front], axis, max(REACH, lag))
            near = front[[np.argmax(F[front, axis])]]
    dearer = np.where(pool.logarithmic, np.log10(DEARER), 0) / span[1:]
    distance = ((F[near, 1:] - point - dearer) ** 2).sum(axis=1)
    parent = int(rng.choice(near[np.argsort(distance, kind="stable")[:NEIGHBOURS]]))
    return Choice(parent, Aim(point * span[1:], span[1:]))


def _beyond(F: Doubles, axis: int, reach: float) -> Doubles:
    """Costs ``(n_costs,)`` of a point beyond the dear end of a front ``F``, or the cheap one for a negative reach."""
    end = F[np.argmax(np.sign(reach) * F[:, axis])]
    point = np.array(end[1:])
    point[axis - 1] += reach
    return point


def _between(F: Doubles, decades: Doubles, rng: np.random.Generator) -> Doubles:
    """Costs ``(n_costs,)`` of a point between two neighbours of a front ``(n, n_objectives)``.

    Args:
        decades: What a unit of each cost is, ``(n_costs,)``; 0 where it is no logarithm.
    """
    if len(F) == 1 or F.shape[1] == 1:
        return np.asarray(F[0, 1:])
    axis = int(rng.integers(1, F.shape[1]))
    F = F[np.argsort(F[:, axis], kind="stable")]
    areas = np.abs(np.diff(F[:, axis]) * np.diff(F[:, 0])) + 1e-300
    areas *= 10.0 ** (decades[axis - 1] * (F[0, axis] - F[:-1, axis]))
    i = int(rng.choice(len(areas), p=areas / areas.sum()))
    return np.asarray(F[i, 1:] + rng.random() * (F[i + 1, 1:] - F[i, 1:]))


PARENTS: MappingProxyType[str, Parents] = MappingProxyType({"gap": gap, "tournament": tournament})
