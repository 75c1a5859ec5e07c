"""Comparison of runs: quality at equal cost, hypervolume with a common reference point, compute spent.

Nothing is interpolated: at a budget a run counts with its best member that costs no more. As in all reports, the first
objective is the quality and the last one the cost; with another cost every run counts as if that had been its only
other objective.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from evonas.front import check_measured, front, hypervolume
from evonas.objectives import MAXIMISED, SHARES, Objective, Objectives, pareto
from evonas.objectives.metrics import is_logarithmic
from evonas.store import ComputeCost, Record, SeedSource, spent
from evonas.types import Doubles, UserError, suggestion


class RunRecords(NamedTuple):
    """A run to be compared.

    Attributes:
        name: Name of the run.
        records: All its evaluations.
        objectives: Its objectives, with its own constraints.
        elapsed: Wall-clock seconds of the run.
        seeds: Runs that seeded it.
        pair: ``seed`` and ``split_seed``, which decide everything random in the run. Runs of two groups that agree in
            both are a pair.
    """

    name: str
    records: Sequence[Record]
    objectives: Objectives
    elapsed: float
    seeds: tuple[SeedSource, ...] = ()
    pair: tuple[int, int] | None = None


@dataclass(frozen=True)
class RunResult:
    """The result of one run and its costs, including those of the runs that seeded it.

    Attributes:
        name: Name of the run.
        staircase: The members that are the best under some budget, by ascending cost.
        hypervolume: Hypervolume with the comparison's reference point.
        spent: Costs of the run and of those that seeded it.
        at_budget: The best member that costs no more, by budget; None if there is none.
        pair: See :class:`RunRecords`.
    """

    name: str
    staircase: tuple[Record, ...]
    hypervolume: float
    spent: ComputeCost
    at_budget: Mapping[float, Record | None]
    pair: tuple[int, int] | None = None


@dataclass(frozen=True)
class Comparison:
    """Groups of runs that differ in their seeds, measured alike.

    Attributes:
        objectives: The common objectives, without constraints, which may differ.
        reference: Reference point of the hypervolume, by objective.
        budgets: Budgets in units of the cost, ascending.
        groups: Results of the runs, by name of the group.
    """

    objectives: Objectives
    reference: Mapping[str, float]
    budgets: tuple[float, ...]
    groups: Mapping[str, Sequence[RunResult]]

    @property
    def quality(self) -> Objective:
        """The objective by which members are chosen."""
        return self.objectives.items[0]

    @property
    def cost(self) -> Objective:
        """The objective that budgets bound."""
        return self.objectives.items[-1]


class Curve(NamedTuple):
    """The best quality under each cost as a step function.

    Attributes:
        costs: Costs at which the steps begin, ``(n,)``.
        values: Quality from each cost on, ``(n,)``.
    """

    costs: Doubles
    values: Doubles


class Attained(NamedTuple):
    """Attainment of a group of runs: curves that any run, at least half of the runs, and all runs attain.

    Attributes:
        best: Curve that any run attains.
        median: Curve that at least half of the runs attain. With an even number of runs it is the better of the two in
            the middle.
        worst: Curve that all runs attain.
    """

    best: Curve
    median: Curve
    worst: Curve


def compare(
    groups: Mapping[str, Sequence[RunRecords]], *, budgets: Sequence[float] | None = None,
    reference: Mapping[str, float] | None = None, cost: str | None = None,
) -> Comparison:
    """Compare runs with the same objectives, or, by a given cost, runs with the same first objective.

    Args:
        groups: Runs by name of the group.
        budgets: Budgets in units of the cost; by default 1-2-5 steps across the costs of all fronts.
        reference: Values that replace those of the :func:`common_reference`.
        cost: A metric that replaces all objectives but the first.

    Raises:
        UserError: The runs have different objectives, one objective, or a cost that is maximised; or a run has no
            feasible evaluation, or none with the metric ``cost``.
    """
    if cost is not None:
        groups = {name: [by_cost(run, cost) for run in members] for name, members in groups.items()}
    runs = [run for members in groups.values() for run in members]
    objectives = _common_objectives(runs)
    fronts = {run.name: front(run.records, run.objectives) for run in runs}
    for run in runs:
        if not fronts[run.name]:
            kept = ", ".join(str(c) for c in run.objectives.constraints)
            keeps = f" and keeps {kept}" if kept else ""
            raise UserError(f"{run.name} has no evaluation that succeeded{keeps}: evolve it longer or leave it out")
    everything = [r for members in fronts.values() for r in members]
    point = {**common_reference(everything, objectives), **(reference or {})}
    costs = [r.metrics[objectives.items[-1].metric] for r in everything]
    limits = tuple(sorted(set(budgets))) if budgets is not None else tuple(steps(min(costs), max(costs)))
    results = {
        name: [_result(run, fronts[run.name], point, limits) for run in members] for name, members in groups.items()
    }
    return Comparison(objectives, point, limits, results)


def by_cost(run: RunRecords, cost: str) -> RunRecords:
    """The run as if it had been a search with its first objective and a cost.

    Raises:
        UserError: The cost is that objective, is maximised, or was not measured for all members of the run's front.
    """
    quality = run.objectives.items[0]
    known = {name for record in run.records for name in record.metrics}
    if cost not in known:
        raise UserError(f"{run.name} has no metric {cost!r}{suggestion(cost, known)}; what it did not measure itself "
                        f"`evonas measure` adds")
    maximised = MAXIMISED | {o.metric for o in run.objectives.items if o.goal == "max"}
    if cost in maximised or cost == quality.metric:
        raise UserError(f"{cost} is no cost: name a metric that is minimised, beside {quality.metric}")
    check_measured(front(run.records, run.objectives), cost, run=run.name)
    # Other members without the metric cannot be chosen, but their cost counts.
    records = [r if cost in r.metrics else r._replace(status="failed") for r in run.records]
    objectives = Objectives((quality, Objective(cost, log=is_logarithmic(cost))), run.objectives.constraints)
    return run._replace(records=records, objectives=objectives)


def _common_objectives(runs: Sequence[RunRecords]) -> Objectives:
    items = runs[0].objectives.items
    for run in runs:
        if run.objectives.items != items:
            first, other = (", ".join(o.metric for o in r.objectives.items) for r in (runs[0], run))
            raise UserError(
                f"{run.name} has other objectives than {runs[0].name}: expected {first}, got {other}; by one cost that "
                f"all have they can be compared: --cost"
            )
    if len(items) < 2:
        raise UserError(f"the runs have one objective, {items[0].metric}: a comparison needs a cost as the last of two")
    if items[-1].goal == "max":
        raise UserError(f"the last objective, {items[-1].metric}, is maximised: a comparison needs a cost there")
    return Objectives(items)


def common_reference(members: Sequence[Record], objectives: Objectives) -> dict[str, float]:
    """A reference point that excludes no member of any front.

    It is 1 for shares, else the worst value among the members; for costs that span orders of magnitude it is the next
    1-2-5 step above that.
    """
    point: dict[str, float] = {}
    for objective in objectives.items:
        values = [r.metrics[objective.metric] for r in members]
        worst = max(values) if objective.goal == "min" else min(values)
        worst = steps(worst, worst)[-1] if objective.log else worst
        point[objective.metric] = 1.0 if objective.metric in SHARES else worst
    return point


def steps(low: float, high: float) -> list[float]:
    """The steps 1, 2, 5, 10, 20, ... from the first that is at least ``low`` to the first that is at least ``high``.

    Costs below 1 count as 1, as in the objectives' logarithm.
    """
    low, high = max(low, 1.0), max(high, 1.0)
    exponents = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    ladder = [float(f"{digit}e{exponent}") for exponent in exponents for digit in (1, 2, 5)]
    last = next(step for step in ladder if step >= high)
    return [step for step in ladder if low <= step <= last]


def _result(
    run: RunRecords, members: Sequence[Record], reference: Mapping[str, float], budgets: Sequence[float]
) -> RunResult:
    stairs, objectives = staircase(members, run.objectives), run.objectives
    return RunResult(
        name=run.name,
        staircase=tuple(stairs),
        hypervolume=hypervolume(run.records, objectives, objectives.reference(reference)),
        spent=spent(run.records, run.elapsed, run.seeds),
        at_budget={budget: _best_under(stairs, objectives.items[-1], budget) for budget in budgets},
        pair=run.pair,
    )


def staircase(members: Sequence[Record], objectives: Objectives) -> list[Record]:
    """The members of a front, sorted by cost, that are better than all cheaper ones; with two objectives, all."""
    stairs: list[Record] = []
    for record in members:
        if not stairs or objectives.items[0].loss(record.metrics) < objectives.items[0].loss(stairs[-1].metrics):
            stairs.append(record)
    return stairs


def _best_under(stairs: Sequence[Record], cost: Objective, budget: float) -> Record | None:
    inside = [r for r in stairs if r.metrics[cost.metric] <= budget]
    return inside[-1] if inside else None


def attained(staircases: Sequence[Sequence[Record]], cost: Objective, quality: Objective) -> Attained:
    """The attainment surfaces of runs by cost and quality (see :func:`evonas.objectives.pareto.attainment_surfaces`).

    Args:
        staircases: The members of each run that are the best under some cost; at least one.
        cost: Objective on the first axis.
        quality: Objective on the second axis.
    """
    sign = 1 if quality.goal == "min" else -1
    fronts = [
        np.array([(r.metrics[cost.metric], sign * r.metrics[quality.metric]) for r in stairs]) for stairs in staircases
    ]
    surfaces = pareto.attainment_surfaces(fronts, (0, 50, 100))
    return Attained(*(Curve(surface[:, 0], sign * surface[:, 1]) for surface in surfaces))
