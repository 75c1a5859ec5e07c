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
    """Successive halving in turns from every rung: many genotypes from the lowest, a few at the full budget at once.

    With rungs 0 to ``s_max``, bracket ``s = s_max, ..., 0, s_max, ...`` begins at rung ``s_max - s`` with
    ``ceil((s_max + 1) / (s + 1) * eta**s)`` random genotypes. Published rungs grow by ``eta``; any that ascend will do.

    Args:
        space: Where genotypes come from.
        objectives: What is minimised.
        population, children: Not used: the sizes of brackets follow from the rungs.
        generations: Number of brackets after the first.
        rungs: Two budgets at least.
        settings: The share that goes on to the next rung.
        rng: The searcher's own generator.
    """

    traits: ClassVar[Traits] = Traits(HalvingSettings, MappingProxyType({"generations": 59}), "several")

    def _bear(self) -> Sequence[Trial[G]]:
        highest = len(self._rungs) - 1
        s = highest - self._generation % (highest + 1)
        self._size = ceil((highest + 1) / (s + 1) * self._eta**s)
        budget = self._rungs[highest - s]
        return [Trial(trial.individual, budget) for trial in super()._bear()]
