"""Selection of parents, and of the cost that a child should have."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from types import MappingProxyType
from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from evonas.objectives.pareto import rank_and_crowd
from evonas.types import Doubles, Ints

#: A tournament's size, and the probability that a parent is drawn from the front without one.
CONTESTANTS, FRONT_SHARE = 3, 0.2
#: The size of a tournament of NSGA-II.
TWO = 2
#: Number of nearest members among which the parent that fills a gap is drawn.
NEIGHBOURS = 4
#: Cost of the best parent as a multiple of its child's, log-uniform from the first to the second: pruning a trained
#: larger network is better than growing a smaller one. In five searches of 2 minutes on Fashion-MNIST, 41 to 75 % of
#: the pruned children with less than 10 000 edges were better than the front at their size if the parent had 1.05 to
#: 1.4 times as many, 15 to 37 % if it had 1.7 to 2.2 times.
COSTLIER = (1.05, 1.6)
#: A member whose child promises less than the best child of its neighbours, by this share of the front's span of
#: quality, is no parent. In a search of 5 minutes on CIFAR-10 the gap between 67.7 % at 87 000 edges and 72.3 % at
#: 181 000 stayed open for its last 230 seconds: three of the four nearest parents had 66 to 67.7 % at 110 000 to
#: 165 000, and their children were bred on.
WORSE = 0.1
#: A founder that is worse by this share than others of about its cost has no first child. On CIFAR-10 tied convolutions
#: of 60 to 65 % had children of 66 to 69 % when they were released, those of 66 to 68 % had 70 to 72 % (11 pairs,
#: correlation .97; on Fashion-MNIST 20 pairs, .46).
HOPELESS = 0.2
#: Exponents of the growth of a trial's compute with its cost: measured ones are bounded by these, and need trials.
EXPONENTS, FEWEST_TRIALS = (0.3, 1.0), 8
#: Shares of the time spent beyond the cheap and the costly end of the front, and how far beyond, as a share of its
#: span. With half of COSTLY_SHARE and LAGGING_SHARE two of two searches of 2 minutes on Fashion-MNIST ended their
#: fronts at .55 and .64 of the allowed edges; with .03 and .06 of the *draws* a third of the time went to networks near
#: that bound.
CHEAP_SHARE, COSTLY_SHARE, REACH = 0.03, 0.2, 0.15
#: If members cost more than the costliest of the front by this share of its span, more time is spent beyond the costly
#: end, up to the costliest of all if that is further: otherwise large networks are never trained as long as small ones.
LAG, LAGGING_SHARE = 0.03, 0.4


@dataclass(frozen=True, eq=False)
class Pool:
    """Candidates for parents: the archive and the living population, each member once.

    Attributes:
        F: Objectives, minimised, ``(n, n_objectives)``: the first is the quality, all others are costs.
        rank: Non-domination rank, ``(n,)``.
        place: Positions by rank and crowding distance, 0 for the best, ``(n,)``.
        living: Indices of the population.
        violation: Violations of the constraints, 0 for members that keep them, ``(n,)``.
        logarithmic: Which costs are logarithms to base 10, ``(n_objectives - 1,)``.
        exponents: Powers of each cost by which a child's trial takes longer, ``(n_objectives - 1,)``; see
            :func:`exponents_of`.
    """

    F: Doubles
    rank: Ints
    place: Ints
    living: Ints
    violation: Doubles
    logarithmic: NDArray[np.bool_]
    exponents: Doubles

    @cached_property
    def near(self) -> Ints:
        """Indices of the members of the first two ranks."""
        return np.flatnonzero(self.rank <= 1)

    @cached_property
    def span(self) -> Doubles:
        """The front's extent in each objective, 1 where it has none, ``(n_objectives,)``."""
        extent = np.ptp(self.F[self.rank == 0], axis=0)
        return np.where(extent > 0, extent, 1)

    @cached_property
    def scaled(self) -> Doubles:
        """The objectives in units of :attr:`span`, ``(n, n_objectives)``."""
        return self.F / self.span

    @cached_property
    def fronts(self) -> Sequence[_Front]:
        """The front along each cost."""
        return [self._front_along(axis) for axis in range(1, self.F.shape[1])]

    def _front_along(self, axis: int) -> _Front:
        F, front = self.scaled, np.flatnonzero(self.rank == 0)
        front = front[np.lexsort([-F[front, 0], F[front, axis]])]  # the best of equal costs is last
        members = F[front] if len(front) > 1 else F[front].repeat(2, axis=0)
        rivals = np.isfinite(F).all(axis=1) & (self.violation <= self.violation[front].max())
        lag = float(F[rivals, axis].max() - members[-1, axis])
        decades = self.span[axis] * self.exponents[axis - 1] if self.logarithmic[axis - 1] else 0.0
        costs = _costs(members, axis, lag)
        weights = _times(members, axis, lagging=lag > LAG) * 10.0 ** (decades * (costs[0] - costs))
        return _Front(members, int(front[-1]), lag, weights / weights.sum())


