"""Random search: the baseline at equal budget (Bergstra 2012, https://jmlr.org/papers/v13/bergstra12a.html)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Generic

import numpy as np

from evonas.individual import Evaluation, Trial
from evonas.objectives import Objectives
from evonas.search.base import History
from evonas.search.births import Births
from evonas.space import G, Offspring, SearchSpace
from evonas.types import Json


class RandomSearch(Generic[G]):
    """Founders only: as many as an NSGA-II with the same numbers evaluates, in the same batches.

    Args:
        space: Where genotypes come from.
        objectives: Its constraints are kept, nothing is learned from the rest.
        population: Size of the first batch.
        children: Size of every further batch.
        generations: Number of further batches.
        budget: Budget of every trial.
        rng: The searcher's own generator.
    """

    def __init__(
        self, space: SearchSpace[G], objectives: Objectives, *, population: int = 40, children: int = 20,
        generations: int = 30, budget: int = 1, rng: np.random.Generator,
    ) -> None:
        self._space, self._rng, self._budget = space, rng, budget
        self._population, self._children, self._generations = population, children, generations
        self._births: Births[G] = Births(space, objectives)
        self._generation = 0
        self._asked: list[Trial[G]] = []

    def ask(self) -> list[Trial[G]]:
        """A batch of founders."""
        if self._asked:
            raise RuntimeError(f"ask() before tell(): {len(self._asked)} trials wait for an evaluation")
        if self._generation <= self._generations:
            born = [
                self._births.born(
                    lambda: (Offspring(self._space.sample(self._rng), "sample"), ()), generation=self._generation
                )
                for _ in range(self._children if self._generation else self._population)
            ]
            self._asked = [Trial(individual, self._budget) for individual in born]
        return list(self._asked)

    def tell(self, evaluations: Sequence[Evaluation[G]]) -> None:
        """Nothing is learned."""
        if [e.key for e in evaluations] != [t.key for t in self._asked]:
            raise ValueError("tell() needs one evaluation for each asked trial, in the order of ask()")
        self._asked, self._generation = [], self._generation + 1

    def state(self) -> Json:
        """Progress and the generator's state."""
        return {
            "generation": self._generation, "next_id": self._births.next_id, "rng": self._rng.bit_generator.state,
        }

    def restore(self, state: Json, history: History[G]) -> None:
        """Go on exactly where :meth:`state` was taken."""
        self._generation, self._rng.bit_generator.state = state["generation"], state["rng"]
        self._births.restore(state["next_id"], history.digests(state["next_id"]))
