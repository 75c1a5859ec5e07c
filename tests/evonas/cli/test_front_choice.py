"""A front to choose from: every point once, the columns one wants, reasons, and what is hidden."""

from __future__ import annotations

import csv
import io
import json
import sqlite3
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from typer.testing import Result

from evonas.run.api import Run

Evonas = Callable[..., Result]
Refused = Callable[..., None]


def rows_of(evonas: Evonas, run: Path, *options: object) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(evonas("front", run, "--json", *options).stdout)
    return found


def change(run: Path, id: int, metrics: Mapping[str, float]) -> None:
    """Gives an individual other metrics."""
    with sqlite3.connect(run / "run.db") as database:
        (old,) = database.execute("SELECT metrics FROM evaluations WHERE id = ?", (id,)).fetchone()
        new = json.dumps(json.loads(old) | dict(metrics))
        database.execute("UPDATE evaluations SET metrics = ? WHERE id = ?", (new, id))


@pytest.fixture
def alike(evonas: Evonas, run: Path) -> tuple[Path, int, list[int]]:
    """A run, a member of its front, and two individuals of the same point with fewer parameters."""
    rows = rows_of(evonas, run)
    ids = {row["id"] for row in rows}
    first = min(rows, key=lambda row: int(row["id"]))
    others = [id for id in range(14) if id not in ids and id > first["id"]][:2]
    assert len(others) == 2
    for n, id in enumerate(others):
        point = {name: first[name] for name in ("trainval_error", "flops", "val_accuracy")}
        change(run, id, {**point, "params": first["params"] - 1 - n})
    return run, first["id"], others


def with_others(ids: list[int], first: int, others: list[int]) -> list[int]:
    place = ids.index(first) + 1
    return [*ids[:place], *others, *ids[place:]]


def test_a_point_is_shown_once_and_says_how_many_are_equal(evonas: Evonas, alike: tuple[Path, int, list[int]]) -> None:
    run, first, others = alike
    text, rows = evonas("front", run).stdout, rows_of(evonas, run)
    assert text.count("+2 equal") == 1
    assert f"{len(rows)} members of 14 evaluations" in text
    assert "not shown: 2 members that are equal in all objectives (--all)" in text
    assert [row["equal"] for row in rows] == [others if row["id"] == first else [] for row in rows]
    everyone = rows_of(evonas, run, "--all")
    assert [row["id"] for row in everyone] == with_others([row["id"] for row in rows], first, others)
    assert [row["equal"] for row in everyone if row["id"] == others[0]] == [[first, others[1]]]
    text = evonas("front", run, "--all").stdout
    assert text.count("+2 equal") == 3
    assert "--all" not in text
    table = list(csv.DictReader(io.StringIO(evonas("front", run, "--csv").stdout)))
    assert [row["equal"] for row in table if row["id"] == str(first)] == [" ".join(map(str, others))]


def test_the_python_front_has_a_point_once_too(alike: tuple[Path, int, list[int]]) -> None:
    run, first, others = alike
    front = Run(run).front()
    assert front.equal[first] == others
    assert not front.duplicated(["trainval_error", "flops"]).any()
    assert list(Run(run).front(equal=True).index) == with_others(list(front.index), first, others)


def test_a_bound_chooses_also_among_equal_members(evonas: Evonas, alike: tuple[Path, int, list[int]]) -> None:
    run, first, others = alike
    (row,) = (row for row in rows_of(evonas, run) if row["id"] == first)
    fewest = f"flops={row['flops']},params={row['params'] - 2}"
    assert [r["id"] for r in rows_of(evonas, run, "--best-under", fewest)] == [others[1]]
    assert [r["id"] for r in rows_of(evonas, run, "--best-under", fewest, "--all")] == [others[1]]
    bound = f"flops={row['flops']}"
    assert [r["id"] for r in rows_of(evonas, run, "--best-under", bound)] == [first]
    assert [r["id"] for r in rows_of(evonas, run, "--best-under", bound, "--all")] == [first, *others]
    assert "+2 equal" in evonas("front", run, "--best-under", bound).stdout