class _Front(NamedTuple):
    """The front by ascending cost.

    Attributes:
        members: Scaled objectives, two members at least, ``(n, n_objectives)``.
        costliest: Index of the last one.
        lag: Distance from the last one to the costliest of all members.
        shares: How often a child is to be in each segment: beyond the cheap end, in each gap, beyond the costly end,
            ``(n + 1,)``.
    """

    members: Doubles
    costliest: int
    lag: float
    shares: Doubles


class TargetCost(NamedTuple):
    """The intended costs of a child.

    Attributes:
        costs: Intended costs, ``(n_objectives - 1,)``.
        scale: Differences in each cost that count as equal, ``(n_objectives - 1,)``.
    """

    costs: Doubles
    scale: Doubles


class Choice(NamedTuple):
    """A selected parent.

    Attributes:
        parent: Its index.
        target: Intended costs of its child; None if any will do.
    """

    parent: int
    target: TargetCost | None = None


Parents: TypeAlias = Callable[[Pool, np.random.Generator], Choice]


def tournament(pool: Pool, rng: np.random.Generator) -> Choice:
    """The best of a few of the population; with probability ``FRONT_SHARE`` any member of the front."""
    if rng.random() < FRONT_SHARE:
        return Choice(int(rng.choice(np.flatnonzero(pool.rank == 0))))
    contestants = rng.choice(pool.living, CONTESTANTS)
    return Choice(int(contestants[np.argmin(pool.place[contestants])]))


def living_tournament(pool: Pool, rng: np.random.Generator) -> Choice:
    """The best of three of the population by rank, then crowding distance, both within the population."""
    return _best_of(CONTESTANTS, pool, rng)


def binary_tournament(pool: Pool, rng: np.random.Generator) -> Choice:
    """The better of two of the population by rank, then crowding distance, both within the population (Deb 2002)."""
    return _best_of(TWO, pool, rng)


def _best_of(n: int, pool: Pool, rng: np.random.Generator) -> Choice:
    order = rank_and_crowd(pool.F[pool.living], pool.violation[pool.living]).order()
    return Choice(int(pool.living[order[rng.choice(len(order), n).min()]]))


def front_gap(pool: Pool, rng: np.random.Generator) -> Choice:
    """Choose a thin place of the front, and a parent near it.

    The child should be at a random point along the front, and the parent be costlier (:data:`COSTLIER`): one of the
    nearest members of the first two ranks (:func:`_promising`). Along one of the costs, drawn uniformly, the front's
    neighbours have gaps between them, in which points are drawn uniformly. Half of the time is for all sizes alike, so
    in proportion to the gaps' widths; the other half goes where hypervolume is to be won, in proportion to their
    areas: difference in cost times difference in quality. As a costlier network takes longer (:func:`exponents_of`), a
    gap is drawn in proportion to its time divided by what its cheaper end takes, if the front's costs are logarithms.
    (Drawn by area alone, three quarters of a run's edge-updates went into networks of more than 16 000 edges, where on
    Fashion-MNIST accuracy hardly grows.)

    Some of the time goes beyond the ends of the front: below the cheapest member, or above the costliest, there as far
    as those are that cost more and are not better yet. These are as a rule larger networks that have been trained for a
    shorter time, and if accuracy grows by less than its noise, what the costliest member has learned counts for more
    than their size: it is the parent. It grows as far as it can; what then lies between is a gap like all others.
    """
    near = pool.near
    if pool.F.shape[1] == 1:
        return Choice(int(rng.choice(near)))
    span, F = pool.span, pool.scaled
    axis = int(rng.integers(1, F.shape[1]))
    members, costliest, lag, shares = pool.fronts[axis - 1]
    segment, along = int(rng.choice(len(shares), p=shares)), rng.random()
    if segment == 0:
        point = _beyond(members[0], axis, -REACH * along)
    elif segment == len(members):
        point, near = _beyond(members[-1], axis, max(REACH, lag)), np.array([costliest])
    else:
        point = members[segment - 1, 1:] + along * (members[segment, 1:] - members[segment - 1, 1:])
    costlier = np.where(pool.logarithmic, rng.uniform(*np.log10(COSTLIER)), 0) / span[1:]
    if F.shape[1] == 2:
        near = near[_promising(F[near], members, (point + costlier)[0], WORSE)]
    distance = ((F[near, 1:] - point - costlier) ** 2).sum(axis=1)
    parent = int(rng.choice(near[np.argsort(distance, kind="stable")[:NEIGHBOURS]]))
    return Choice(parent, TargetCost(point * span[1:], span[1:]))


