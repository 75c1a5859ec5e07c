"""Regularized evolution (Real 2019, https://arxiv.org/abs/1802.01548)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import ClassVar

import numpy as np

from evonas.individual import Member, Trial
from evonas.objectives import Objectives
from evonas.search.base import History, Traits, check_rungs
from evonas.search.generational import keys, members_of
from evonas.search.steady_state import SteadyState
from evonas.space import G, Offspring, SearchSpace
from evonas.types import Json


@dataclass(frozen=True)
class RegularizedEvolutionSettings:
    """Settings of the table ``searcher_options``.

    Attributes:
        sample: Members of a tournament, drawn from the population without replacement.
    """

    sample: int = 25


class RegularizedEvolution(SteadyState[G]):
    """Evolution with aging: the best of a tournament is mutated, the child joins the population, and the oldest leaves.

    With several objectives the best is by rank, then by crowding distance.

    Args:
        space: Search space of the genotypes.
        objectives: Objectives and constraints of the search.
        population: Size of the population, which begins with random samples.
        children: Mutants between two changes of the population: 1 as published, more if trials run in parallel.
        generations: Number of batches of children.
        rungs: One budget.
        settings: Size of the tournament.
        rng: The searcher's own generator.

    Raises:
        ValueError: A number is out of range.
    """

    traits: ClassVar[Traits] = Traits(
        RegularizedEvolutionSettings, MappingProxyType({"population": 100, "children": 1, "generations": 540})
    )

    def __init__(
        self, space: SearchSpace[G], objectives: Objectives, *, population: int = 100, children: int = 1,
        generations: int = 540, rungs: tuple[int, ...] = (1,),
        settings: RegularizedEvolutionSettings = RegularizedEvolutionSettings(), rng: np.random.Generator,
    ) -> None:
        if population < 2 or children < 1:
            raise ValueError(f"population must be at least 2, children at least 1, got {population} and {children}")
        if settings.sample < 1:
            raise ValueError(f"sample must be at least 1, got {settings.sample}")
        super().__init__(space, objectives, generations=generations, rungs=rungs, rng=rng)
        check_rungs(rungs, "one")
        self._size, self._n_children, self._sample = population, children, min(settings.sample, population)
        #: The population, the oldest first.
        self._queue: list[Member[G]] = []

    def _bear(self) -> Sequence[Trial[G]]:
        if not self._queue:
            return self._found(self._size)
        return self._trials(self._propose, self._n_children)

    def _propose(self) -> tuple[Offspring[G], tuple[Member[G], ...]]:
        drawn = self._rng.choice(len(self._queue), min(self._sample, len(self._queue)), replace=False)
        contestants = [self._queue[i] for i in drawn]
        best = contestants[self._rank(contestants).order()[0]]
        return self._space.mutate(best.genotype, self._rng), (best,)

    def _learn(self, members: list[Member[G]]) -> None:
        self._queue = (self._queue + members)[-self._size :]

    def state(self) -> Json:
        """The common state and the population by age."""
        return {**super().state(), "queue": keys(self._queue)}

    def restore(self, state: Json, history: History[G]) -> None:
        """Continue exactly where :meth:`state` was taken."""
        super().restore(state, history)
        self._queue = members_of(state["queue"], history)
