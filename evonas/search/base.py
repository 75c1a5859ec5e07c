"""The ask-tell contract of searchers."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Protocol

from evonas.individual import Evaluation, Individual, Trial
from evonas.space import G
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
