"""Tables of measurements of networks that others have trained."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Protocol

from evonas.objectives.metrics import Metric
from evonas.space import G_contra
from evonas.types import Goal, Metrics, Task


class ArchitectureTable(Protocol[G_contra]):
    """A table that was read and checked, for one data set; picklable."""

    @property
    def task(self) -> Task:
        """The task that the networks were trained for."""
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
        """Goals, ``"min"`` or ``"max"``, of the metrics that the engine does not know."""
        ...

    @property
    def fingerprint(self) -> str:
        """Hex digest of everything that :meth:`measure` may return."""
        ...

    @property
    def notes(self) -> tuple[str, ...]:
        """Sentences with caveats of these metrics for users."""
        ...

    def check(self, space: object) -> None:
        """Check that the networks of a space are those of the table.

        Raises:
            UserError: They are not.
        """
        ...

    def measure(self, genotype: G_contra, budget: int) -> Metrics:
        """The measurements on the validation samples and on devices.

        Raises:
            LookupError: The network was not measured.
        """
        ...


class TableSource(Protocol):
    """The object that an entry point of the group ``evonas.tables`` names; it has the name of its search space."""

    @property
    def metrics(self) -> Mapping[str, Metric]:
        """The metrics beside the error and the accuracy on the validation samples."""
        ...

    def read(self, dataset: str, root: Path | None, wanted: Collection[str]) -> ArchitectureTable[G_contra]:
        """The table of a data set.

        Args:
            dataset: Name of the data set.
            root: A folder to search before those of :func:`evonas.data.locating.data_folders`.
            wanted: Metrics that are asked for; those that are not among :attr:`metrics` are ignored.

        Raises:
            UserError: There is no such data set in the table, or its files are missing or altered.
        """
        ...
