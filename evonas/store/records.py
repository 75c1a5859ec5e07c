"""What a run holds, without genotypes: cheap to read by the thousand."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from evonas.individual import SEEDED


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


class Spent(NamedTuple):
    """What a run has cost, the runs that seeded it included.

    Attributes:
        elapsed: Wall-clock seconds up to the last evaluation.
        seconds: Of all trials together, failed ones included.
        evaluations: Their number, failed ones included.
        edge_updates: Connected edges times training samples seen, over the evaluations that report it (failed ones
            cannot); None where none does.
    """

    elapsed: float
    seconds: float
    evaluations: int
    edge_updates: float | None


class SeedSource(NamedTuple):
    """A run that gave this one its founders.

    Attributes:
        run: Path as it was given.
        ids: The founders' ids there; here they count on from the run named before.
        spent: What it had cost by then.
    """

    run: str
    ids: tuple[int, ...]
    spent: Spent


def spent(records: Sequence[Record], elapsed: float, seeds: Iterable[SeedSource]) -> Spent:
    """What a run has cost; its seeds' evaluations count where they were made."""
    own = [r for r in records if r.operator != SEEDED]
    updates = [r.metrics["edge_updates"] for r in own if "edge_updates" in r.metrics]
    costs = [Spent(elapsed, math.fsum(r.seconds for r in own), len(own), math.fsum(updates) if updates else None)]
    costs += [source.spent for source in seeds]
    known = [cost.edge_updates for cost in costs if cost.edge_updates is not None]
    return Spent(
        math.fsum(cost.elapsed for cost in costs), math.fsum(cost.seconds for cost in costs),
        sum(cost.evaluations for cost in costs), math.fsum(known) if known else None,
    )


class Retraining(NamedTuple):
    """A final training of one individual: the only records that hold test metrics."""

    id: int
    start: str
    epochs: int
    seed: int
    metrics: dict[str, float]
    seconds: float
