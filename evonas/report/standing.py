"""What a run has reached so far, for those who watch it: its front, and how good that is."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from evonas.front import default_reference, front, hypervolume
from evonas.individual import Evaluation
from evonas.objectives import Objectives
from evonas.store import Record


class Standing:
    """The evaluations that still matter to the front; grows with the run.

    Args:
        objectives: Of the run.
        records: What it holds already.

    Attributes:
        generation: The one that goes on.
        members: Of the front when a generation last ended; None where none has.
        born: Evaluations of the generation that goes on.
    """

    def __init__(self, objectives: Objectives, records: Iterable[Record] = ()) -> None:
        self.objectives = objectives
        self._records = list(records)
        self.generation = max((r.birth for r in self._records), default=0)
        self.members: list[Record] | None = None
        self.born: list[Record] = []

    def begin(self, generation: int) -> None:
        """A generation begins; some of its trials may have been evaluated before the run was interrupted."""
        self.generation = generation
        self.born = [r for r in self._records if r.birth == generation]

    def add(self, evaluation: Evaluation[Any], elapsed: float) -> Record:
        """A trial ended, ``elapsed`` seconds into the run; its record, without lineage."""
        e = evaluation
        record = Record(e.id, e.budget, self.generation, "", (), e.status, dict(e.metrics), e.seconds, elapsed, e.error)
        self._records.append(record)
        self.born.append(record)
        return record

    def end(self) -> None:
        """The generation ended; of its records only the front is still of interest."""
        self.members = front(self._records, self.objectives)
        kept = {r.id for r in self.members}
        self._records = [r for r in self._records if r.birth == 0 or r.id in kept]

    def hypervolume(self) -> float:
        """That of the front when a generation last ended, from the founders' worst; 0 before that."""
        if self.members is None:
            return 0.0
        point = default_reference(self._records, self.objectives)
        return hypervolume(self.members, self.objectives, self.objectives.reference(point))
