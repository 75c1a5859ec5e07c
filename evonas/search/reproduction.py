"""Numbering of a run's individuals, and rejection of duplicates and of those that break structural constraints."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Generic, NamedTuple, TypeAlias, overload

import numpy as np

from evonas.capabilities.variation import HasNeighbours
from evonas.individual import Individual, Member, Trial
from evonas.objectives import Objectives
from evonas.space import G, Offspring, SearchSpace
from evonas.types import Doubles

#: Largest number of draws for a genotype that is new and keeps the constraints on its cost; else the least bad is
#: taken.
ATTEMPTS = 20

#: Draws an offspring and names its parents; the first is the one whose weights are inherited.
Proposal: TypeAlias = Callable[[], tuple[Offspring[G], tuple[Member[G], ...]]]


class Screening(NamedTuple, Generic[G]):
    """Several individuals are bred for each that is born.

    Attributes:
        promise: Scores of genotypes, ``(n,)``, of which the one with the highest is taken. A pure function.
        n_bred: Offspring of which one is taken.
    """

    promise: Callable[[Sequence[G]], Doubles]
    n_bred: int


class Reproduction(Generic[G]):
    """Makes individuals with ids in their order, and never the same genotype twice as far as the space allows.

    Constraints on metrics that follow from the structure alone are checked here, before a trial is spent on them.
    """

    def __init__(self, space: SearchSpace[G], objectives: Objectives) -> None:
        self._space, self._objectives = space, objectives
        self._seen: set[str] = set()
        self.next_id = 0

    def create(
        self, propose: Proposal[G], *, generation: int, screening: Screening[G] | None = None
    ) -> Individual[G]:
        """An individual from the first acceptable of up to :data:`ATTEMPTS` proposals.

        Args:
            propose: Draws an offspring.
            generation: The generation of the individual.
            screening: Choice of the most promising of several offspring; None takes each.
        """
        (genotype, operator), parents = self._screened(propose, screening) if screening else self._bred(propose)[1]
        self._seen.add(genotype.digest)
        individual = Individual(self.next_id, genotype, generation, operator, tuple(p.individual.id for p in parents))
        self.next_id += 1
        return individual

    def _screened(self, propose: Proposal[G], screening: Screening[G]) -> tuple[Offspring[G], tuple[Member[G], ...]]:
        bred = [self._bred(propose) for _ in range(screening.n_bred)]
        least = min(badness for badness, _ in bred)
        able = [drawn for badness, drawn in bred if badness == least]
        return able[int(np.argmax(screening.promise([child.genotype for child, _ in able])))]

    def _bred(self, propose: Proposal[G]) -> tuple[float, tuple[Offspring[G], tuple[Member[G], ...]]]:
        """The first acceptable of some proposals, or the least bad one, and how bad it is."""
        least, best = float("inf"), None
        for _ in range(ATTEMPTS):
            child, parents = propose()
            badness = self._badness(child.genotype)
            if badness < least:
                least, best = badness, (child, parents)
            if badness == 0:
                break
        assert best is not None
        return least, best

    def accepts(self, genotype: G) -> bool:
        """Whether a genotype is new and keeps the constraints on its cost."""
        return self._badness(genotype) == 0

    def new_neighbours(self, genotype: G) -> list[G]:
        """Neighbours of a genotype that :meth:`accepts` takes; none in a space that lists no neighbours."""
        if not isinstance(self._space, HasNeighbours):
            return []
        return [neighbour for neighbour in self._space.neighbours(genotype) if self.accepts(neighbour)]

    def _badness(self, genotype: G) -> float:
        violation = self._objectives.violation(self._space.cost(genotype)) if self._objectives.constraints else 0.0
        return violation + (1e6 if genotype.digest in self._seen else 0.0)

    def restore(self, next_id: int, digests: Iterable[str]) -> None:
        """Go on after the individuals with these digests."""
        self.next_id, self._seen = next_id, set(digests)


class LazyTrials(Sequence[Trial[G]]):
    """Trials that are drawn on first access, always in the order of their ids.

    A large founder takes seconds to draw: a run with little time reads only a few trials, and evaluates these first.

    Args:
        draw: Creates the next trial; is called at most ``n`` times.
        n: Number of trials.
    """

    def __init__(self, draw: Callable[[], Trial[G]], n: int) -> None:
        self._draw, self._n = draw, n
        self._drawn: list[Trial[G]] = []

    def __len__(self) -> int:
        return self._n

    @overload
    def __getitem__(self, index: int) -> Trial[G]: ...

    @overload
    def __getitem__(self, index: slice) -> Sequence[Trial[G]]: ...

    def __getitem__(self, index: int | slice) -> Trial[G] | Sequence[Trial[G]]:
        places = range(self._n)[index]
        last = max(places, default=-1) if isinstance(places, range) else places
        while len(self._drawn) <= last:
            self._drawn.append(self._draw())
        return self._drawn[places] if isinstance(places, int) else [self._drawn[place] for place in places]

    def __eq__(self, other: object) -> bool:
        return list(self) == list(other) if isinstance(other, Sequence) else NotImplemented

    __hash__ = None  # type: ignore[assignment]
