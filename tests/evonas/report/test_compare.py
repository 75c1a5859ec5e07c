"""Comparisons of hand-made runs: what counts at a budget, what is averaged, what is refused."""

from __future__ import annotations

import io
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from evonas.front import front
from evonas.objectives import parse_objectives
from evonas.report.compare import RunRecords, attained, compare, staircase, steps
from evonas.report.comparison_tables import budget_table, spending_table, to_json, to_rows
from evonas.report.plot import plot_comparison
from evonas.store import ComputeCost, Record
from evonas.types import UserError

NAMES = ["val_error", "flops"]
Points = Sequence[tuple[float, float]]


def run(name: str, points: Points, *, names: Sequence[str] = NAMES, constraints: Sequence[str] = ()) -> RunRecords:
    """A run whose evaluations have these values of the first and the last objective."""
    records = []
    for id, (error, cost) in enumerate(points):
        metrics = {names[0]: error, names[-1]: cost, "val_accuracy": 1 - error, "edge_updates": 1e9}
        records.append(Record(id, 3, 0, "sample", (), "ok", metrics, 0.5, 1.0 + id, None))
    records.append(Record(len(points), 3, 0, "sample", (), "failed", {}, 2.0, 9.0, "unlucky"))
    return RunRecords(name, records, parse_objectives(names, constraints, names), 9.0)


A, B = run("a", [(0.4, 100), (0.2, 1000), (0.3, 500), (0.5, 2000)]), run("b", [(0.3, 200), (0.1, 1500)])
LATE = run("late", [(0.1, 1500)])


def rendered(*tables: object) -> str:
    console = Console(file=io.StringIO(), width=300)
    console.print(*tables)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def test_a_budget_gets_the_best_member_that_costs_no_more_and_nothing_is_interpolated() -> None:
    result = compare({"a": [A], "b": [B]}, budgets=[99, 100, 750, 1000, 5000])
    ids = {n: [None if m is None else m.id for m in runs[0].at_budget.values()] for n, runs in result.groups.items()}
    assert ids == {"a": [None, 0, 2, 1, 1], "b": [None, None, 0, 0, 1]}


def test_what_breaks_a_constraint_or_failed_is_never_chosen_but_was_paid_for() -> None:
    result = compare({"a": [A], "c": [run("c", [(0.1, 100), (0.6, 50)], constraints=["flops<=60"])]}, budgets=[100])
    (run_c,) = result.groups["c"]
    assert [m.id for m in run_c.at_budget.values() if m] == [1]
    assert run_c.spent == ComputeCost(elapsed=9.0, seconds=3.0, evaluations=3, edge_updates=2e9)


def test_budgets_are_by_default_steps_across_all_fronts() -> None:
    assert compare({"a": [A], "b": [B]}).budgets == (100, 200, 500, 1000, 2000)


@given(low=st.floats(1, 1e9), factor=st.floats(1, 1e4))
def test_steps_cover_a_span_with_at_most_one_step_beyond_it(low: float, factor: float) -> None:
    high = low * factor
    ladder = steps(low, high)
    assert ladder[0] >= low
    assert ladder[-1] >= high
    assert all(step < high for step in ladder[:-1])
    assert ladder[0] <= 2.5 * low
    assert all(b / a in (2, 2.5) for a, b in pairwise(ladder))
    assert all(f"{step:.0e}"[0] in "125" for step in ladder)


def test_the_reference_point_is_common_leaves_no_member_out_and_can_be_set() -> None:
    result = compare({"a": [A], "b": [B]})
    assert result.reference == {"val_error": 1.0, "flops": 2000.0}
    # b: from its first member to the reference at its error, less the part that only its second reaches
    expected = 0.7 * np.log10(2000 / 200) + 0.2 * np.log10(2000 / 1500)
    assert result.groups["b"][0].hypervolume == pytest.approx(expected)
    nearer = compare({"a": [A], "b": [B]}, reference={"flops": 200})
    assert nearer.reference == {"val_error": 1.0, "flops": 200.0}
    assert nearer.groups["b"][0].hypervolume == 0
    losses = [run(n, p, names=["val_loss", "flops"]) for n, p in (("x", [(2.0, 10)]), ("y", [(3.5, 7), (1.0, 90)]))]
    assert compare({"g": losses}).reference == {"val_loss": 3.5, "flops": 100.0}


points = st.lists(st.tuples(st.floats(0, 1), st.integers(1, 50).map(float)), min_size=1, max_size=8)


