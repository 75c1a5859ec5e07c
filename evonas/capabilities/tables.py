"""What a table says of networks that others have trained once and for all."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Protocol

from evonas.metrics import Metric
from evonas.space import G_contra
from evonas.types import Goal, Metrics, Task


class ArchitectureTable(Protocol[G_contra]):
    """A table that was read and checked, for one data set; picklable."""

    @property
    def task(self) -> Task:
        """What the networks were trained for."""
        ...

    @property
    def budgets(self) -> tuple[int, ...]:
        """The epochs after which they were measured, ascending."""
        ...

    @property
    def metric_names(self) -> tuple[str, ...]:
        """The metrics of :meth:`measure`."""
        ...

    @property
    def goals(self) -> Mapping[str, Goal]:
        """Whether less or more is better of those that the engine does not know."""
        ...

    @property
    def fingerprint(self) -> str:
        """Hex digest of all that :meth:`measure` may return."""
        ...

    @property
    def notes(self) -> tuple[str, ...]:
        """Sentences on what a user should know of these metrics."""
        ...

    def check(self, space: object) -> None:
        """Raises :class:`evonas.types.UserError` unless the networks of the space are those of the table."""
        ...

    def measure(self, genotype: G_contra, budget: int) -> Metrics:
        """What was measured on the validation samples and on devices; ``LookupError`` where nothing was."""
        ...


class TableSource(Protocol):
    """What an entry point of the group ``evonas.tables`` resolves to; it has the name of its search space."""

    @property
    def metrics(self) -> Mapping[str, Metric]:
        """What can be asked for beside the error and the accuracy on the validation samples."""
        ...

    def read(self, dataset: str, root: Path | None, wanted: Collection[str]) -> ArchitectureTable[G_contra]:
        """The table of a data set.

        Args:
            dataset: By its name.
            root: A folder to search before those of :func:`evonas.data.locating.data_folders`.
            wanted: Metrics that are asked for; those that :attr:`metrics` does not know are none of its concern.

        Raises:
            UserError: There is no such data set in the table, or its files are missing or altered.
        """
        ...
