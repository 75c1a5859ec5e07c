"""The ask-tell contract of searchers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, Literal, NamedTuple, Protocol

import numpy as np

from evonas.individual import Evaluation, Individual, Trial
from evonas.objectives import Objectives
from evonas.space import G, SearchSpace
from evonas.types import Json


class History(Protocol[G]):
    """What a restored searcher can look up; the run's store is one."""

    def individual(self, id: int) -> Individual[G]:
        """An individual that was asked for."""
        ...

    def evaluation(self, id: int, budget: int) -> Evaluation[G]:
        """The evaluation of a trial."""
        ...

    def digests(self, before: int) -> Iterable[str]:
        """Digests of the genotypes of all individuals with an id below ``before``."""
        ...


class Searcher(Protocol[G]):
    """Proposes trials, learns from evaluations. Holds no files, no torch, no threads."""

    def ask(self) -> Sequence[Trial[G]]:
        """The next trials; empty at the end of the search. ``RuntimeError`` if evaluations are due.

        Where it takes long to draw them, they may be drawn when they are looked at: always from the first on.
        """
        ...

    def tell(self, evaluations: Sequence[Evaluation[G]]) -> None:
        """One evaluation for each asked trial, in the order of :meth:`ask`; else ``ValueError``."""
        ...

    def state(self) -> Json:
        """All that :meth:`restore` needs beside the history; valid between ``tell`` and ``ask``."""
        ...

    def restore(self, state: Json, history: History[G]) -> None:
        """Go on exactly where :meth:`state` was taken."""
        ...


class Traits(NamedTuple):
    """What the command line should know of a searcher before it makes one.

    Attributes:
        settings: A frozen dataclass of the searcher's own settings, which the table ``searcher_options`` fills, and
            which it then takes as the argument ``settings``; None where it has none.
        defaults: Of ``population``, ``children`` and ``generations``, where they are not those of all searchers.
        rungs: How many budgets it takes.
    """

    settings: type[Any] | None = None
    defaults: Mapping[str, int] = MappingProxyType({})
    rungs: Literal["one", "several", "any"] = "one"


class SearcherFactory(Protocol):
    """What makes a searcher, as a rule its class; an entry point of the group ``evonas.searchers`` resolves to one.

    Where it has an attribute ``traits``, that is a :class:`Traits`.
    """

    def __call__(
        self, space: SearchSpace[Any], objectives: Objectives, *, population: int, children: int, generations: int,
        rungs: tuple[int, ...], rng: np.random.Generator,
    ) -> Searcher[Any]:
        """A new searcher.

        Args:
            space: Where genotypes come from.
            objectives: What is minimised.
            population: Individuals of the first batch.
            children: Of every further batch.
            generations: Number of further batches.
            rungs: Ascending budgets.
            rng: The searcher's own generator, of which :meth:`Searcher.state` keeps the state.

        Raises:
            ValueError: A number is out of range, or the space lacks what the searcher needs.
        """
        ...


def traits_of(factory: object) -> Traits:
    """What a factory says of its searchers; of those that say nothing that they take any rungs."""
    traits = getattr(factory, "traits", None)
    return traits if isinstance(traits, Traits) else Traits(rungs="any")


def check_rungs(rungs: Sequence[int], wanted: Literal["one", "several"]) -> None:
    """Raises ``ValueError`` unless there are as many budgets as a searcher takes."""
    if wanted == "one" and len(rungs) != 1:
        raise ValueError(f"this searcher compares networks at one budget, got {list(rungs)}: give epochs, not rungs")
    if wanted == "several" and len(rungs) < 2:
        raise ValueError(f"this searcher needs two budgets at least, got {list(rungs)}: give rungs, like 2,6,18")
