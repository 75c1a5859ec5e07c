"""Numbering the individuals of a run, and refusing those that are not worth a trial."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Generic, TypeAlias

from evonas.individual import Individual, Member
from evonas.objectives import Objectives
from evonas.space import G, Offspring, SearchSpace

#: Draws until a genotype is new and keeps the constraints on its cost; then the least bad one is taken.
ATTEMPTS = 20

#: Draws an offspring and names its parents; the first is the one whose weights are inherited.
Proposal: TypeAlias = Callable[[], tuple[Offspring[G], tuple[Member[G], ...]]]


class Births(Generic[G]):
    """Gives ids in the order of birth and never the same genotype twice, as far as the space allows.

    Constraints on metrics that follow from the structure alone are checked here, before a trial is spent on them.
    """

    def __init__(self, space: SearchSpace[G], objectives: Objectives) -> None:
        self._space, self._objectives = space, objectives
        self._seen: set[str] = set()
        self.next_id = 0

    def born(self, propose: Proposal[G], *, generation: int) -> Individual[G]:
        """The first acceptable of up to :data:`ATTEMPTS` proposals."""
        least, best = float("inf"), None
        for _ in range(ATTEMPTS):
            child, parents = propose()
            badness = self._badness(child.genotype)
            if badness < least:
                least, best = badness, (child, parents)
            if badness == 0:
                break
        assert best is not None
        (genotype, operator), parents = best
        self._seen.add(genotype.digest)
        individual = Individual(self.next_id, genotype, generation, operator, tuple(p.individual.id for p in parents))
        self.next_id += 1
        return individual

    def _badness(self, genotype: G) -> float:
        violation = self._objectives.violation(self._space.cost(genotype)) if self._objectives.constraints else 0.0
        return violation + (1e6 if genotype.digest in self._seen else 0.0)

    def restore(self, next_id: int, digests: Iterable[str]) -> None:
        """Go on after the individuals with these digests."""
        self.next_id, self._seen = next_id, set(digests)