def test_the_knee_is_a_member_that_is_shown(evonas: Evonas, alike: tuple[Path, int, list[int]]) -> None:
    run, *_ = alike
    (knee,) = rows_of(evonas, run, "--knee")
    assert f"knee {knee['id']}" in evonas("front", run).stdout
    assert knee in rows_of(evonas, run)


def test_one_line_says_why_a_member_with_less_accuracy_is_chosen(evonas: Evonas, run: Path) -> None:
    rows = rows_of(evonas, run)
    for row in rows:
        change(run, row["id"], {"val_accuracy": 1 - row["trainval_error"]})
    assert "is chosen by" not in evonas("front", run).stdout
    best, lucky = rows[-1], rows[-2]
    change(run, lucky["id"], {"val_accuracy": 0.999})
    lines = [line for line in evonas("front", run, "--best-under", "flops=1e9").stdout.splitlines() if "chosen" in line]
    assert len(lines) == 1
    assert lines[0].startswith(f"{best['id']} is chosen by the search's objective, trainval_error")
    assert f"{lucky['id']} has a higher val_accuracy (0.9990 instead of" in lines[0]
    assert evonas("front", run).stdout.count("is chosen by") == 1
    within = evonas("front", run, "--best-under", f"flops={lucky['flops']}").stdout
    assert "is chosen by" not in within, "the lucky one is the best within the bound"
    assert rows_of(evonas, run, "--best-under", "flops=1e9")[0]["id"] == best["id"]


def test_columns_are_those_that_are_named_in_all_formats(evonas: Evonas, finished: Path) -> None:
    text = evonas("front", finished, "--columns", "params, id,generation").stdout
    head = next(line for line in text.splitlines() if line.startswith("┃"))
    assert [name.strip() for name in head.split("┃")[1:-1]] == ["params", "id", "generation"]
    assert "--columns" not in text
    rows = rows_of(evonas, finished, "--columns", "params,id,generation")
    assert [list(row) for row in rows] == [["params", "id", "generation"]] * len(rows)
    assert evonas("front", finished, "--csv", "--columns", "params,id").stdout.splitlines()[0] == "params,id"


def test_columns_that_are_hidden_are_named_with_the_option_that_shows_them(evonas: Evonas, finished: Path) -> None:
    (line,) = [line for line in evonas("front", finished).stdout.splitlines() if line.startswith("not shown: ")]
    names = line.partition("the columns ")[2].partition(" (--columns id,")[0].split(", ")
    assert {"val_loss", "train_loss", "budget", "parents"} <= set(names)
    assert evonas("front", finished, "--columns", ",".join(names)).exit_code == 0
    narrow = evonas("front", finished, "--test", "--columns", "id").stdout
    assert "test accuracy" in narrow


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ("id,flop", "unknown column 'flop', did you mean 'flops'"), (",", "--columns names no column"),
        ("latency", "latency was measured for 0 of . members: `evonas measure .*run` measures all"),
        ("test_accuracy", "test_accuracy is measured on the test set: give --test"),
    ],
)
def test_columns_that_are_not_there_are_refused(refused: Refused, run: Path, columns: str, message: str) -> None:
    for options in ((), ("--json",), ("--csv",)):
        refused("front", run, "--columns", columns, *options, message=message)


def test_what_was_measured_of_some_is_a_column_with_gaps(evonas: Evonas, run: Path) -> None:
    from evonas.run.open import open_run

    ids = [row["id"] for row in rows_of(evonas, run)]
    with open_run(run, writing=True) as opened:
        budget = opened.store.member(ids[-1]).evaluation.budget
        opened.store.add_measurement(ids[-1], budget, {"flash": 4321.0, "int8_error": 0.125})
    text = evonas("front", run).stdout
    for expected in ("flash", "4 321", "int8_error", "0.1250"):
        assert expected in text
    rows = rows_of(evonas, run, "--columns", "id,flash")
    assert [row["flash"] for row in rows] == [None] * (len(ids) - 1) + [4321.0]
