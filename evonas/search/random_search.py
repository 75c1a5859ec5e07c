"""Random search: the baseline at equal budget (Bergstra 2012, https://jmlr.org/papers/v13/bergstra12a.html)."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from evonas.individual import Member, Trial
from evonas.objectives import Objectives
from evonas.search.reproduction import Screening
from evonas.search.steady_state import SteadyState
from evonas.space import G, Offspring, SearchSpace


class RandomSearch(SteadyState[G]):
    """Founders only: as many as an NSGA-II with the same numbers evaluates, in the same batches.

    With several rungs it is successive halving by rank (Jamieson 2016, https://arxiv.org/abs/1502.07943). Founders need
    not be random samples of the space: networks of a seeder are drawn in the same way.

    Args:
        space: Search space of the genotypes.
        objectives: Constraints, which are kept, and objectives, which decide promotions; nothing is learned from them.
        population: Size of the first batch.
        children: Size of every further batch.
        generations: Number of further batches.
        rungs: Ascending budgets; see :class:`Generational`.
        draw: Creates founder number ``index``; None samples the space.
        rng: The searcher's own generator.
        screening: Draw several founders for each trial and keep the most promising.

    Raises:
        ValueError: A number is out of range.
    """

    def __init__(
        self, space: SearchSpace[G], objectives: Objectives, *, population: int = 40, children: int = 20,
        generations: int = 30, rungs: tuple[int, ...] = (1,),
        draw: Callable[[int, np.random.Generator], Offspring[G]] | None = None, rng: np.random.Generator,
        screening: Screening[G] | None = None,
    ) -> None:
        if population < 1 or children < 1:
            raise ValueError(f"population and children must be at least 1, got {population} and {children}")
        super().__init__(space, objectives, generations=generations, rungs=rungs, rng=rng, screening=screening)
        self._population, self._children = population, children
        self._draw = draw or (lambda index, rng: Offspring(space.sample(rng), "sample"))

    def _bear(self) -> Sequence[Trial[G]]:
        n = self._children if self._generation else self._population
        return self._trials(lambda: (self._draw(self._reproduction.next_id, self._rng), ()), n, self._screening)

    def _learn(self, members: list[Member[G]]) -> None:
        """Learn nothing."""
