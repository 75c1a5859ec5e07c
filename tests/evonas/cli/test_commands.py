"""Every documented command on a small run."""

from __future__ import annotations

import csv
import io
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import Result

from evonas.report.tables import number

Evonas = Callable[..., Result]


def test_evolve_prints_the_front_and_where_the_run_is(evonas: Evonas, tmp_path: Path) -> None:
    arguments = ["--population", 2, "--children", 1, "--generations", 1, "--epochs", 1, "--seed", 5]
    result = evonas("evolve", *arguments)
    assert result.exit_code == 0
    assert "generation 1/1: front" in result.stdout
    assert "hypervolume" in result.stdout
    assert "The run is complete: runs/neuron-digits-5" in result.stdout
    assert (tmp_path / "runs/neuron-digits-5/run.db").is_file()


def test_options_win_over_the_configuration_file(evonas: Evonas, settings: Path) -> None:
    options = ["--generations", 0, "--epochs", 1, "--population", 2, "--objectives", "val_loss,edges"]
    assert evonas("evolve", settings, *options, "--constraint", "edges<=500", "--out", "r").exit_code == 0
    rows = json.loads(evonas("front", "r", "--json").stdout)
    assert {row["budget"] for row in rows} == {1}
    assert all(row["edges"] <= 500 for row in rows)


def test_random_search_runs_at_the_same_budget(evonas: Evonas, settings: Path) -> None:
    assert evonas("evolve", settings, "--searcher", "random", "--epochs", 1, "--out", "r").exit_code == 0
    assert "of 14 evaluations" in evonas("front", "r").stdout


def test_a_run_at_its_time_limit_says_how_to_go_on_and_goes_on(
    evonas: Evonas, settings: Path, finished: Path, contents: Callable[[Path], object], tmp_path: Path,
) -> None:
    result = evonas("evolve", settings, "--time-limit", 0.001, "--out", "r")
    assert result.exit_code == 0
    assert "no network has been trained yet: a run needs time" in result.stdout
    assert "go on with: evonas resume r --time-limit" in result.stdout
    assert evonas("resume", "r", "--time-limit", 1000).exit_code == 0
    assert contents(tmp_path / "r") == contents(finished)


def test_resume_of_a_complete_run_can_add_generations(evonas: Evonas, run: Path) -> None:
    assert "of 14 evaluations" in evonas("resume", run).stdout
    result = evonas("resume", run, "--generations", 3)
    assert "generation 3/3" in result.stdout
    assert "of 18 evaluations" in result.stdout


def test_front_agrees_as_table_json_and_csv(evonas: Evonas, finished: Path) -> None:
    rows = json.loads(evonas("front", finished, "--json").stdout)
    table = csv.DictReader(io.StringIO(evonas("front", finished, "--csv").stdout))
    assert [(int(r["id"]), float(r["trainval_error"])) for r in table] == [(r["id"], r["trainval_error"]) for r in rows]
    text = evonas("front", finished).stdout
    assert f"{len(rows)} members of 14 evaluations" in text
    for row in rows:
        assert f"{row['id']} │         {row['trainval_error']:.4f} │       {row['val_accuracy']:.4f}" in text


def test_a_front_on_a_pipe_is_never_cut(evonas: Evonas, finished: Path) -> None:
    text = evonas("front", finished, "--test").stdout
    assert "…" not in text
    assert "operator" in text


def test_best_under_and_knee_pick_one_member_of_the_front(evonas: Evonas, finished: Path) -> None:
    rows = json.loads(evonas("front", finished, "--json").stdout)
    bound = rows[-1]["flops"] - 1
    under = json.loads(evonas("front", finished, "--json", "--best-under", f"flops={bound}").stdout)
    knee = json.loads(evonas("front", finished, "--json", "--knee").stdout)
    assert under == [min((r for r in rows if r["flops"] <= bound), key=lambda r: r["trainval_error"])]
    assert len(knee) == 1
    assert knee[0] in rows


@pytest.mark.parametrize("suffix", ["png", "svg", "pdf"])
def test_front_draws_a_plot_beside_another_run(evonas: Evonas, finished: Path, suffix: str) -> None:
    result = evonas("front", finished, "--plot", f"front.{suffix}", "--beside", finished)
    assert result.exit_code == 0
    assert result.stderr == f"wrote front.{suffix}\n"
    head = {"png": b"\x89PNG", "svg": b"<?xml", "pdf": b"%PDF"}[suffix]
    assert Path(f"front.{suffix}").read_bytes().startswith(head)


