"""Exploration of a space that lists neighbours: each genotype is proposed once, the most promising neighbour first.

One lineage climbs to the best quality and begins anew where no neighbour is left, as in local search (White 2020,
https://arxiv.org/abs/2005.02960). The other children are neighbours of the front, as in Pareto local search (Paquete
2004, https://doi.org/10.1007/978-3-642-17144-4_7). Which neighbour comes first is what local search leaves to chance.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Generic

import numpy as np

from evonas.capabilities.variation import HasNeighbours
from evonas.individual import Member
from evonas.objectives import Objectives
from evonas.search.base import History
from evonas.search.generational import keys, members_of
from evonas.search.reproduction import Reproduction
from evonas.space import G, Offspring, SearchSpace
from evonas.types import Doubles, Json

#: Share of the children that the climbing lineage has where there are costs beside the quality. On NAS-Bench-201 with
#: error and FLOPs (seeds from 1000, CIFAR-10) shares of .5, .6, .67 find the best cell after 66, 52, 48 evaluations in
#: the mean, and 99 % of the hypervolume after 208, 222, 252.
BEST_SHARE = 0.6
#: Differences that are none: of the order in which numbers were added.
SAME = 1e-9


class Expectation(Generic[G]):
    """Losses that are expected of a genotype: the mean of its evaluated neighbours' and of a line's over the costs.

    The line is a ridge regression on the logarithms of the costs that follow from structure, over all evaluations, and
    counts as one more neighbour. The quality is measured by its rank, from 0 for the best to 1, which no outlier
    stretches; constraints that are broken come last.
    """

    def __init__(self, space: SearchSpace[G], objectives: Objectives) -> None:
        self._space, self._objectives = space, objectives
        self._places: dict[str, int] = {}
        self._members: list[Member[G]] = []
        self._costs: list[Doubles] = []
        self._around: dict[str, list[str]] = {}
        self._fitted: tuple[Doubles, Doubles, Doubles] | None = None

    @property
    def members(self) -> Sequence[Member[G]]:
        """All members, each with the evaluation that was learned last."""
        return self._members

    def learn(self, members: Sequence[Member[G]]) -> None:
        """Take evaluations into account; a later one of the same genotype takes the place of the earlier."""
        for member in members:
            place = self._places.setdefault(member.genotype.digest, len(self._members))
            if place < len(self._members):
                self._members[place] = member
            else:
                self._members.append(member)
                self._costs.append(self._logarithms(member.genotype))
        self._fitted = None

    def losses(self, genotypes: Sequence[G]) -> Doubles:
        """Expected losses, ``(n, n_objectives)``, the first as a rank; exact where they follow from structure.

        Raises:
            ValueError: Nothing was learned yet.
        """
        if not self._members:
            raise ValueError("expected evaluations before anything is expected of a genotype, got none")
        known, centre, slopes = self._fitted = self._fitted or self._fit()
        expected = np.empty((len(genotypes), known.shape[1]))
        for row, genotype in enumerate(genotypes):
            around = [self._places[d] for d in self._neighbours(genotype) if d in self._places]
            line = known.mean(axis=0) + (self._logarithms(genotype) - centre) @ slopes
            expected[row] = (known[around].sum(axis=0) + line) / (len(around) + 1)
            costs = self._space.cost(genotype)
            for column, objective in enumerate(self._objectives.items[1:], 1):
                if objective.metric in costs:
                    expected[row, column] = objective.loss(costs)
        return expected

    def known(self, members: Sequence[Member[G]]) -> Doubles:
        """Losses of learned members as :meth:`losses` measures them, ``(n, n_objectives)``."""
        known, _, _ = self._fitted = self._fitted or self._fit()
        return np.asarray(known[[self._places[member.genotype.digest] for member in members]], np.float64)

    def _fit(self) -> tuple[Doubles, Doubles, Doubles]:
        """Losses of all members, ``(n, n_objectives)``, the centre of their costs, ``(k,)``, and slopes of the line."""
        evaluations = [member.evaluation for member in self._members]
        losses = self._objectives.matrix(evaluations)
        finite = np.where(np.isfinite(losses), losses, np.nan)
        worst = np.array([column[~np.isnan(column)].max(initial=0.0) for column in finite.T])
        known = np.where(np.isnan(finite), worst, finite)
        order = np.lexsort([losses[:, 0], self._objectives.violations(evaluations)])
        known[order, 0] = np.linspace(0, 1, len(order))
        X = np.stack(self._costs)
        centre, spread = X.mean(axis=0), X.std(axis=0)
        scaled = (X - centre) / np.where(spread > 0, spread, 1)
        slopes = np.linalg.solve(scaled.T @ scaled + np.eye(X.shape[1]), scaled.T @ (known - known.mean(axis=0)))
        return known, centre, np.asarray(slopes / np.where(spread > 0, spread, 1)[:, None], np.float64)

    def _logarithms(self, genotype: G) -> Doubles:
        return np.asarray(np.log1p([*self._space.cost(genotype).values()]), np.float64)

    def _neighbours(self, genotype: G) -> list[str]:
        """Digests of the neighbours of a genotype."""
        assert isinstance(self._space, HasNeighbours)
        if genotype.digest not in self._around:
            self._around[genotype.digest] = [each.digest for each in self._space.neighbours(genotype)]
        return self._around[genotype.digest]


class Explorer(Generic[G]):
    """Proposes new neighbours of the best of a lineage, or of a member of the front.

    The lineage goes on from a child of its best if that is better. Where its best has no new neighbour, the next child
    is a random sample, with which a new lineage begins. With costs beside the quality the other children are neighbours
    of a random member of the front that has new ones: of these the one whose quality promises most beside the front's
    at its cost.

    Args:
        space: Space of the genotypes; it lists neighbours.
        objectives: Objectives and constraints.
        reproduction: Knows which genotypes are new.
        sample: Draws a random genotype.
        rng: The searcher's generator.
    """

    def __init__(
        self, space: SearchSpace[G], objectives: Objectives, reproduction: Reproduction[G], *,
        sample: Callable[[], G], rng: np.random.Generator,
    ) -> None:
        self._objectives, self._reproduction, self._sample, self._rng = objectives, reproduction, sample, rng
        self._expectation = Expectation(space, objectives)
        self._best: Member[G] | None = None

    def propose(self, front: Sequence[Member[G]]) -> tuple[Offspring[G], tuple[Member[G], ...]]:
        """Return a new neighbour and its parent, or a random sample.

        Args:
            front: The non-dominated members.
        """
        if len(self._objectives.items) == 1 or self._rng.random() < BEST_SHARE:
            new = [] if self._best is None else self._new_neighbours(self._best)
            if self._best is None or not new:
                self._best = None
                return Offspring(self._sample(), "sample"), ()
            return self._first(new, self._expectation.losses(new)[:, 0]), (self._best,)
        able = [(member, new) for member in front if (new := self._new_neighbours(member))]
        if not able:
            return Offspring(self._sample(), "sample"), ()
        parent, new = able[int(self._rng.integers(len(able)))]
        expected, known = self._expectation.losses(new), self._expectation.known(front)
        cheaper = (known[None, :, 1:] <= expected[:, None, 1:] + SAME).all(axis=2)
        rivals = np.where(cheaper, known[None, :, 0], 1.0).min(axis=1)
        return self._first(new, expected[:, 0] - rivals), (parent,)

    def learn(self, members: Sequence[Member[G]]) -> None:
        """Learn from evaluations, and go on from the best of them that belong to the lineage."""
        self._expectation.learn(members)
        for member in members:
            if self._belongs(member) and (self._best is None or self._key(member) < self._key(self._best)):
                self._best = member

    def state(self) -> Json:
        """The lineage's best, and the budgets of all members."""
        best = [] if self._best is None else [self._best]
        return {"best": keys(best), "members": keys(self._expectation.members)}

    def restore(self, state: Json, history: History[G]) -> None:
        """Continue exactly where :meth:`state` was taken."""
        self._expectation.learn(members_of(state["members"], history))
        self._best = next(iter(members_of(state["best"], history)), None)

    def _belongs(self, member: Member[G]) -> bool:
        """Whether a member is a child of the lineage's best, or may begin a lineage: a founder or a sample."""
        individual = member.individual
        if self._best is None:
            return individual.generation == 0 or not individual.parents
        best = self._best.individual
        return best.id in (*individual.parents, individual.id) or best.generation == individual.generation == 0

    def _key(self, member: Member[G]) -> tuple[float, float]:
        violation = self._objectives.violations([member.evaluation])[0]
        return float(violation), float(self._objectives.matrix([member.evaluation])[0, 0])

    def _new_neighbours(self, member: Member[G]) -> list[G]:
        return self._reproduction.new_neighbours(member.genotype)

    def _first(self, genotypes: Sequence[G], scores: Doubles) -> Offspring[G]:
        """The genotype with the least score; of equal ones a random one."""
        ties = np.flatnonzero(scores <= scores.min() + SAME)
        return Offspring(genotypes[int(ties[self._rng.integers(len(ties))])], "neighbour")
