"""Data classes of a run, without genotypes: cheap to read by the thousand."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import NamedTuple

from evonas.individual import Origin
from evonas.types import Goal, Json


class Record(NamedTuple):
    """One evaluation with its individual's lineage, without genotypes: cheap to read by the thousand.

    Attributes:
        elapsed: Seconds into the run at which it ended; what the run began with was there after 0.
        origin: The run that made the evaluation and the individual's id there, where that was another run: one that
            seeded this one.
    """

    id: int
    budget: int
    generation: int
    operator: str
    parents: tuple[int, ...]
    status: str
    metrics: dict[str, float]
    seconds: float
    elapsed: float
    error: str | None
    origin: Origin | None = None

    @property
    def imported(self) -> bool:
        """Whether the evaluation was made by another run, which seeded this one."""
        return self.origin is not None


class ComputeCost(NamedTuple):
    """The cost of a run.

    Attributes:
        elapsed: Wall-clock seconds up to the last evaluation.
        seconds: The time of all trials together, failed ones included.
        evaluations: The number of trials, failed ones included.
        edge_updates: Connected edges times training samples seen, over the evaluations that report it (failed ones
            cannot); None where none does.
    """

    elapsed: float
    seconds: float
    evaluations: int
    edge_updates: float | None


class SeedSource(NamedTuple):
    """A run that this one was made from: it gave founders or was the teacher, or it did so for such a run.

    Attributes:
        run: Absolute path.
        ids: The founders' ids there, none for a run that gave none.
        spent: Its own cost by then.
    """

    run: str
    ids: tuple[int, ...]
    spent: ComputeCost


def deduplicate(sources: Iterable[SeedSource]) -> list[SeedSource]:
    """Seeds without repeated runs: each at its first position, with its latest known costs."""
    known: dict[str, SeedSource] = {}
    for source in sources:
        first = known.setdefault(source.run, source)
        known[source.run] = first._replace(spent=max(first.spent, source.spent, key=lambda cost: cost.evaluations))
    return list(known.values())


class TeacherSource(NamedTuple):
    """The networks that this run was taught by.

    Attributes:
        run: Absolute path.
        ids: The individuals' ids there.
        digest: The digest of the file of their outputs, which this run keeps.
    """

    run: str
    ids: tuple[int, ...]
    digest: str


class RunInfo(NamedTuple):
    """The header of a run, which can be read before any search space is known.

    Attributes:
        searcher, evaluator: Names of what searches it; None before that, and for runs that kept none.
        goals: Whether metrics are minimised or maximised, as far as that was declared.
    """

    format: int
    config: Json
    task: Json
    fingerprint: str
    normalisation: Json
    seeds: tuple[SeedSource, ...]
    teacher: TeacherSource | None
    searcher: str | None = None
    evaluator: str | None = None
    goals: Mapping[str, Goal] = MappingProxyType({})


def spent(records: Sequence[Record], elapsed: float, seeds: Iterable[SeedSource]) -> ComputeCost:
    """Cost of a run and its seeds together; an evaluation counts in the run that made it.

    Args:
        records: Records of the run.
        elapsed: Seconds that the run has taken.
        seeds: Runs that seeded it.
    """
    own = [r for r in records if not r.imported]
    updates = [r.metrics["edge_updates"] for r in own if "edge_updates" in r.metrics]
    costs = [ComputeCost(elapsed, math.fsum(r.seconds for r in own), len(own), math.fsum(updates) if updates else None)]
    costs += [source.spent for source in seeds]
    known = [cost.edge_updates for cost in costs if cost.edge_updates is not None]
    return ComputeCost(
        math.fsum(cost.elapsed for cost in costs), math.fsum(cost.seconds for cost in costs),
        sum(cost.evaluations for cost in costs), math.fsum(known) if known else None,
    )


class Retraining(NamedTuple):
    """A final training of one individual: the only records that hold test metrics.

    Attributes:
        id: Id of the individual.
        start: Initial weights: ``fresh...`` or ``inherited...``.
        epochs: Number of epochs.
        seed: Seed of the training.
        metrics: Metrics by name.
        seconds: Wall-clock seconds of the training.
    """

    id: int
    start: str
    epochs: int
    seed: int
    metrics: dict[str, float]
    seconds: float