@given(runs=st.lists(points, min_size=1, max_size=5), names=st.sampled_from([NAMES, ["val_r2", "flops"]]))
def test_the_curves_of_a_group_are_what_one_half_or_all_of_its_runs_reach_under_every_budget(
    runs: list[Points], names: list[str]
) -> None:
    group = [run(str(i), p, names=names) for i, p in enumerate(runs)]
    budgets = [float(b) for b in range(1, 51)]
    result = compare({"g": group}, budgets=budgets)
    curves = attained([r.staircase for r in result.groups["g"]], result.cost, result.quality)
    for budget in budgets:
        members = [r.at_budget[budget] for r in result.groups["g"]]
        values = sorted([m.metrics[names[0]] for m in members if m is not None], reverse=names[0] == "val_r2")
        for curve, n_needed in zip(curves, (1, (len(runs) + 1) // 2, len(runs)), strict=True):
            if len(values) < n_needed:
                assert not len(curve.costs) or budget < curve.costs[0]
            else:
                assert curve.values[np.searchsorted(curve.costs, budget, side="right") - 1] == values[n_needed - 1]


def test_with_a_third_objective_only_members_that_are_best_under_some_budget_remain() -> None:
    names = ["val_error", "depth", "flops"]
    values = [(0.3, 2.0, 10.0), (0.4, 1.0, 20.0), (0.1, 3.0, 30.0)]
    records = [
        Record(i, 3, 0, "sample", (), "ok", dict(zip(names, v, strict=True)), 1.0, 1.0, None)
        for i, v in enumerate(values)
    ]
    objectives = parse_objectives(names, [], names)
    members = front(records, objectives)
    assert [r.id for r in members] == [0, 1, 2]
    assert [r.id for r in staircase(members, objectives)] == [0, 2]


def test_tables_show_mean_and_deviation_and_how_many_runs_they_are_of() -> None:
    result = compare({"g": [A, B, LATE], "h[/x]": [LATE._replace(name="h")]}, budgets=[150, 500, 1500])
    lines = [line.split("│")[1:-1] for line in rendered(budget_table(result)).splitlines() if line.startswith("│")]
    assert [[cell.strip() for cell in line] for line in lines] == [
        ["150", "0.6000 (1 of 3)", "-"],
        ["500", "0.7000 ± 0.0000 (2 of 3)", "-"],
        ["1 500", f"0.8667 ± {np.std([0.8, 0.9, 0.9], ddof=1):.4f}", "0.9000"],
    ]
    spending = rendered(spending_table(result))
    assert "h[/x]" in spending
    assert "9.0 ± 0.0" in spending


def test_test_metrics_stand_beside_what_validation_chose() -> None:
    result = compare({"a": [A], "b": [B]}, budgets=[100, 1000])
    tests = {"a": {0: {"test_accuracy": 0.55, "test_loss": 9.0}}, "b": {0: {"test_accuracy": 0.65}}}
    text = rendered(budget_table(result, tests))
    assert "a, test" in text
    assert "0.5500" in text
    groups = to_json(result, tests)["groups"]
    assert groups["a"][0]["at_budget"]["100"] == {
        "id": 0, "flops": 100.0, "val_accuracy": 0.6, "val_error": 0.4, "test_accuracy": 0.55
    }
    assert "test_accuracy" not in groups["a"][0]["at_budget"]["1000"]
    assert groups["b"][0]["at_budget"]["100"] is None
    rows = list(to_rows(result, tests))
    assert [(r["run"], r["budget"], r.get("id")) for r in rows] == [
        ("a", 100, 0), ("a", 1000, 1), ("b", 100, None), ("b", 1000, 0)
    ]


def test_a_run_that_counts_no_edge_updates_has_none() -> None:
    silent = [r._replace(metrics={n: v for n, v in r.metrics.items() if n != "edge_updates"}) for r in A.records]
    result = compare({"a": [A._replace(records=silent)], "b": [B]})
    assert result.groups["a"][0].spent.edge_updates is None
    (row,) = [line for line in rendered(spending_table(result)).splitlines() if line.startswith("│ a ")]
    assert row.split("│")[-2].strip() == "-"


def three(name: str, points: Sequence[tuple[float, float, float]]) -> RunRecords:
    """A run with the objectives val_error, flops and params."""
    names = [*NAMES, "params"]
    records = [
        Record(id, 3, 0, "sample", (), "ok", dict(zip(names, point, strict=True)) | {"val_accuracy": 1 - point[0]},
               0.5, 1.0, None)
        for id, point in enumerate(points)
    ]
    return RunRecords(name, records, parse_objectives(names, [], names), 9.0)


POINTS = [(0.4, 100, 90), (0.3, 200, 20), (0.2, 150, 80), (0.1, 900, 70), (0.5, 50, 95)]


def test_budgets_bound_the_last_of_three_objectives_or_the_cost_that_is_asked_for() -> None:
    runs = {"c": [three("c", POINTS)], "d": [three("d", POINTS[:2])]}
    by_params, by_flops = compare(runs, budgets=[75, 1000]), compare(runs, budgets=[75, 1000], cost="flops")
    found = [
        [[m and m.id for m in run.at_budget.values()] for (run,) in c.groups.values()] for c in (by_params, by_flops)
    ]
    assert found == [[[3, 3], [1, 1]], [[4, 3], [None, 1]]]
    assert [c.cost.metric for c in (by_params, by_flops)] == ["params", "flops"]
    assert set(by_params.reference) == {"val_error", "flops", "params"}
    assert set(by_flops.reference) == {"val_error", "flops"}
    assert by_flops.groups["c"][0].spent == by_params.groups["c"][0].spent


def test_runs_with_other_costs_are_compared_by_one_that_they_have_in_common() -> None:
    result = compare({"a": [A], "c": [three("c", POINTS)]}, budgets=[150, 1000], cost="flops")
    assert [[m and m.id for m in run.at_budget.values()] for (run,) in result.groups.values()] == [[0, 1], [2, 3]]


def test_a_run_whose_front_was_measured_in_part_is_not_compared() -> None:
    partly = [r if r.id else r._replace(metrics={**r.metrics, "flash": 7.0}) for r in A.records]
    with pytest.raises(UserError, match=r"flash was measured for 1 of [2-9] members: `evonas measure a` measures all"):
        compare({n: [A._replace(name=n, records=partly)] for n in "ab"}, cost="flash")


def test_what_lacks_the_cost_is_not_chosen_but_paid_for() -> None:
    members = {r.id for r in front(A.records, A.objectives)}
    partly = [
        r._replace(metrics={**r.metrics, "flash": 7.0 + r.id}) if r.id in members else r for r in A.records
    ]
    result = compare({n: [A._replace(name=n, records=partly)] for n in "ab"}, cost="flash")
    run_a = result.groups["a"][0]
    assert {m.id for m in run_a.staircase} <= members < {r.id for r in A.records}
    assert run_a.spent == compare({"a": [A], "b": [B]}).groups["a"][0].spent


@pytest.mark.parametrize(
    ("cost", "message"),
    [("parms", "a has no metric 'parms', .*`evonas measure` adds"), ("val_accuracy", "val_accuracy is no cost"),
     ("val_error", "val_error is no cost: name a metric that is minimised, beside val_error")],
)
def test_what_is_no_cost_is_refused(cost: str, message: str) -> None:
    with pytest.raises(UserError, match=message):
        compare({"a": [A], "b": [B]}, cost=cost)


@pytest.mark.parametrize(
    ("second", "message"),
    [
        (run("z", [(0.1, 9)], names=["val_loss", "flops"]), "z has other objectives than a: expected val_error, flops"),
        (run("z", [(0.1, 9)], constraints=["flops<=5"]), "z has no evaluation that succeeded and keeps flops<=5: "),
        (run("z", []), "z has no evaluation that succeeded: evolve it longer"),
    ],
)
def test_runs_that_cannot_be_compared_are_refused(second: RunRecords, message: str) -> None:
    with pytest.raises(UserError, match=message):
        compare({"a": [A], "z": [second]})


@pytest.mark.parametrize(
    ("names", "message"),
    [(["flops"], "one objective, flops"), (["flops", "val_accuracy"], "the last objective, val_accuracy, is max")],
)
def test_without_a_cost_there_is_no_comparison(names: list[str], message: str) -> None:
    with pytest.raises(UserError, match=message):
        compare({n: [run(n, [(0.1, 9)], names=names)] for n in "ab"})


@pytest.mark.parametrize("budgets", [None, [1000], [1, 2], [1e6, 2e6]], ids=["default", "one", "below", "above"])
def test_a_plot_of_groups_is_drawn_for_any_budgets(tmp_path: Path, budgets: list[float] | None) -> None:
    plot_comparison(tmp_path / "p.png", compare({"g": [A, B], "late": [LATE]}, budgets=budgets), title="toy")
    assert (tmp_path / "p.png").read_bytes().startswith(b"\x89PNG")
