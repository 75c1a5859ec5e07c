"""Base class of searchers that work in generations: the turns of ask and tell, founders, and rungs of budgets."""

from __future__ import annotations

from abc import ABC, abstractmethod
from bisect import bisect_right
from collections.abc import Sequence
from itertools import pairwise
from math import ceil
from typing import Generic

import numpy as np

from evonas.capabilities.initialization import SpreadsFounders
from evonas.individual import Evaluation, Member, Trial
from evonas.objectives import Objectives
from evonas.objectives.pareto import Ranking, front, rank_and_crowd
from evonas.search.base import History
from evonas.search.reproduction import LazyTrials, Proposal, Reproduction, Screening
from evonas.space import G, Offspring, SearchSpace
from evonas.types import Doubles, Json

#: One in ``ETA`` is promoted to the next rung whatever its rank (Li 2018, https://jmlr.org/papers/v18/16-558.html).
ETA = 3


class Generational(ABC, Generic[G]):
    """Batches of new individuals, evaluated at the first rung's budget; promising ones go on to the next rung.

    A member is promoted if it is among the best third of its batch, or if no evaluation so far at the same rung
    dominates it; only evaluations at the same rung are compared. A batch has several rungs if it began with evaluations
    of another run. Subclasses define how individuals are created and what is learned.

    Args:
        space: Search space of the genotypes.
        objectives: Objectives and constraints of the search.
        generations: Number of batches after the founders.
        rungs: Ascending budgets.
        rng: The searcher's own generator.
        screening: Breed several individuals for each trial and keep the most promising; founders of an evolution are
            not screened.

    Raises:
        ValueError: ``generations`` is negative, or ``rungs`` are not ascending, or the first is negative.
    """

    def __init__(
        self, space: SearchSpace[G], objectives: Objectives, *, generations: int, rungs: tuple[int, ...],
        rng: np.random.Generator, screening: Screening[G] | None = None,
    ) -> None:
        if generations < 0:
            raise ValueError(f"generations must not be negative, got {generations}")
        if not rungs or rungs[0] < 0 or any(low >= high for low, high in pairwise(rungs)):
            raise ValueError(f"rungs must be ascending budgets of at least 0, got {list(rungs)}")
        self._space, self._objectives, self._rng = space, objectives, rng
        self._generations, self._rungs, self._screening = generations, rungs, screening
        self._reproduction = Reproduction(space, objectives)
        self._generation = 0
        self._asked: Sequence[Trial[G]] = []
        #: Trials of earlier generations without an evaluation, by their keys; see :mod:`evonas.search.steady_state`.
        self._waiting: dict[tuple[int, int], Trial[G]] = {}
        self._promoted: list[Member[G]] = []
        #: For each rung but the last: the non-dominated members of all evaluations so far.
        self._rivals: list[list[Member[G]]] = [[] for _ in rungs[1:]]

    @property
    def objectives(self) -> Objectives:
        """Objectives and constraints of the search."""
        return self._objectives

    @abstractmethod
    def _bear(self) -> Sequence[Trial[G]]:
        """The first trials of this generation."""

    @abstractmethod
    def _learn(self, members: list[Member[G]]) -> None:
        """Learn from a batch of evaluations."""

    def ask(self) -> Sequence[Trial[G]]:
        """The next batch: the promoted members of this generation, if any, else the next generation, drawn on access.

        Raises:
            RuntimeError: The trials of the last call have not been told yet.
        """
        if self._asked:
            raise RuntimeError(f"ask() before tell(): {len(self._asked)} trials wait for an evaluation")
        if self._promoted:
            self._asked = [Trial(m.individual, self._rungs[self._rung(m) + 1]) for m in self._promoted]
        elif self._generation <= self._generations:
            self._asked = self._bear()
        return self._asked

    def tell(self, evaluations: Sequence[Evaluation[G]]) -> None:
        """Decide which members are promoted, and learn from the evaluations.

        Raises:
            ValueError: The evaluations are not those of the asked trials, in the order of :meth:`ask`.
        """
        if not self._asked or [e.key for e in evaluations] != [t.key for t in self._asked]:
            raise ValueError("tell() needs one evaluation for each asked trial, in the order of ask()")
        self._end([Member(t.individual, e) for t, e in zip(self._asked, evaluations, strict=True)])

    def _end(self, members: list[Member[G]]) -> None:
        """End a generation: promote some of the members, and learn from all."""
        self._promoted = []
        for rung in range(len(self._rungs) - 1):
            if peers := [m for m in members if self._rung(m) == rung]:
                self._promoted += self._promising(peers, rung)
        self._promoted.sort(key=lambda member: member.individual.id)
        if members:
            self._learn(members)
        self._asked = []
        self._generation += not self._promoted

    def _rung(self, member: Member[G]) -> int:
        return rung_of(member.evaluation.budget, self._rungs)

    def _confirmed(self, member: Member[G]) -> bool:
        """Whether a member's evaluation is at the last rung."""
        return self._rung(member) == len(self._rungs) - 1

    def _promising(self, members: list[Member[G]], rung: int) -> list[Member[G]]:
        rivals = self._rivals[rung]
        ranking = self._rank(rivals + members)
        self._rivals[rung] = self._front(rivals + members)
        best = ranking.order()
        best = best[best >= len(rivals)]
        chosen = [i for place, i in enumerate(best) if place < ceil(len(members) / ETA) or ranking.rank[i] == 0]
        batch = [members[i - len(rivals)] for i in sorted(chosen)]
        return [member for member in batch if member.evaluation.status == "ok"]

    def _rank(self, members: list[Member[G]]) -> Ranking:
        return rank_and_crowd(*self._losses(members))

    def _losses(self, members: list[Member[G]]) -> tuple[Doubles, Doubles]:
        """The objectives F, ``(n, n_objectives)``, and the violations, ``(n,)``."""
        evaluations = [m.evaluation for m in members]
        return self._objectives.matrix(evaluations), self._objectives.violations(evaluations)

    def _front(self, members: list[Member[G]]) -> list[Member[G]]:
        return [members[i] for i in front(*self._losses(members))]

    def _found(self, n: int) -> Sequence[Trial[G]]:
        """Trials of ``n`` random individuals, spread over the space where it can do that."""
        return self._trials(lambda: (Offspring(self._sampled(), "sample"), ()), n)

    def _sampled(self) -> G:
        if isinstance(self._space, SpreadsFounders):
            founder: G = self._space.founder(self._reproduction.next_id, self._rng)
            return founder
        return self._space.sample(self._rng)

    def _trials(self, propose: Proposal[G], n: int, screening: Screening[G] | None = None) -> Sequence[Trial[G]]:
        """The first trials of ``n`` new individuals.

        Args:
            propose: Draws an offspring and its parents.
            n: Number of trials.
            screening: Breed several individuals for each trial and keep the most promising.
        """
        return LazyTrials(lambda: self._trial(propose, screening), n)

    def _trial(self, propose: Proposal[G], screening: Screening[G] | None = None) -> Trial[G]:
        """The first trial of a new individual."""
        individual = self._reproduction.create(propose, generation=self._generation, screening=screening)
        return Trial(individual, self._rungs[0])

    def state(self) -> Json:
        """Progress, the generator's state, the promoted members, and the non-dominated members of each rung."""
        return {
            "generation": self._generation, "next_id": self._reproduction.next_id, "rng": self._rng.bit_generator.state,
            "promoted": keys(self._promoted), "rivals": [keys(members) for members in self._rivals],
        }

    def restore(self, state: Json, history: History[G]) -> None:
        """Continue exactly where :meth:`state` was taken.

        Raises:
            ValueError: A counter is no whole number.
        """
        for name in ("generation", "next_id"):
            if type(state[name]) is not int or state[name] < 0:
                raise ValueError(f"{name} must be a whole number, got {state[name]!r}")
        self._generation, self._rng.bit_generator.state = state["generation"], state["rng"]
        self._reproduction.restore(state["next_id"], history.digests(state["next_id"]))
        self._promoted = members_of(state["promoted"], history)
        self._rivals = [members_of(listed, history) for listed in state["rivals"]]


def rung_of(budget: int, rungs: Sequence[int]) -> int:
    """The last rung that a budget reaches; the first for budgets of other runs that reach none."""
    return bisect_right(rungs[1:], budget)


def keys(members: Sequence[Member[G]]) -> list[tuple[int, int]]:
    """The keys ``(id, budget)`` by which a state refers to members."""
    return [member.evaluation.key for member in members]


def members_of(keys: Sequence[tuple[int, int]], history: History[G]) -> list[Member[G]]:
    """The members with the given keys; inverse of :func:`keys`."""
    return [Member(history.individual(id), history.evaluation(id, budget)) for id, budget in keys]