def _promising(F: Doubles, members: Doubles, cost: float, worse: float) -> NDArray[np.bool_]:
    """Mark the candidates within :data:`REACH` of a cost that promise a good child of it; all, if there are none.

    A child is expected to lose, or to gain, by the slope of the front around it. With several costs the front is no
    curve, and has none.

    Args:
        F: Quality and cost of the candidates, scaled, ``(n, 2)``.
        members: The front by ascending cost, scaled, ``(n, 2)``.
        cost: Scaled cost of the child.
        worse: Amount by which a child may promise less than the best one.
    """
    slope = _slope(members, cost)
    expected = F[:, 0] + slope * (F[:, 1] - cost)
    within = np.abs(F[:, 1] - cost) <= REACH
    if not within.any():
        return np.ones(len(F), bool)
    promising: NDArray[np.bool_] = within & (expected <= expected[within].min() + worse)
    return promising


def _slope(members: Doubles, cost: float) -> float:
    """The front's gain in quality by cost around a cost, without its largest step.

    A jump from a poor lineage to a good one is what a child is to fill, and says nothing of what pruning loses.
    """
    reach = members[:, 1].clip(cost - 2 * REACH, cost + 2 * REACH)
    width, whole = np.diff(reach), np.diff(members[:, 1])
    within = width > 0
    width, drop = width[within], -np.diff(members[:, 0])[within] * width[within] / whole[within]
    if len(width) < 2:
        return 0.0
    others = np.arange(len(width)) != np.argmax(drop)
    return float(drop[others].sum() / width[others].sum())


def hopeful(F: Doubles) -> NDArray[np.bool_]:
    """Mark founders that are not far behind those of about their cost; all, unless there is one cost.

    Args:
        F: Objectives, finite, ``(n, n_objectives)``.

    Returns:
        Shape ``(n,)``.
    """
    if F.shape[1] != 2 or not len(F):
        return np.ones(len(F), bool)
    span = np.ptp(F, axis=0)
    F = F / np.where(span > 0, span, 1)
    best = np.array([F[np.abs(F[:, 1] - cost) <= REACH, 0].min() for cost in F[:, 1]])
    near: NDArray[np.bool_] = F[:, 0] <= best + HOPELESS
    return near


def exponents_of(F: Doubles, work: Doubles) -> Doubles:
    """Powers of each cost by which a trial takes longer: 1 where too few have shown it.

    Args:
        F: Objectives of trials, the costs as logarithms to base 10, ``(n, n_objectives)``.
        work: Their compute, ``(n,)``, NaN where it is not known or not typical for a child's.

    Returns:
        Shape ``(n_objectives - 1,)``.
    """
    known = np.isfinite(work) & np.isfinite(F).all(axis=1)
    cost, log_work = F[known, 1:], np.log10(work[known])
    if len(cost) < FEWEST_TRIALS:
        return np.full(F.shape[1] - 1, EXPONENTS[1])
    cost = cost - cost.mean(axis=0)
    spread = (cost**2).sum(axis=0)
    slopes = (cost * log_work[:, None]).sum(axis=0) / np.where(spread > 0, spread, 1)
    return np.where(spread > 0, slopes, EXPONENTS[1]).clip(*EXPONENTS)


def _times(members: Doubles, axis: int, *, lagging: bool) -> Doubles:
    """Shares of the time for a front's segments: beyond the cheap end, each gap, beyond the costly end, ``(n + 1,)``.

    Args:
        members: Members of the front, scaled, by ascending cost along ``axis``, ``(n, n_objectives)``.
        axis: Column of the cost.
        lagging: Whether members beyond the costly end are not better yet.
    """
    width, height = np.abs(np.diff(members[:, [axis, 0]], axis=0)).T
    costly = LAGGING_SHARE if lagging else COSTLY_SHARE
    gaps = (1 - CHEAP_SHARE - costly) * (_shares(width) + _shares(width * height)) / 2
    return np.concatenate([[CHEAP_SHARE], gaps, [costly]])


def _costs(members: Doubles, axis: int, lag: float) -> Doubles:
    """Costs of the segments' cheaper ends, ``(n + 1,)``; beyond the costly end, the largest cost of all members.

    Args:
        members: Members of the front, scaled, by ascending cost along ``axis``, ``(n, n_objectives)``.
        axis: Column of the cost.
        lag: Distance from the last member of the front to the costliest of all.
    """
    cost = members[:, axis]
    return np.concatenate([cost[:1], cost[:-1], [cost[-1] + lag]])


def _shares(values: Doubles) -> Doubles:
    """Shares of the values in their sum, ``(n,)``; equal ones if all values are 0."""
    total = values.sum()
    return values / total if total > 0 else np.full(len(values), 1 / len(values))


def _beyond(member: Doubles, axis: int, reach: float) -> Doubles:
    """Costs ``(n_costs,)`` of a point that lies beyond a member along one of them.

    Args:
        member: Objectives of the member, ``(n_objectives,)``.
        axis: Column of the cost.
        reach: Distance along the axis.
    """
    point = member[1:].copy()
    point[axis - 1] += reach
    return point


PARENT_SELECTIONS: MappingProxyType[str, Parents] = MappingProxyType({
    "front-gap": front_gap, "tournament": tournament, "living-tournament": living_tournament,
    "binary-tournament": binary_tournament,
})
