"""Hyperband (Li 2018, https://jmlr.org/papers/v18/16-558.html)."""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil
from types import MappingProxyType
from typing import ClassVar

from evonas.individual import Trial
from evonas.search.base import Traits
from evonas.search.successive_halving import HalvingSettings, SuccessiveHalving
from evonas.space import G


class Hyperband(SuccessiveHalving[G]):
    """Successive halving that starts at each rung in turn: many genotypes at the lowest, a few at the highest.

    With rungs 0 to ``s_max``, bracket ``s = s_max, ..., 0, s_max, ...`` begins at rung ``s_max - s`` with
    ``ceil((s_max + 1) / (s + 1) * eta**s)`` random genotypes. Published rungs grow by a factor of ``eta``; any
    ascending rungs are accepted.

    Args:
        space: Search space of the genotypes.
        objectives: Objectives and constraints of the search.
        population, children: Not used: the sizes of brackets follow from the rungs.
        generations: Number of brackets after the first.
        rungs: At least two budgets.
        settings: The share that is promoted to the next rung.
        rng: The searcher's own generator.
    """

    traits: ClassVar[Traits] = Traits(HalvingSettings, MappingProxyType({"generations": 59}), "several",
                                      unused=("population", "children"))

    def _bear(self) -> Sequence[Trial[G]]:
        highest = len(self._rungs) - 1
        s = highest - self._generation % (highest + 1)
        self._size = ceil((highest + 1) / (s + 1) * self._eta**s)
        budget = self._rungs[highest - s]
        return [Trial(trial.individual, budget) for trial in super()._bear()]
