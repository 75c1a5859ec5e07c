"""A comparison as tables for a person, and as JSON and CSV rows."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np
from rich.table import Table

from evonas.report.compare import Comparison, RunResult
from evonas.report.tables import Column, number, table
from evonas.store import Record
from evonas.types import Json, Metrics

#: Test metrics by name of the run and individual.
Tests: TypeAlias = Mapping[str, Mapping[int, Metrics]]


def shown_metric(comparison: Comparison) -> str:
    """The quality as people name it: accuracies instead of errors."""
    metric = comparison.quality.metric.replace("fitness_", "val_")
    return metric.replace("val_error", "val_accuracy")


def test_metric(comparison: Comparison) -> str:
    """What :func:`shown_metric` is called on the test set."""
    return shown_metric(comparison).replace("val_", "test_")


def budget_table(comparison: Comparison, tests: Tests | None = None) -> Table:
    """Rows are budgets, columns are groups: the quality of the best members, mean ± sample deviation.

    Where only some runs of a group have a member under a budget, it says so: ``(2 of 3)`` is the mean over two.
    """
    metric, chosen_by = shown_metric(comparison), comparison.quality.metric
    columns = [Column(f"{comparison.cost.metric} ≤", [number(b) for b in comparison.budgets])]
    for name, runs in comparison.groups.items():
        members = [[r.at_budget[b] for r in runs] for b in comparison.budgets]
        heading = name if len(runs) == 1 else f"{name}, {len(runs)} runs"
        columns.append(Column(heading, [mean_text([_value(m, metric) for m in row]) for row in members]))
        if tests is not None:
            measured = [[_measured(r, b, tests).get(test_metric(comparison)) for r in runs] for b in comparison.budgets]
            columns.append(Column(f"{name}, test", [mean_text(row) for row in measured]))
    by = "" if chosen_by == metric else f", chosen by {chosen_by}"
    return table(columns, title=f"{metric} of the best member under each budget{by}")


def spending_table(comparison: Comparison) -> Table:
    """Rows are groups: hypervolume and what was spent by a run, mean ± sample deviation."""
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


def _value(record: Record | None, metric: str) -> float | None:
    return None if record is None else record.metrics[metric]


def _measured(run: RunResult, budget: float, tests: Tests) -> Metrics:
    member = run.at_budget[budget]
    return {} if member is None else tests.get(run.name, {}).get(member.id, {})


def mean_text(values: Sequence[float | None], digits: str = ".4f") -> str:
    """``0.8712 ± 0.0021 (2 of 3)``: mean and sample deviation of those that are there, and how many, if not all."""
    present = [value for value in values if value is not None]
    if not present:
        return "-"
    spread = f" ± {np.std(present, ddof=1):{digits}}" if len(present) > 1 else ""
    count = f" ({len(present)} of {len(values)})" if len(present) < len(values) else ""
    return f"{np.mean(present):{digits}}{spread}{count}"


def to_json(comparison: Comparison, tests: Tests | None = None) -> Json:
    """``{reference, budgets, groups: {name: [{run, hypervolume, ..., at_budget: {budget: member or null}}]}}``."""

    def described(run: RunResult) -> dict[str, Any]:
        members = {str(_plain(budget)): _entry(comparison, run, budget, tests) for budget in comparison.budgets}
        return {**_totals(run), "at_budget": members}

    groups = {name: [described(run) for run in runs] for name, runs in comparison.groups.items()}
    budgets = [_plain(b) for b in comparison.budgets]
    return {"reference": dict(comparison.reference), "budgets": budgets, "groups": groups}


def to_rows(comparison: Comparison, tests: Tests | None = None) -> Iterator[dict[str, Any]]:
    """One row a run and budget; the member's columns are missing where there is none."""
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
    test = {} if tests is None else _measured(run, budget, tests)
    return entry | {name: value for name, value in test.items() if name == test_metric(comparison)}


def _plain(budget: float) -> float:
    """A whole number without a decimal point: keys and values of JSON then read alike."""
    return int(budget) if budget == int(budget) else budget
