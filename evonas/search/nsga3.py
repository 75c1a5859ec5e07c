"""NSGA-III (Deb 2014, https://doi.org/10.1109/TEVC.2013.2281535): for three objectives and more."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from evonas.individual import Member, Trial
from evonas.objectives import Objectives
from evonas.objectives.pareto import Extent, niched, reference_directions
from evonas.search.base import History, Traits, check_rungs
from evonas.search.generational import keys, members_of
from evonas.search.steady_state import SteadyState
from evonas.space import G, Offspring, SearchSpace
from evonas.types import Json


@dataclass(frozen=True)
class NSGA3Settings:
    """Settings of the table ``searcher_options``.

    Attributes:
        crossover_rate: Probability that a child has two parents before it is mutated.
    """

    crossover_rate: float = 0.5


class NSGA3(SteadyState[G]):
    """A population that is spread over reference directions in the space of the objectives.

    There are as many directions as members of the population, or a few less. Parents are drawn at random; of two that
    break constraints the one with the smaller violation is taken.

    Args:
        space: Search space of the genotypes.
        objectives: Objectives and constraints of the search.
        population: Number of survivors of a generation.
        children: Number of offspring of a generation.
        generations: Number of generations after the founders.
        rungs: One budget.
        settings: Settings of reproduction.
        rng: The searcher's own generator.

    Raises:
        ValueError: A number is out of range.
    """

    traits: ClassVar[Traits] = Traits(NSGA3Settings)

    def __init__(
        self, space: SearchSpace[G], objectives: Objectives, *, population: int = 40, children: int = 20,
        generations: int = 30, rungs: tuple[int, ...] = (1,), settings: NSGA3Settings = NSGA3Settings(),
        rng: np.random.Generator,
    ) -> None:
        if population < 2 or children < 1:
            raise ValueError(f"population must be at least 2, children at least 1, got {population} and {children}")
        if not 0 <= settings.crossover_rate <= 1:
            raise ValueError(f"crossover_rate must be a probability, got {settings.crossover_rate}")
        super().__init__(space, objectives, generations=generations, rungs=rungs, rng=rng)
        check_rungs(rungs, "one")
        self._size, self._n_children, self._crossover_rate = population, children, settings.crossover_rate
        self._directions = reference_directions(len(objectives.items), population)
        self._population: list[Member[G]] = []
        self._extent: Extent | None = None

    def _bear(self) -> Sequence[Trial[G]]:
        if not self._population:
            return self._found(self._size)
        _, violations = self._losses(self._population)
        return self._trials(lambda: self._propose(violations), self._n_children)

    def _propose(self, violations: np.ndarray) -> tuple[Offspring[G], tuple[Member[G], ...]]:
        first, second = (self._parent(violations) for _ in range(2))
        if self._rng.random() >= self._crossover_rate or first.genotype == second.genotype:
            return self._space.mutate(first.genotype, self._rng), (first,)
        crossed = self._space.crossover(first.genotype, second.genotype, self._rng)
        return self._space.mutate(crossed.genotype, self._rng), (first, second)

    def _parent(self, violations: np.ndarray) -> Member[G]:
        pair = self._rng.choice(len(self._population), 2)
        return self._population[int(pair[np.argmin(violations[pair])])]

    def _learn(self, members: list[Member[G]]) -> None:
        candidates = self._population + members
        F, violations = self._losses(candidates)
        feasible = np.flatnonzero((violations <= 0) & np.isfinite(F).all(axis=1))
        if len(feasible) > self._size:
            places, self._extent = niched(F[feasible], self._size, self._directions, self._extent, self._rng)
            chosen = feasible[places]
        else:  # all of them and the best of the others
            chosen = np.sort(self._rank(candidates).order()[: self._size])
        self._population = [candidates[i] for i in chosen]

    def state(self) -> Json:
        """The common state, the population, and the range of the objectives seen so far."""
        extent = None if self._extent is None else [each.tolist() for each in self._extent]
        return {**super().state(), "population": keys(self._population), "extent": extent}

    def restore(self, state: Json, history: History[G]) -> None:
        """Continue exactly where :meth:`state` was taken."""
        super().restore(state, history)
        self._population = members_of(state["population"], history)
        self._extent = None if state["extent"] is None else Extent(*(np.array(each) for each in state["extent"]))
