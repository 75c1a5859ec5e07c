"""What a run holds, without genotypes: cheap to read by the thousand."""

from __future__ import annotations

from typing import NamedTuple


class Record(NamedTuple):
    """One evaluation with its individual's lineage, without genotypes: cheap to read by the thousand."""

    id: int
    budget: int
    birth: int
    operator: str
    parents: tuple[int, ...]
    status: str
    metrics: dict[str, float]
    seconds: float
    elapsed: float
    error: str | None


class SeedSource(NamedTuple):
    """A run that gave this one its founders, and what it had cost by then, its own seeds included.

    Attributes:
        run: Path as it was given.
        ids: The founders' ids there; here they count on from the run named before.
        seconds: Its elapsed time.
        edge_updates: Of all its evaluations.
    """

    run: str
    ids: tuple[int, ...]
    seconds: float
    edge_updates: float


class Retraining(NamedTuple):
    """A final training of one individual: the only records that hold test metrics."""

    id: int
    start: str
    epochs: int
    seed: int
    metrics: dict[str, float]
    seconds: float
