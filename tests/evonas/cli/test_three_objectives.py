"""Searches for accuracy, compute and memory at once, end to end on the digits."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import Result

from evonas.cli.report import collect_runs
from evonas.report.html import Drawings

Evonas = Callable[..., Result]


@pytest.fixture(scope="module")
def three(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run with three objectives; not to be changed."""
    from evonas.config import build_config
    from evonas.run.start import evolve

    directory = tmp_path_factory.mktemp("runs") / "three"
    numbers = {"population": 8, "children": 6, "generations": 3, "epochs": 5, "seed": 1}
    evolve(build_config(None, {"dataset": "digits", "objectives": ("trainval_error", "flops", "flash"), **numbers}),
           directory)
    return directory


def rows_of(evonas: Evonas, run: Path, *options: object) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(evonas("front", run, "--json", *options).stdout)
    return found


def test_no_member_of_the_front_is_worse_in_all_three(evonas: Evonas, three: Path) -> None:
    rows = rows_of(evonas, three)
    points = [(r["trainval_error"], r["flops"], r["flash"]) for r in rows]
    assert len(points) > 3
    for a in points:
        assert not any(b != a and all(x <= y for x, y in zip(b, a, strict=True)) for b in points)
    assert [r["flash"] for r in rows] == sorted(r["flash"] for r in rows)
    table = evonas("front", three).stdout
    assert "log10 of flops, flash" in table
    assert all(f"{r['flash']:,.0f}".replace(",", " ") in table for r in rows)


def test_one_member_is_chosen_under_any_bounds_or_at_the_knee(evonas: Evonas, three: Path) -> None:
    rows = rows_of(evonas, three)
    bound = sorted(r["params"] for r in rows)[len(rows) // 2]
    (best,) = rows_of(evonas, three, "--best-under", f"params={bound}")
    assert best["trainval_error"] == min(r["trainval_error"] for r in rows if r["params"] <= bound)
    (knee,) = rows_of(evonas, three, "--knee")
    assert knee["id"] in [r["id"] for r in rows]


def test_runs_of_two_and_of_three_objectives_are_compared_by_a_common_cost(
    evonas: Evonas, finished: Path, three: Path
) -> None:
    result = evonas("compare", finished, three, "--json")
    assert result.exit_code == 2
    assert "by one cost that all have they can be compared: --cost" in result.stderr
    for cost in ("params", "flops"):
        result = evonas("compare", finished, three, "--json", "--cost", cost, "--plot", f"{cost}.png")
        assert result.exit_code == 0, result.output
        found = json.loads(result.stdout)
        assert set(found["reference"]) == {"trainval_error", cost}
        members = [m for g in found["groups"].values() for m in g[0]["at_budget"].values() if m is not None]
        assert members
        assert all(cost in member for member in members)
        assert Path(f"{cost}.png").stat().st_size > 1000


def test_a_plot_has_any_cost_on_its_axis(evonas: Evonas, three: Path) -> None:
    for cost in ("flops", "params"):
        assert evonas("front", three, "--plot", f"{cost}.svg", "--cost", cost).exit_code == 0
    assert "<!-- parameters -->" in Path("params.svg").read_text()
    assert evonas("front", three, "--cost", "flops").exit_code == 2


def test_the_page_has_all_costs_as_axes_and_budgets(three: Path) -> None:
    data = collect_runs([three], Drawings())
    assert [o["metric"] for o in data["objectives"]] == ["trainval_error", "flops", "flash"]
    assert {"flops", "flash", "params"} <= {m["name"] for m in data["metrics"] if m["log"]}
    assert data["knee"] in data["front"]
