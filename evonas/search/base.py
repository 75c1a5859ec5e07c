"""The ask-tell contract of searchers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, Literal, NamedTuple, Protocol, runtime_checkable

import numpy as np

from evonas.individual import Evaluation, Individual, Trial
from evonas.objectives import Objectives
from evonas.space import G, SearchSpace
from evonas.types import Json


class History(Protocol[G]):
    """Look-up of earlier individuals and evaluations for a searcher that is restored; the run's store implements it."""

    def individual(self, id: int) -> Individual[G]:
        """The individual with an id that the searcher asked for."""
        ...

    def evaluation(self, id: int, budget: int) -> Evaluation[G]:
        """The evaluation of a trial."""
        ...

    def digests(self, before: int) -> Iterable[str]:
        """Digests of the genotypes of all individuals with an id below ``before``."""
        ...


class Searcher(Protocol[G]):
    """A search strategy that proposes trials and learns from evaluations. It holds no files, no torch, no threads."""

    def ask(self) -> Sequence[Trial[G]]:
        """The next trials; empty at the end of the search.

        A sequence whose trials are slow to draw may draw each on first access, always in order from the first.

        Raises:
            RuntimeError: The trials of the last call have not been told yet.
        """
        ...

    def tell(self, evaluations: Sequence[Evaluation[G]]) -> None:
        """Learn from one evaluation for each asked trial, in the order of :meth:`ask`.

        Raises:
            ValueError: The evaluations are not those of the asked trials.
        """
        ...

    def state(self) -> Json:
        """Everything that :meth:`restore` needs beside the history; valid between ``tell`` and ``ask``."""
        ...

    def restore(self, state: Json, history: History[G]) -> None:
        """Continue exactly where :meth:`state` was taken."""
        ...


@runtime_checkable
class TellsSome(Protocol[G]):
    """Capability of a searcher: be told of some of the trials that it asked for, and asked for more before the others.

    It has the methods of :class:`Searcher`, too.
    """

    @property
    def under_way(self) -> Sequence[Trial[G]]:
        """The trials that were asked for before the last :meth:`tell_some`, and not told by then; part of the state."""
        ...

    def tell_some(self, evaluations: Sequence[Evaluation[G]]) -> None:
        """Learn from evaluations of asked trials, in any order; none at all is the end of a generation, too.

        All that :meth:`ask` returned has been drawn by then.

        Raises:
            ValueError: One is none of the trials that were asked for and not told.
        """
        ...

    def ask(self) -> Sequence[Trial[G]]:
        """Return trials, see :meth:`Searcher.ask`."""
        ...

    def state(self) -> Json:
        """Return the state, see :meth:`Searcher.state`, with the trials under way."""
        ...


class Traits(NamedTuple):
    """Properties of a searcher that the command line needs before it creates one.

    Attributes:
        settings: A frozen dataclass of the searcher's own settings. The table ``searcher_options`` fills it, and the
            searcher takes it as the argument ``settings``. None if the searcher has no settings.
        defaults: Values of ``population``, ``children`` and ``generations`` that differ from the common defaults.
        rungs: Number of budgets that the searcher takes.
        on_tables: Values of settings of a run that differ from the defaults where trials are looked up in a table.
            There a trial takes no time, and nothing is gained by trials that run side by side.
        unused: Those of ``population``, ``children`` and ``generations`` that the searcher takes and ignores.
    """

    settings: type[Any] | None = None
    defaults: Mapping[str, int] = MappingProxyType({})
    rungs: Literal["one", "several", "any"] = "one"
    on_tables: Mapping[str, Any] = MappingProxyType({})
    unused: tuple[str, ...] = ()


class SearcherFactory(Protocol):
    """A callable that creates a searcher, usually its class; entry points of the group ``evonas.searchers`` name one.

    If it has an attribute ``traits``, that is a :class:`Traits`.
    """

    def __call__(
        self, space: SearchSpace[Any], objectives: Objectives, *, population: int, children: int, generations: int,
        rungs: tuple[int, ...], rng: np.random.Generator,
    ) -> Searcher[Any]:
        """A new searcher.

        Args:
            space: Search space of the genotypes.
            objectives: Objectives and constraints of the search.
            population: Number of individuals in the first batch.
            children: Number of individuals in every further batch.
            generations: Number of further batches.
            rungs: Ascending budgets.
            rng: The searcher's own generator, whose state is part of :meth:`Searcher.state`.

        Raises:
            ValueError: A number is out of range, or the space lacks what the searcher needs.
        """
        ...


def traits_of(factory: object) -> Traits:
    """The traits that a factory declares; a factory without them takes any number of rungs."""
    traits = getattr(factory, "traits", None)
    return traits if isinstance(traits, Traits) else Traits(rungs="any")


def check_rungs(rungs: Sequence[int], wanted: Literal["one", "several"]) -> None:
    """Check that there are as many budgets as a searcher takes.

    Raises:
        ValueError: There are more or fewer.
    """
    if wanted == "one" and len(rungs) != 1:
        raise ValueError(f"this searcher compares networks at one budget, got {list(rungs)}: give epochs, not rungs")
    if wanted == "several" and len(rungs) < 2:
        raise ValueError(f"this searcher needs two budgets at least, got {list(rungs)}: give rungs, like 2,6,18")