def test_show_tells_structure_metrics_and_lineage_from_a_founder_on(
    evonas: Evonas, finished: Path, best: int
) -> None:
    text = evonas("show", finished, best).stdout
    assert "metrics after 20 epochs" in text
    lines = [line.split() for line in text.splitlines() if "●" in line]
    assert "sample" in lines[0], "the first is a founder"
    assert str(best) in lines[-1]


@pytest.mark.parametrize("suffix", ["png", "svg"])
def test_show_draws_the_network(evonas: Evonas, finished: Path, best: int, suffix: str) -> None:
    result = evonas("show", finished, best, "--draw", f"net.{suffix}")
    assert result.exit_code == 0, result.output
    assert f"wrote net.{suffix} (" in result.stdout
    content = Path(f"net.{suffix}").read_bytes()
    assert content.startswith({"png": b"\x89PNG", "svg": b"<?xml"}[suffix])
    (row,) = [r for r in json.loads(evonas("front", finished, "--json").stdout) if r["id"] == best]
    facts = f"validation accuracy {row['val_accuracy']:.2%} · {number(row['flops'])} FLOPs"
    assert suffix == "png" or (f"digits, individual {best}" in content.decode() and facts in content.decode())


def test_lineage_tells_all_ancestors_as_a_drawing_and_as_json(evonas: Evonas, finished: Path) -> None:
    rows = json.loads(evonas("lineage", finished, 13, "--json").stdout)
    assert rows[-1]["id"] == 13
    assert rows[0]["generation"] == 0
    known = {row["id"] for row in rows}
    assert all(set(row["parents"]) <= known for row in rows)
    assert {parent for row in rows for parent in row["parents"]} == known - {13}
    text = evonas("lineage", finished, 13).stdout
    lines = [line.split() for line in text.splitlines() if "●" in line]
    assert len(lines) == len(rows)
    for line, row in zip(lines, rows, strict=True):
        assert {str(row["id"]), str(row["generation"]), row["operator"]} <= set(line)


def test_retrainings_are_kept_and_appear_with_the_test_metrics(evonas: Evonas, run: Path, best: int) -> None:
    fresh = evonas("retrain", run, "--ids", best, "--seeds", 2, "--epochs", 2)
    assert fresh.exit_code == 0, fresh.output
    assert "2/2 individual" in fresh.stdout
    again = evonas("retrain", run, "--ids", best, "--seeds", 2, "--epochs", 2)
    assert "individual" not in again.stdout, "what is stored must not be trained again"
    assert evonas("retrain", run, "--ids", best, "--seeds", 1, "--epochs", 1, "--inherit").exit_code == 0
    rows = {row["id"]: row for row in json.loads(evonas("front", run, "--test", "--json").stdout)}
    assert rows[best]["seeds_fresh_2_epochs"] == 2
    assert rows[best]["test_accuracy"] == pytest.approx(1 - rows[best]["test_error"])
    assert rows[best]["test_accuracy_inherited_1_epochs"] > rows[best]["test_accuracy_fresh_2_epochs"]


def test_spaces_and_datasets_name_what_there_is_and_what_is_missing(evonas: Evonas) -> None:
    assert "neuron" in evonas("spaces").stdout
    assert "native" in evonas("spaces", "--verbose").stdout or "torch" in evonas("spaces", "--verbose").stdout
    text = evonas("datasets").stdout
    assert "embedded" in text
    assert "train-images-idx3-ubyte" in text


def test_version_is_that_of_the_package(evonas: Evonas) -> None:
    import evonas as package

    assert evonas("--version").stdout.split() == ["evonas", package.__version__]
    module = subprocess.run([sys.executable, "-m", "evonas", "--version"], capture_output=True, text=True, check=True)
    assert module.stdout.split() == ["evonas", package.__version__]


def test_help_shows_the_defaults(evonas: Evonas) -> None:
    text = evonas("evolve", "--help").stdout
    assert "[neuron]" in text
    assert "[40]" in text


@pytest.mark.parametrize(
    ("statement", "absent"),
    [
        ("import evonas", ["numpy", "torch"]),
        ("import evonas.cli", ["torch", "pymoo", "matplotlib", "sklearn"]),
        ("from evonas.cli.app import app; app(['front', {run!r}], standalone_mode=False)", ["torch", "matplotlib"]),
    ],
)
def test_start_up_leaves_slow_imports_to_those_who_need_them(
    finished: Path, statement: str, absent: list[str]
) -> None:
    done_by = statement.format(run=str(finished))
    code = f"{done_by}\nimport sys; print('LOADED', *[m for m in {absent} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.splitlines()[-1] == "LOADED"
