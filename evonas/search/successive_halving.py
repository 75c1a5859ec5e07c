"""Successive halving (Jamieson 2016, https://arxiv.org/abs/1502.07943)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import ClassVar

import numpy as np

from evonas.individual import Member, Trial
from evonas.objectives import Objectives
from evonas.search.base import Traits, check_rungs
from evonas.search.generational import ETA, Generational
from evonas.space import G, SearchSpace


@dataclass(frozen=True)
class HalvingSettings:
    """Settings of the table ``searcher_options``.

    Attributes:
        eta: One in ``eta`` is promoted to the next rung.
    """

    eta: int = ETA


class SuccessiveHalving(Generational[G]):
    """Brackets of random genotypes, of which the best share of each rung is promoted to the next.

    The best are by Pareto rank, then by crowding distance. (:class:`RandomSearch` with rungs also promotes all
    non-dominated members, so that it spends more on the higher rungs.)

    Args:
        space: Search space of the genotypes.
        objectives: Objectives and constraints of the search.
        population: Number of genotypes in a bracket.
        children: Not used: every bracket is as large as the first.
        generations: Number of brackets after the first.
        rungs: At least two budgets.
        settings: The share that is promoted.
        rng: The searcher's own generator.

    Raises:
        ValueError: A number is out of range, or there are less than two budgets.
    """

    traits: ClassVar[Traits] = Traits(HalvingSettings, MappingProxyType({"generations": 9}), "several",
                                      unused=("children",))

    def __init__(
        self, space: SearchSpace[G], objectives: Objectives, *, population: int = 40, children: int = 20,
        generations: int = 9, rungs: tuple[int, ...] = (1, 3), settings: HalvingSettings = HalvingSettings(),
        rng: np.random.Generator,
    ) -> None:
        if population < 1:
            raise ValueError(f"population must be at least 1, got {population}")
        if settings.eta < 2:
            raise ValueError(f"eta must be at least 2, got {settings.eta}")
        super().__init__(space, objectives, generations=generations, rungs=rungs, rng=rng)
        check_rungs(rungs, "several")
        self._size, self._eta = population, settings.eta

    def _bear(self) -> Sequence[Trial[G]]:
        return self._found(self._size)

    def _promising(self, members: list[Member[G]], rung: int) -> list[Member[G]]:
        """The best ``1 / eta`` of the members that finished a rung, at least one, without failed ones."""
        best = self._rank(members).order()[: max(1, len(members) // self._eta)]
        return [members[i] for i in sorted(best) if members[i].evaluation.status == "ok"]

    def _learn(self, members: list[Member[G]]) -> None:
        """Learn nothing."""
