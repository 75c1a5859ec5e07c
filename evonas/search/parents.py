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
#: Of the time, what goes beyond the cheap and the dear end of the front, and how far: by a share of its span.
CHEAP_SHARE, DEAR_SHARE, REACH = 0.03, 0.2, 0.15
#: Where members cost more than the dearest of the front by a share of its span, more time goes beyond the dear end, to
#: the dearest of all if that is further: else large networks are never trained for as long as small ones.
LAG, LAGGING_SHARE = 0.03, 0.4


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

    Along one of the costs, drawn uniformly, the front's neighbours have gaps between them. Half of the time is for all
    sizes alike, so in proportion to the gaps' widths; the other half goes where hypervolume is to be won, in proportion
    to their areas: difference in cost times difference in quality. As a child of ten times the cost takes ten times as
    long, draws are in proportion to the time divided by the cost, where that is one of which the front has a logarithm.
    In the gap a point is drawn. The child should be there, and the parent be dearer (:data:`DEARER`).

    Some of the time goes beyond the ends of the front: below the cheapest member, or above the dearest, there as far
    as those are that cost more and are not better yet. These are as a rule larger networks that have been trained for a
    shorter time, and where accuracy grows by less than its noise, what the dearest member has learned counts for more
    than their size: it is the parent. It grows as far as it can; what then lies between is a gap like all others.
    """
    front, near = np.flatnonzero(pool.rank == 0), np.flatnonzero(pool.rank <= 1)
    if pool.F.shape[1] == 1:
        return Choice(int(rng.choice(near[:NEIGHBOURS])))
    span = np.ptp(pool.F[front], axis=0)
    span = np.where(span > 0, span, 1)
    F = pool.F / span
    axis = int(rng.integers(1, F.shape[1]))
    front = front[np.argsort(F[front, axis], kind="stable")]
    ends = F[front] if len(front) > 1 else F[front].repeat(2, axis=0)
    lag = F[np.isfinite(F).all(axis=1), axis].max() - ends[-1, axis]
    cost = np.concatenate([ends[:1, axis], ends[:-1, axis], [ends[-1, axis] + lag]])
    decades = span[axis] if pool.logarithmic[axis - 1] else 0.0
    draws = _times(ends, axis, lagging=lag > LAG) * 10.0 ** (decades * (cost[0] - cost))
    place, share = int(rng.choice(len(draws), p=draws / draws.sum())), rng.random()
    if place == 0:
        point = _beyond(ends[0], axis, -REACH * share)
    elif place == len(ends):
        point, near = _beyond(ends[-1], axis, max(REACH, lag)), front[-1:]
    else:
        point = ends[place - 1, 1:] + share * (ends[place, 1:] - ends[place - 1, 1:])
    dearer = np.where(pool.logarithmic, np.log10(DEARER), 0) / span[1:]
    distance = ((F[near, 1:] - point - dearer) ** 2).sum(axis=1)
    parent = int(rng.choice(near[np.argsort(distance, kind="stable")[:NEIGHBOURS]]))
    return Choice(parent, Aim(point * span[1:], span[1:]))


def _times(ends: Doubles, axis: int, *, lagging: bool) -> Doubles:
    """Shares of the time: beyond the cheap end, for each gap between neighbours, beyond the dear end, ``(n + 1,)``.

    Args:
        ends: Of the gaps, scaled, by ascending cost along ``axis``, ``(n, n_objectives)``.
    """
    width, height = np.abs(np.diff(ends[:, [axis, 0]], axis=0)).T
    dear = LAGGING_SHARE if lagging else DEAR_SHARE
    gaps = (1 - CHEAP_SHARE - dear) * (_shares(width) + _shares(width * height)) / 2
    return np.concatenate([[CHEAP_SHARE], gaps, [dear]])


def _shares(values: Doubles) -> Doubles:
    """Of their sum; equal ones where all are 0."""
    total = values.sum()
    return values / total if total > 0 else np.full(len(values), 1 / len(values))


def _beyond(member: Doubles, axis: int, reach: float) -> Doubles:
    """Costs ``(n_costs,)`` of a point that is so much dearer than a member along one of them."""
    point = member[1:].copy()
    point[axis - 1] += reach
    return point


PARENTS: MappingProxyType[str, Parents] = MappingProxyType({"gap": gap, "tournament": tournament})
