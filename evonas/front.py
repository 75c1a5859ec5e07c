"""The front of a run over all its evaluations, including those that the search has discarded."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from numbers import Real
from pathlib import Path
from typing import Any, Protocol, TypeVar

from evonas.objectives import SHARES, Measured, Objectives, pareto
from evonas.objectives.metrics import DEVICE_LATENCY, is_measured_later, target_metric
from evonas.store import Record
from evonas.types import Doubles, UserError, suggestion


class Judged(Measured, Protocol):
    """Members of a front: records of a run, or evaluations that have just ended."""

    @property
    def id(self) -> int: ...

    @property
    def budget(self) -> int: ...

    @property
    def generation(self) -> int: ...

    @property
    def imported(self) -> bool: ...


R = TypeVar("R", bound=Judged)


def comparable(records: Sequence[R]) -> list[R]:
    """Records that may enter the front, successes only, at most one an individual.

    These are the evaluations with the largest budget that the run gave, so of promoted individuals where it has rungs;
    and what it was seeded with, whose budgets were those of other runs, unless it was trained on here.
    """
    own = [r for r in records if r.status == "ok" and not r.imported]
    trained, largest = {r.id for r in own}, max((r.budget for r in own), default=0)
    good = (r for r in records if r.status == "ok")
    return [r for r in good if (r.id not in trained if r.imported else r.budget >= largest)]


def losses(records: Sequence[Measured], objectives: Objectives) -> tuple[Doubles, Doubles]:
    """The objectives F, ``(n, n_objectives)``, and the violations, ``(n,)``, of records."""
    return objectives.matrix(records), objectives.violations(records)


def front(records: Sequence[R], objectives: Objectives) -> list[R]:
    """The non-dominated feasible :func:`comparable` records, by ascending last objective (the cost).

    Among equal ones, the one with the most metrics comes first, then the oldest.
    """
    records = comparable(records)
    F, violations = losses(records, objectives)
    best = [records[i] for i in pareto.front(F, violations)]
    return sorted(best, key=lambda r: (r.metrics[objectives.items[-1].metric], -len(r.metrics), r.id))


def equals(members: Sequence[Record], objectives: Objectives) -> dict[int, list[int]]:
    """Ids of the other members that are equal in all objectives, by the id of each member."""
    groups: dict[tuple[float, ...], list[int]] = {}
    for r in members:
        groups.setdefault(_point(r, objectives), []).append(r.id)
    return {r.id: [id for id in groups[_point(r, objectives)] if id != r.id] for r in members}


def distinct(members: Sequence[Record], objectives: Objectives) -> list[Record]:
    """The members without those that are equal to an earlier one in all objectives."""
    first: dict[tuple[float, ...], Record] = {}
    for r in members:
        first.setdefault(_point(r, objectives), r)
    return list(first.values())


def _point(record: Record, objectives: Objectives) -> tuple[float, ...]:
    return tuple(record.metrics[objective.metric] for objective in objectives.items)


def hypervolume(records: Sequence[Judged], objectives: Objectives, reference: Doubles) -> float:
    """Hypervolume of the feasible :func:`comparable` records.

    Args:
        records: Evaluations of a run.
        objectives: Objectives and constraints.
        reference: Reference point in the coordinates of F, ``(n_objectives,)``.
    """
    F, violations = losses(comparable(records), objectives)
    return pareto.hypervolume(F[violations <= 0], reference)


def default_reference(records: Sequence[Judged], objectives: Objectives) -> dict[str, float]:
    """The default reference point: 1 for shares, else the worst value among the founders (the first generation)."""
    founders = [r.metrics for r in records if r.generation == 0 and r.status == "ok"]
    point: dict[str, float] = {}
    for objective in objectives.items:
        values = [m[objective.metric] for m in founders]
        worst = (max(values) if objective.goal == "min" else min(values)) if values else 1.0
        point[objective.metric] = 1.0 if objective.metric in SHARES else worst
    return point


def row(record: Record, equal: Sequence[int] | None = None) -> dict[str, Any]:
    """One line of a table: identity, lineage and metrics, and the ids ``equal`` of the same point if they are given."""
    others = {} if equal is None else {"equal": list(equal)}
    return {
        "id": record.id, "generation": record.generation, "operator": record.operator, "parents": list(record.parents),
        "budget": record.budget, **others, **record.metrics,
    }


def knee(members: Sequence[Record], objectives: Objectives) -> Record:
    """The member beyond which more cost gains little.

    Raises:
        UserError: The front is empty.
    """
    _check_any(members)
    return members[pareto.knee(losses(members, objectives)[0])]


def best_under(
    members: Sequence[Record], objectives: Objectives, bounds: Mapping[str, float], *, run: Path | str = "RUN"
) -> Record:
    """The best member by the first objective among those within every bound.

    Args:
        bounds: The most of some metrics.
        run: The run of the members, for the message.

    Raises:
        UserError: The front is empty, a metric is unknown or only known of some members, or no member is within the
            bounds.
    """
    inside = within(members, bounds, run=run)
    if not inside:
        text = ", ".join(f"{name}<={bound:g}" for name, bound in bounds.items())
        raise UserError(f"no member of the front has {text}: raise the bound or evolve longer")
    return min(inside, key=lambda r: objectives.items[0].loss(r.metrics))


def within(members: Sequence[Record], bounds: Mapping[str, float], *, run: Path | str = "RUN") -> list[Record]:
    """The members within every bound, possibly none.

    Args:
        members: Members of the front.
        bounds: Upper bounds of metrics.
        run: The run, for the message.

    Raises:
        UserError: The front is empty, a bound is no number, or a metric is unknown or only known of some members.
    """
    _check_any(members)
    for name, bound in bounds.items():
        check_measured(members, name, run=run)
        if not isinstance(bound, Real) or math.isnan(bound):
            raise UserError(f"the bound of {name} must be a number, got {bound!r}")
    return [r for r in members if all(r.metrics[name] <= bound for name, bound in bounds.items())]


def check_measured(members: Sequence[Record], name: str, *, run: Path | str = "RUN") -> None:
    """Raises :class:`UserError` unless all members of a front have the metric; says how to measure it.

    Args:
        members: Members of the front, possibly none.
        run: The run of the members, for the message.
    """
    known = {known for r in members for known in r.metrics}
    if members and name not in known and not is_measured_later(name):
        raise UserError(f"unknown metric {name!r}{suggestion(name, known)}")
    n_measured = sum(name in r.metrics for r in members)
    if n_measured < len(members):
        on_target = target_metric(name)
        command = " --latency-command ..." if name == DEVICE_LATENCY else ""
        if on_target is not None:
            command = f" --target {on_target.target}"
        file = " (or with the file of that target)" if on_target is not None else ""
        remedy = f"`evonas measure {run}{command}`{file} measures all"
        if not is_measured_later(name):
            remedy = "name another metric"
        raise UserError(f"{name} was measured for {n_measured} of {len(members)} members: {remedy}")


def _check_any(members: Sequence[Record]) -> None:
    if not members:
        raise UserError(
            "the front is empty: no evaluation has succeeded and keeps the constraints; search longer, or loosen them"
        )
