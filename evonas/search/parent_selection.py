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
#: Cost of the best parent as a multiple of its child's, log-uniform from the first to the second: pruning what a larger
#: network has learnt beats growing a smaller one. In five searches of 2 minutes on Fashion-MNIST, 41 to 75 % of the
#: pruned children with less than 10 000 edges were better than the front at their size where the parent had 1.05 to 1.4
#: times as many, 15 to 37 % where it had 1.7 to 2.2 times.
DEARER = (1.05, 1.6)
#: Shares of the time that go beyond the cheap and the dear end of the front, and how far: by a share of its span. With
#: half of DEAR_SHARE and LAGGING_SHARE two of two searches of 2 minutes on Fashion-MNIST ended their fronts at .55 and
#: .64 of the allowed edges; with .03 and .06 of the *draws* a third of the time went to networks near that bound.
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
        violation: Of the constraints, 0 for members that keep them, ``(n,)``.
        logarithmic: Which costs are logarithms to base 10, ``(n_objectives - 1,)``.
    """

    F: Doubles
    rank: Ints
    place: Ints
    living: Ints
    violation: Doubles
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

    The child should be at that point, and the parent be dearer (:data:`DEARER`). Along one of the costs, drawn
    uniformly, the front's neighbours have gaps between them, in which points are drawn uniformly. Half of the time is
    for all sizes alike, so in proportion to the gaps' widths; the other half goes where hypervolume is to be won, in
    proportion to their areas: difference in cost times difference in quality. As a network of ten times the cost takes
    ten times as long, a gap is drawn in proportion to its time divided by the cost of its cheaper end, where the
    front's costs are logarithms. (Drawn by area alone, three quarters of a run's edge-updates went into networks of
    more than 16 000 edges, where on Fashion-MNIST accuracy hardly grows.)

    Some of the time goes beyond the ends of the front: below the cheapest member, or above the dearest, there as far
    as those are that cost more and are not better yet. These are as a rule larger networks that have been trained for a
    shorter time, and where accuracy grows by less than its noise, what the dearest member has learned counts for more
    than their size: it is the parent. It grows as far as it can; what then lies between is a gap like all others.
    """
    front, near = np.flatnonzero(pool.rank == 0), np.flatnonzero(pool.rank <= 1)
    if pool.F.shape[1] == 1:
        return Choice(int(rng.choice(near)))
    span = np.ptp(pool.F[front], axis=0)
    span = np.where(span > 0, span, 1)
    F = pool.F / span
    axis = int(rng.integers(1, F.shape[1]))
    front = front[np.lexsort([-F[front, 0], F[front, axis]])]  # of equally dear ones the best is last
    members = F[front] if len(front) > 1 else F[front].repeat(2, axis=0)
    rivals = np.isfinite(F).all(axis=1) & (pool.violation <= pool.violation[front].max())
    lag = F[rivals, axis].max() - members[-1, axis]
    decades = span[axis] if pool.logarithmic[axis - 1] else 0.0
    segment, along = _drawn(_times(members, axis, lagging=lag > LAG), _costs(members, axis, lag), decades, rng)
    if segment == 0:
        point = _beyond(members[0], axis, -REACH * along)
    elif segment == len(members):
        point, near = _beyond(members[-1], axis, max(REACH, lag)), front[-1:]
    else:
        point = members[segment - 1, 1:] + along * (members[segment, 1:] - members[segment - 1, 1:])
    dearer = np.where(pool.logarithmic, rng.uniform(*np.log10(DEARER)), 0) / span[1:]
    distance = ((F[near, 1:] - point - dearer) ** 2).sum(axis=1)
    parent = int(rng.choice(near[np.argsort(distance, kind="stable")[:NEIGHBOURS]]))
    return Choice(parent, Aim(point * span[1:], span[1:]))


def _times(members: Doubles, axis: int, *, lagging: bool) -> Doubles:
    """Shares of the time of a front's segments: beyond the cheap end, each gap, beyond the dear end, ``(n + 1,)``.

    Args:
        members: Of the front, scaled, by ascending cost along ``axis``, ``(n, n_objectives)``.
    """
    width, height = np.abs(np.diff(members[:, [axis, 0]], axis=0)).T
    dear = LAGGING_SHARE if lagging else DEAR_SHARE
    gaps = (1 - CHEAP_SHARE - dear) * (_shares(width) + _shares(width * height)) / 2
    return np.concatenate([[CHEAP_SHARE], gaps, [dear]])


def _costs(members: Doubles, axis: int, lag: float) -> Doubles:
    """Of the segments' cheaper ends; beyond the dear end of the dearest of all, ``(n + 1,)``."""
    cost = members[:, axis]
    return np.concatenate([cost[:1], cost[:-1], [cost[-1] + lag]])


def _drawn(times: Doubles, costs: Doubles, decades: float, rng: np.random.Generator) -> tuple[int, float]:
    """A segment, so often that it gets its share of the time, and how far along it.

    Args:
        decades: What a unit of the costs is; 0 where they are no logarithms.
    """
    weights = times * 10.0 ** (decades * (costs[0] - costs))
    return int(rng.choice(len(weights), p=weights / weights.sum())), rng.random()


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
