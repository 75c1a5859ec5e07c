"""What may watch a run: the protocol that progress bars, boards and callbacks of users have."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

from evonas.config import RunConfig
from evonas.objectives import Objectives
from evonas.run.one_shot import FamilyObserver
from evonas.store import Record


@runtime_checkable
class RunObserver(FamilyObserver, Protocol):
    """Observer of a run: an object with these methods, which must not change anything.

    A class derived from this one has them all, doing nothing, and overrides those that it needs::

        class Best(evonas.RunObserver):
            def evaluated(self, evaluation):
                if evaluation.status == "ok":
                    print(evaluation.id, evaluation.metrics["val_accuracy"], evaluation.seconds)

    They are called in the process and the thread that began the run, in this order: :meth:`timing` where latencies
    are estimated, :meth:`noted`, :meth:`begun`, then of every generation :meth:`asked`, :meth:`evaluated` for each of
    its trials, and :meth:`told`. What one raises ends the run, which can be resumed.
    """

    def begun(self, config: RunConfig, objectives: Objectives, records: list[Record], elapsed: float) -> None:
        """Called as the run is open.

        Args:
            config: Configuration of the run.
            objectives: Objectives of the run.
            records: Its evaluations from earlier sessions.
            elapsed: Seconds of earlier sessions.
        """
        ...

    def timing(self, n_done: int, n_rounds: int) -> None:
        """Before the run is open, if it needs a table of latencies: the number of timing rounds that are done."""
        ...

    def noted(self, sentence: str) -> None:
        """A remark for the user on the run's founders, or on what was given."""
        ...
