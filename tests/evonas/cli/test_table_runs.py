"""Runs that look networks up in a table: the documented command, its end, its way on, and what is refused."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Sequence
from pathlib import Path

import pytest
from made_up_table import fifty, write_tables

from evonas.run.open import open_run
from search_spaces.nasbench201.table import FILE
from tests.evonas.cli.conftest import Evonas, Refused


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tables(tmp_path_factory.mktemp("data")).parent


def command(root: Path, *others: object, out: str = "r") -> Sequence[object]:
    objectives = [] if "--objectives" in others else ["--objectives", "val_error,flops"]
    return [
        "evolve", "--space", "nasbench201", "--evaluator", "table", "--dataset", "cifar10", "--data-root", root,
        *objectives, "--out", out, *others,
    ]


def test_the_documented_command_ends_after_its_evaluations_and_goes_on(root: Path, evonas: Evonas) -> None:
    result = evonas(*command(root, "--searcher", "local-search", "--evaluations", 60))
    assert result.exit_code == 0, result.output
    assert "The run is complete: r" in result.stdout + result.stderr
    assert "looked up in a table, after 200 epochs of training" in result.stdout + result.stderr
    measured = fifty()
    with open_run(Path("r")) as run:
        records = run.store.records()
        assert len(records) == 60
        assert run.store.info.searcher == "LocalSearch"
        assert {r.budget for r in records} == {200}
        accuracies = {float(row["c10_val"]) for row in measured}
        assert {round(100 * r.metrics["val_accuracy"], 2) for r in records} <= accuracies
        assert all(set(r.metrics) >= {"val_error", "flops", "params"} for r in records)
        assert not {name for r in records for name in r.metrics if "test" in name}
    assert evonas("resume", "r", "--evaluations", 70).exit_code == 0
    with open_run(Path("r")) as run:
        assert len(run.store.records()) == 70
    for arguments in (["front", "r"], ["report", "r"], ["front", "r", "--json"]):
        assert evonas(*arguments).exit_code == 0


@pytest.mark.parametrize(
    ("searcher", "others", "budgets"),
    [("hyperband", [], {12, 200}), ("nsga2", ["--rungs", "12,200", "--population", 6, "--children", 6], {12, 200}),
     ("surrogate", ["--epochs", 12, "--searcher-option", "trees=5"], {12})],
)
def test_budgets_are_the_epochs_of_the_table(
    root: Path, evonas: Evonas, searcher: str, others: list[object], budgets: set[int]
) -> None:
    assert evonas(*command(root, "--searcher", searcher, "--evaluations", 40, *others)).exit_code == 0
    with open_run(Path("r")) as run:
        assert {r.budget for r in run.store.records()} == budgets


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ([], {"population": 10, "children": 1, "survival": "aging-dominated", "parent_selection": "unexplored"}),
        (["--population", 6, "--parent-selection", "tournament"],
         {"population": 6, "children": 1, "survival": "aging-dominated", "parent_selection": "tournament"}),
        (["--searcher", "random"], {"population": 40, "children": 20, "parent_selection": "front-gap"}),
    ],
)
def test_a_search_whose_trials_take_no_time_has_other_defaults_which_are_kept(
    root: Path, evonas: Evonas, options: list[object], expected: dict[str, object]
) -> None:
    assert evonas(*command(root, "--evaluations", 30, *options)).exit_code == 0
    for n in (30, 40):
        with open_run(Path("r")) as run:
            assert {name: getattr(run.config, name) for name in expected} == expected
            records = run.store.records()
            assert len(records) == n
            genotypes = {run.store.individual(r.id).genotype for r in records}
            assert len(genotypes) == n
        assert evonas("resume", "r", "--evaluations", 40).exit_code == 0


def test_a_search_that_trains_keeps_its_defaults(evonas: Evonas) -> None:
    options = ["--n-train", 200, "--epochs", 1, "--evaluations", 3, "--out", "r"]
    assert evonas("evolve", *options).exit_code == 0
    with open_run(Path("r")) as run:
        assert (run.config.population, run.config.children, run.config.parent_selection) == (40, 20, "front-gap")


def test_what_a_device_could_not_run_is_said_and_is_not_in_the_front(root: Path, evonas: Evonas) -> None:
    objectives = ["--objectives", "val_error,edgetpu_latency", "--constraint", "eyeriss_energy<=100"]
    result = evonas(*command(root, "--searcher", "regularized-evolution", "--evaluations", 130, *objectives))
    assert result.exit_code == 0, result.output
    assert "of 15625 cells have no edgetpu_latency (the table says -1)" in " ".join(result.output.split())
    with open_run(Path("r")) as run:
        records = run.store.records()
        failed = [r for r in records if r.status == "failed"]
        assert failed
        assert all("edgetpu_latency of this cell was not measurable" in (r.error or "") for r in failed)
        assert all(r.metrics["edgetpu_latency"] > 0 for r in records if r.status == "ok")
        assert run.store.info.goals["edgetpu_latency"] == "min"
    row = json.loads(evonas("front", "r", "--json").stdout)[0]
    assert row["edgetpu_latency"] > 0


def test_a_run_goes_on_with_its_own_table_and_searcher_only(
    root: Path, tmp_path: Path, evonas: Evonas, refused: Refused
) -> None:
    copied = tmp_path / "data" / "nasbench201"
    copied.mkdir(parents=True)
    lines = (root / "nasbench201" / FILE).read_text()
    (copied / FILE).write_text(lines)
    assert evonas(*command(copied.parent, "--searcher", "nsga3", "--evaluations", 50)).exit_code == 0
    values = lines.splitlines()[1].split(",")
    (copied / FILE).write_text(lines.replace(",".join(values), ",".join([*values[:3], "11.11", *values[4:]])))
    refused("resume", "r", "--evaluations", 60, message="'table of cifar10' is not the one that r was started with")
    (copied / FILE).unlink()
    refused("resume", "r", "--evaluations", 60, message=r"expected nasbench201\.csv .*--data-root")
    assert evonas("resume", "r", "--evaluations", 60, "--data-root", root).exit_code == 0
    with sqlite3.connect("r/run.db") as db:
        db.execute("UPDATE meta SET value = replace(value, '\"nsga3\"', '\"random\"') WHERE key = 'config'")
        db.execute("UPDATE meta SET value = replace(value, '\"crossover_rate\": 0.5', '') WHERE key = 'config'")
    refused("resume", "r", "--evaluations", 70, "--data-root", root,
            message="was searched by NSGA3, not by RandomSearch")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--epochs", 20], "networks after 12 and 200 epochs, got 20: give one of these"),
        (["--rungs", "12,100"], "networks after 12 and 200 epochs, got 100"),
        (["--dataset", "cifar100x"], "got the data set 'cifar100x', did you mean 'cifar100'"),
        (["--objectives", "val_error,raspi5_latency"], "unknown objective 'raspi5_latency', did you mean 'raspi4_lat"),
        (["--objectives", "val_error,latency"], "unknown objective 'latency'"),
        (["--objectives", "raspi4_latency,val_error"], "quality, then costs, .* begin with val_error"),
        (["--constraint", "raspi<=3"], "unknown metric 'raspi' in constraint"),
        (["--space-option", "channels=8"], "networks with 15 cells and 16 channels"),
        (["--teacher", "other"], "'table' trains nothing and sees no samples: leave out teacher"),
        (["--learning-rate", 0.1], "leave out training"),
        (["--data-root", "nowhere"], "expected an existing folder, got .*nowhere"),
    ],
)
def test_what_a_table_cannot_serve_is_refused(
    root: Path, refused: Refused, options: list[object], message: str
) -> None:
    refused(*command(root, *options), message=message)


def test_there_is_nothing_to_train_or_to_measure(root: Path, evonas: Evonas, refused: Refused) -> None:
    assert evonas(*command(root, "--searcher", "random", "--evaluations", 5)).exit_code == 0
    refused("retrain", "r", "--data-root", root, message="was evaluated by a table, without samples and weights")
    refused("measure", "r", "--data-root", root, message="was evaluated by a table|no trained weights")
    way = "was evaluated by a table, .*: train its networks in a run with the evaluator 'trained'"
    for options in (["n.c"], ["n.safetensors"], ["n.c", "--weights", "fresh"], ["n", "--format", "package"]):
        refused("export", "r", 0, "--data-root", root, "--out", *options, message=way)
    Path("x.csv").write_text("a\n1\n")
    refused("predict", "r", "x.csv", message=way)
