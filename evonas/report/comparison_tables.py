"""A comparison as tables for the terminal, and as JSON and CSV rows."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
from rich.table import Table

from evonas.report.compare import Comparison, RunResult
from evonas.report.measures import Tests, qualities, shown_metric, test_metric, tested
from evonas.report.significance import ALPHA, Difference
from evonas.report.tables import Column, number, table
from evonas.types import Json


def budget_table(comparison: Comparison, tests: Tests | None = None) -> Table:
    """A table with a row per budget and a column per group: the quality of the best members, mean ± sample deviation.

    If only some runs of a group have a member under a budget, the cell says so: ``(2 of 3)`` is the mean over two.
    """
    metric, chosen_by = shown_metric(comparison), comparison.quality.metric
    validated, measured = qualities(comparison), [] if tests is None else qualities(comparison, tests)
    columns = [Column(f"{comparison.cost.metric} ≤", [number(b) for b in comparison.budgets])]
    for name, runs in comparison.groups.items():
        heading = name if len(runs) == 1 else f"{name}, {len(runs)} runs"
        columns.append(Column(heading, [mean_text(measure.values[name]) for measure in validated]))
        if tests is not None:
            columns.append(Column(f"{name}, test", [mean_text(measure.values[name]) for measure in measured]))
    by = "" if chosen_by == metric else f", chosen by {chosen_by}"
    return table(columns, title=f"{metric} of the best member under each budget{by}")


def spending_table(comparison: Comparison) -> Table:
    """A table with a row per group: hypervolume and costs of a run, mean ± sample deviation."""
    groups = list(comparison.groups.values())

    def column(name: str, value: Callable[[RunResult], float | None], digits: str) -> Column:
        return Column(name, [mean_text([value(run) for run in runs], digits) for runs in groups])

    return table([
        Column("", list(comparison.groups), numbers=False),
        Column("runs", [str(len(runs)) for runs in groups]),
        column("hypervolume", lambda run: run.hypervolume, ".4f"),
        column("evaluations", lambda run: run.spent.evaluations, ".0f"),
        column("seconds of trials", lambda run: run.spent.seconds, ".1f"),
        column("wall-clock seconds", lambda run: run.spent.elapsed, ".1f"),
        column("10⁹ edge-updates", _billions, ".4g"),
    ], title="what a run of each group reached and spent")


def _billions(run: RunResult) -> float | None:
    return None if run.spent.edge_updates is None else run.spent.edge_updates / 1e9


def difference_table(comparison: Comparison, found: Sequence[Difference]) -> Table:
    """A table with a row per pair of groups and measure: size and significance of the difference.

    An interval or a p-value for which there are too few runs is ``-``; a significant p-value has an asterisk.

    Args:
        comparison: The comparison, whose cost the budgets bound.
        found: At least one difference.
    """

    def difference(d: Difference) -> str:
        return "-" if d.mean is None else f"{d.mean:+.4f}"

    def interval(d: Difference) -> str:
        return "-" if d.interval is None else f"{d.interval[0]:+.4f} to {d.interval[1]:+.4f}"

    def p_value(d: Difference) -> str:
        return "-" if d.adjusted is None else f"{d.adjusted:.3g}{'*' if d.adjusted < ALPHA else ' '}"

    return table([
        Column(f"{comparison.cost.metric} ≤", [d.name if d.budget is None else number(d.budget) for d in found]),
        Column("groups", [f"{d.first} − {d.second}" for d in found], numbers=False),
        Column("difference", [difference(d) for d in found]),
        Column("95 % interval", [interval(d) for d in found]),
        Column("superiority", [f"{d.superiority:.2f}" for d in found]),
        Column("p, corrected", [p_value(d) for d in found]),
    ], title=f"differences between groups in {found[0].name}, and in hypervolume")


def mean_text(values: Sequence[float | None], digits: str = ".4f") -> str:
    """Mean and sample deviation of the present values, like ``0.8712 ± 0.0021 (2 of 3)``.

    Args:
        values: Values, None for missing ones.
        digits: Format of the numbers.

    Returns:
        The text; it contains the count only if values are missing, and is ``-`` if all are.
    """
    present = [value for value in values if value is not None]
    if not present:
        return "-"
    spread = f" ± {np.std(present, ddof=1):{digits}}" if len(present) > 1 else ""
    count = f" ({len(present)} of {len(values)})" if len(present) < len(values) else ""
    return f"{np.mean(present):{digits}}{spread}{count}"


def to_json(comparison: Comparison, tests: Tests | None = None, found: Sequence[Difference] = ()) -> Json:
    """``{reference, budgets, groups: {name: [{run, hypervolume, ..., at_budget: {budget: member or null}}]},
    differences: [{name, budget, first, second, ...}]}``; the latter as in
    :class:`evonas.report.significance.Difference`.

    Args:
        comparison: The comparison.
        tests: Test metrics by run and individual; None to leave them out.
        found: Differences between groups.
    """

    def described(run: RunResult) -> dict[str, Any]:
        members = {str(_plain(budget)): _entry(comparison, run, budget, tests) for budget in comparison.budgets}
        return {**_totals(run), "at_budget": members}

    groups = {name: [described(run) for run in runs] for name, runs in comparison.groups.items()}
    budgets = [_plain(b) for b in comparison.budgets]
    differences = [{**d._asdict(), "budget": d.budget and _plain(d.budget)} for d in found]
    return {"reference": dict(comparison.reference), "budgets": budgets, "groups": groups, "differences": differences}


def to_rows(comparison: Comparison, tests: Tests | None = None) -> Iterator[dict[str, Any]]:
    """One row per run and budget; the columns of the member are missing if there is none."""
    for name, runs in comparison.groups.items():
        for run in runs:
            for budget in comparison.budgets:
                entry = _entry(comparison, run, budget, tests) or {}
                yield {"group": name, **_totals(run), "budget": _plain(budget), **entry}


def _totals(run: RunResult) -> dict[str, Any]:
    return {
        "run": run.name, "hypervolume": run.hypervolume, **run.spent._asdict(),
    }


def _entry(comparison: Comparison, run: RunResult, budget: float, tests: Tests | None) -> dict[str, float] | None:
    member = run.at_budget[budget]
    if member is None:
        return None
    objectives = (o.metric for o in comparison.objectives.items)
    names = dict.fromkeys(("edges", "flops", shown_metric(comparison), *objectives))
    entry = {"id": member.id, **{name: member.metrics[name] for name in names if name in member.metrics}}
    test = {} if tests is None else tested(run, budget, tests)
    return entry | {name: value for name, value in test.items() if name == test_metric(comparison)}


def _plain(budget: float) -> float:
    """A whole number without a decimal point, so that keys and values of JSON agree."""
    return int(budget) if budget == int(budget) else budget
