"""Standing of a run for its observers: its front so far, and how good that is."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

from evonas.front import default_reference, front, hypervolume
from evonas.individual import Evaluation
from evonas.objectives import Objectives
from evonas.store import Record
from evonas.types import Metrics


class Ended(NamedTuple):
    """An evaluation that has just ended, as far as a front depends on it."""

    id: int
    budget: int
    generation: int
    status: str
    metrics: Metrics

    @property
    def imported(self) -> bool:
        """Never: observers are told of the run's own evaluations."""
        return False


class Standing:
    """The evaluations that still matter to the front; grows with the run.

    Args:
        objectives: The run's.
        records: Evaluations that the run holds already.

    Attributes:
        generation: The one that goes on.
        members: The front when a generation last ended; None before that.
        current: Evaluations of the generation that goes on.
    """

    def __init__(self, objectives: Objectives, records: Iterable[Record] = ()) -> None:
        self.objectives = objectives
        self._records: list[Record | Ended] = list(records)
        self.generation = max((r.generation for r in self._records), default=0)
        self.members: list[Record | Ended] | None = None
        self.current: list[Record | Ended] = []

    def begin(self, generation: int) -> None:
        """Begin a generation; some of its trials may have been evaluated before the run was interrupted."""
        self.generation = generation
        self.current = [r for r in self._records if r.generation == generation]

    def add(self, evaluation: Evaluation[Any]) -> None:
        """A trial of the generation ended."""
        ended = Ended(*evaluation.key, self.generation, evaluation.status, evaluation.metrics)
        self._records.append(ended)
        self.current.append(ended)

    def end(self) -> None:
        """End the generation; from then on only its members of the front are kept."""
        self.members = front(self._records, self.objectives)
        kept = {r.id for r in self.members}
        self._records = [r for r in self._records if r.generation == 0 or r.id in kept]

    def hypervolume(self) -> float:
        """Hypervolume of the front when a generation last ended, from the founders' worst; 0 before that."""
        if self.members is None:
            return 0.0
        point = default_reference(self._records, self.objectives)
        return hypervolume(self.members, self.objectives, self.objectives.reference(point))
