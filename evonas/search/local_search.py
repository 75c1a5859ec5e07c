"""Local search (White 2020, https://arxiv.org/abs/2005.02960).

With several objectives it is Pareto local search (Paquete 2004, https://doi.org/10.1007/978-3-642-17144-4_7).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import ClassVar

import numpy as np

from evonas.capabilities.variation import HasNeighbours
from evonas.individual import Member, Trial
from evonas.objectives import Objectives
from evonas.search.base import History, Traits, check_rungs
from evonas.search.generational import Generational, keys, members_of
from evonas.space import G, Offspring, SearchSpace
from evonas.types import Json


@dataclass(frozen=True)
class LocalSearchSettings:
    """Settings of the table ``searcher_options``.

    Attributes:
        mutants: Number of mutants that stand for the neighbours of a genotype if the space lists none.
    """

    mutants: int = 20


class LocalSearch(Generational[G]):
    """Evaluation of neighbours of the best: the search moves to a better one and restarts if there is none.

    The best are a front, which is a single point with one objective. Of its members whose neighbours are not all
    evaluated, those at its ends or with the largest crowding distance come first.

    Args:
        space: Search space of the genotypes.
        objectives: Objectives and constraints of the search.
        population: Number of random genotypes of a start; the search begins at the best of them.
        children: Number of neighbours, in random order, that are evaluated before the search moves: with 1 it moves to
            the first better one, with as many as there are to the best of all.
        generations: Number of batches after the first.
        rungs: One budget.
        settings: Settings for spaces that list no neighbours.
        rng: The searcher's own generator.

    Raises:
        ValueError: A number is out of range.
    """

    traits: ClassVar[Traits] = Traits(
        LocalSearchSettings, MappingProxyType({"population": 10, "children": 1, "generations": 630})
    )

    def __init__(
        self, space: SearchSpace[G], objectives: Objectives, *, population: int = 10, children: int = 1,
        generations: int = 630, rungs: tuple[int, ...] = (1,), settings: LocalSearchSettings = LocalSearchSettings(),
        rng: np.random.Generator,
    ) -> None:
        if population < 1 or children < 1 or settings.mutants < 1:
            raise ValueError(f"population, children and mutants must be at least 1, got {population}, {children} and "
                             f"{settings.mutants}")
        super().__init__(space, objectives, generations=generations, rungs=rungs, rng=rng)
        check_rungs(rungs, "one")
        self._n_starts, self._n_children, self._n_mutants = population, children, settings.mutants
        #: The best since the last start, the ids of those without neighbours left, and the number of mutants of others.
        self._best: list[Member[G]] = []
        self._explored: set[int] = set()
        self._tried: Counter[int] = Counter()

    def _bear(self) -> Sequence[Trial[G]]:
        while unexplored := [m for m in self._best if m.individual.id not in self._explored]:
            member = unexplored[self._rank(unexplored).order()[0]]
            if trials := self._around(member):
                return trials
            self._explored.add(member.individual.id)
        self._best, self._explored, self._tried = [], set(), Counter()
        return self._found(self._n_starts)

    def _around(self, member: Member[G]) -> Sequence[Trial[G]]:
        """Trials of the next neighbours that have not been evaluated."""
        if not isinstance(self._space, HasNeighbours):
            n = min(self._n_children, self._n_mutants - self._tried[member.individual.id])
            self._tried[member.individual.id] += n
            return self._trials(lambda: (self._space.mutate(member.genotype, self._rng), (member,)), n)
        neighbours = self._reproduction.new_neighbours(member.genotype)
        order = self._rng.permutation(len(neighbours))[: self._n_children]
        return [self._neighbour(neighbours[i], member) for i in order]

    def _neighbour(self, genotype: G, member: Member[G]) -> Trial[G]:
        return self._trial(lambda: (Offspring(genotype, "neighbour"), (member,)))

    def _learn(self, members: list[Member[G]]) -> None:
        self._best = self._front(self._best + members)

    def state(self) -> Json:
        """The common state, the best since the last start, and how far their neighbours are explored."""
        return {
            **super().state(), "best": keys(self._best), "explored": sorted(self._explored),
            "tried": sorted(self._tried.items()),
        }

    def restore(self, state: Json, history: History[G]) -> None:
        """Continue exactly where :meth:`state` was taken."""
        super().restore(state, history)
        self._best, self._explored = members_of(state["best"], history), set(state["explored"])
        self._tried = Counter(dict(state["tried"]))
