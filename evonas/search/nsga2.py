"""NSGA-II (Deb 2002, https://doi.org/10.1109/4235.996017) with aging survival and parents from the archive."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Generic

import numpy as np

from evonas.individual import Evaluation, Individual, Member, Trial
from evonas.objectives import Objectives
from evonas.pareto import front, rank_and_crowd
from evonas.search.base import History
from evonas.search.births import Births
from evonas.search.survival import SURVIVALS
from evonas.space import G, Offspring, SearchSpace
from evonas.types import Ints, Json


class NSGA2(Generic[G]):
    """A population under mutation, crossover and selection, beside an unbounded archive of non-dominated members.

    Args:
        space: Where genotypes come from.
        objectives: What is minimised.
        population: Survivors of a generation.
        children: Offspring of a generation.
        generations: Number of generations after the founders.
        budget: Budget of every trial.
        survival: ``"aging"``, ``"aging-dominated"`` or ``"elitist"``.
        crossover_rate: Probability that an offspring has two parents.
        archive_share: Probability that a parent is drawn from the archive's front instead of a tournament.
        tournament: Members that compete to be a parent.
        rng: The searcher's own generator.

    Raises:
        ValueError: A number is out of range.
    """

    def __init__(
        self, space: SearchSpace[G], objectives: Objectives, *, population: int = 40, children: int = 20,
        generations: int = 30, budget: int = 1, survival: str = "aging-dominated", crossover_rate: float = 0.1,
        archive_share: float = 0.2, tournament: int = 3, rng: np.random.Generator,
    ) -> None:
        if population < 2:
            raise ValueError(f"population must be at least 2, got {population}")
        if children < 1:
            raise ValueError(f"children must be at least 1, got {children}")
        self._space, self._objectives, self._rng = space, objectives, rng
        self._size, self._n_children, self._generations, self._budget = population, children, generations, budget
        self._survival = SURVIVALS[survival]
        self._crossover_rate, self._archive_share, self._tournament_size = crossover_rate, archive_share, tournament
        self._births = Births(space, objectives)
        self._generation = 0
        self._population: list[Member[G]] = []
        self._archive: list[Member[G]] = []
        self._asked: list[Trial[G]] = []

    def ask(self) -> list[Trial[G]]:
        """The founders, then the children of each generation."""
        if self._asked:
            raise RuntimeError(f"ask() before tell(): {len(self._asked)} trials wait for an evaluation")
        if self._generation <= self._generations:
            born = self._breed() if self._population else self._found()
            self._asked = [Trial(individual, self._budget) for individual in born]
        return list(self._asked)

    def tell(self, evaluations: Sequence[Evaluation[G]]) -> None:
        """Selection."""
        if [e.key for e in evaluations] != [t.key for t in self._asked]:
            raise ValueError("tell() needs one evaluation for each asked trial, in the order of ask()")
        born = [Member(t.individual, e) for t, e in zip(self._asked, evaluations, strict=True)]
        self._population = self._survive(self._population + born)
        self._archive = self._front(self._archive + born)
        self._asked, self._generation = [], self._generation + 1

    def _found(self) -> list[Individual[G]]:
        return [
            self._births.born(lambda: (Offspring(self._space.sample(self._rng), "sample"), ()), generation=0)
            for _ in range(self._size)
        ]

    def _breed(self) -> list[Individual[G]]:
        evaluations = [m.evaluation for m in self._population]
        order = rank_and_crowd(self._objectives.matrix(evaluations), self._objectives.violations(evaluations)).order()
        fitness = np.empty(len(order), dtype=np.int64)
        fitness[order] = np.arange(len(order))
        return [
            self._births.born(lambda: self._propose(fitness), generation=self._generation)
            for _ in range(self._n_children)
        ]

    def _propose(self, fitness: Ints) -> tuple[Offspring[G], tuple[Member[G], ...]]:
        first = self._parent(fitness)
        if self._rng.random() < self._crossover_rate:
            second = self._parent(fitness)
            if second.genotype != first.genotype:
                return self._space.crossover(first.genotype, second.genotype, self._rng), (first, second)
        return self._space.mutate(first.genotype, self._rng), (first,)

    def _parent(self, fitness: Ints) -> Member[G]:
        if self._archive and self._rng.random() < self._archive_share:
            return self._archive[int(self._rng.integers(len(self._archive)))]
        contestants = self._rng.integers(len(fitness), size=self._tournament_size)
        return self._population[int(contestants[np.argmin(fitness[contestants])])]

    def _survive(self, members: list[Member[G]]) -> list[Member[G]]:
        evaluations = [m.evaluation for m in members]
        ranking = rank_and_crowd(self._objectives.matrix(evaluations), self._objectives.violations(evaluations))
        births = np.array([m.individual.birth for m in members])
        ids = np.array([m.individual.id for m in members])
        failed = np.array([e.status == "failed" for e in evaluations])
        return [members[i] for i in self._survival(births, ids, failed, ranking, self._size)]

    def _front(self, members: list[Member[G]]) -> list[Member[G]]:
        evaluations = [m.evaluation for m in members]
        best = front(self._objectives.matrix(evaluations), self._objectives.violations(evaluations))
        return [members[i] for i in best]

    def state(self) -> Json:
        """Ids of the population and of the archive, and the generator's state."""
        return {
            "generation": self._generation, "next_id": self._births.next_id, "rng": self._rng.bit_generator.state,
            "population": [m.evaluation.key for m in self._population],
            "archive": [m.evaluation.key for m in self._archive],
        }

    def restore(self, state: Json, history: History[G]) -> None:
        """Go on exactly where :meth:`state` was taken."""
        self._generation, self._rng.bit_generator.state = state["generation"], state["rng"]
        self._births.restore(state["next_id"], history.digests(state["next_id"]))
        self._population, self._archive = (
            [Member(history.individual(id), history.evaluation(id, budget)) for id, budget in state[name]]
            for name in ("population", "archive")
        )
