"""evonas compare on small runs of the embedded digits."""

from __future__ import annotations

import csv
import io
import json
import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import Result

from evonas.run.open import open_run

Evonas = Callable[..., Result]


@pytest.fixture(scope="module")
def other_seed(settings: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The run of ``settings`` with another seed; not to be changed."""
    from evonas.config import build_config
    from evonas.run.start import evolve

    directory = tmp_path_factory.mktemp("runs") / "other"
    evolve(build_config(settings, {"seed": 4}), directory)
    return directory


def change_meta(run: Path, key: str, change: Callable[[Any], Any]) -> None:
    connection = sqlite3.connect(run / "run.db")
    with connection:
        (text,) = connection.execute("SELECT value FROM meta WHERE key = ?", (key,)).fetchone()
        value = json.dumps(change(json.loads(text))) if text.startswith("{") else change(text)
        connection.execute("UPDATE meta SET value = ? WHERE key = ?", (value, key))
    connection.close()


def front(evonas: Evonas, run: Path, *options: object) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = json.loads(evonas("front", run, "--json", *options).stdout)
    return rows


def test_json_holds_the_best_front_member_under_each_budget_and_what_was_spent(
    evonas: Evonas, finished: Path, other_seed: Path
) -> None:
    budgets = [row["flops"] for row in front(evonas, finished)][:3]
    text = ",".join(map(str, reversed(budgets)))
    result = json.loads(evonas("compare", f"g={finished},{other_seed}", "--json", "--budgets", text).stdout)
    assert result["budgets"] == budgets
    assert set(result["reference"]) == {"trainval_error", "flops"}
    for entry, run in zip(result["groups"]["g"], (finished, other_seed), strict=True):
        assert entry["run"] == str(run)
        assert list(entry["at_budget"]) == [str(budget) for budget in result["budgets"]]
        for budget, member in zip(budgets, entry["at_budget"].values(), strict=True):
            under = [row for row in front(evonas, run) if row["flops"] <= budget]
            if member is None:
                assert under == []
            else:
                assert member["trainval_error"] == min(row["trainval_error"] for row in under)
                assert member["flops"] == 2 * member["edges"]
        with open_run(run) as opened:
            records, elapsed = opened.store.records(), opened.store.elapsed
        assert (entry["evaluations"], entry["elapsed"]) == (14, elapsed)
        assert entry["seconds"] == pytest.approx(sum(r.seconds for r in records))
        assert entry["edge_updates"] == pytest.approx(sum(r.metrics["edge_updates"] for r in records))


def test_table_json_and_csv_agree(evonas: Evonas, finished: Path, other_seed: Path) -> None:
    command = ["compare", f"both={finished},{other_seed}", finished.parent / "finished/../finished"]
    assert evonas(*command).exit_code == 2, "the same run under another spelling"
    command = ["compare", finished, other_seed]
    result = json.loads(evonas(*command, "--json").stdout)
    rows = list(csv.DictReader(io.StringIO(evonas(*command, "--csv").stdout)))
    assert [row["group"] for row in rows] == [n for n in ("finished", "other") for _ in result["budgets"]]
    text = evonas(*command).stdout
    for row in rows:
        (entry,) = result["groups"][row["group"]]
        member = entry["at_budget"][row["budget"]]
        assert (row["val_accuracy"] == "") == (member is None)
        if member is not None:
            assert float(row["val_accuracy"]) == member["val_accuracy"]
            assert f"{member['val_accuracy']:.4f}" in text
        assert f"{entry['hypervolume']:.4f}" in text
    point = ", ".join(f"{name}={value:g}" for name, value in result["reference"].items())
    assert f"hypervolumes up to {point} (log10 of flops)" in text


def test_a_group_shows_mean_and_deviation_over_its_runs(evonas: Evonas, finished: Path, other_seed: Path) -> None:
    options = ["--budgets", 1e6]
    groups = json.loads(evonas("compare", finished, other_seed, "--json", *options).stdout)["groups"]
    values = [groups[name][0]["at_budget"]["1000000"]["val_accuracy"] for name in ("finished", "other")]
    text = evonas("compare", f"evolve={finished},{other_seed}", *options).stdout
    assert "evolve, 2 runs" in text
    assert f"{np.mean(values):.4f} ± {np.std(values, ddof=1):.4f}" in text


def test_groups_of_seeds_are_tested_or_told_how_many_that_takes(
    evonas: Evonas, finished: Path, other_seed: Path, run: Path
) -> None:
    copies = [shutil.copytree(source, f"copy-{source.name}") for source in (finished, other_seed)]
    command = ["compare", f"a={finished},{other_seed}", f"b={','.join(copies)}", "--budgets", 1e6]
    text = evonas(*command).stdout
    assert "differences between groups" in text
    assert "a and b have 2 pairs of runs, too few for a test: p can be below 0.05 from 6 pairs on" in text
    at_budget, by_volume = json.loads(evonas(*command, "--json").stdout)["differences"]
    assert (at_budget["first"], at_budget["second"], at_budget["n"], at_budget["paired"]) == ("a", "b", [2, 2], True)
    for difference in (at_budget, by_volume):
        assert (difference["mean"], difference["superiority"], difference["p"]) == (0, 0.5, None)
    assert "name seeds like NAME=RUN,RUN,RUN" in evonas("compare", finished, other_seed).stdout
    latex = evonas(*command, "--latex", "--baseline", "a")
    assert latex.stdout.startswith("% \\usepackage{booktabs}\n\\begin{table}[t]\n")
    assert r"\caption{digits: validation accuracy of the best member" in latex.stdout
    assert latex.stderr == ""


def test_runs_of_other_splits_may_have_teachers_of_their_own(
    evonas: Evonas, finished: Path, settings: Path
) -> None:
    small = ["--epochs", 1, "--generations", 0]
    Path("run.toml").write_text(f"split_seed = 1\n{settings.read_text()}")
    assert evonas("evolve", "run.toml", *small, "--out", "source").exit_code == 0
    for name, config, teacher in (("zero", settings, finished), ("one", "run.toml", "source")):
        for seed in (5, 6):
            options = [*small, "--seed", seed, "--teacher", teacher, "--out", f"{name}{seed}"]
            assert evonas("evolve", config, *options).exit_code == 0
    assert evonas("compare", "a=zero5,one5", "b=zero6,one6", "--json").exit_code == 0
    assert evonas("evolve", settings, *small, "--teacher", "zero5", "--out", "two").exit_code == 0
    result = evonas("compare", "a=zero5,one5", "two", "--plot", "c.png")
    assert (result.exit_code, result.stdout) == (2, "")
    assert "not all runs had the same teacher (taught were zero5 by a run, one5 by a run, two by" in result.stderr
    assert not Path("c.png").exists()


def test_runs_with_different_splits_get_a_note_beside_clean_output(
    evonas: Evonas, finished: Path, other_seed: Path, settings: Path
) -> None:
    assert evonas("compare", finished, other_seed).stderr == ""
    Path("run.toml").write_text(f"split_seed = 1\n{settings.read_text()}")
    assert evonas("evolve", "run.toml", "--epochs", 1, "--generations", 0, "--out", "split").exit_code == 0
    result = evonas("compare", finished, other_seed, "split", "--json")
    json.loads(result.stdout)
    (line,) = result.stderr.splitlines()
    assert line.startswith("note: the runs have 2 different splits into training and validation samples")


def test_files_that_changed_between_two_runs_of_another_split_are_noticed(
    evonas: Evonas, finished: Path, settings: Path
) -> None:
    Path("run.toml").write_text(f"split_seed = 1\n{settings.read_text()}")
    assert evonas("evolve", "run.toml", "--epochs", 1, "--generations", 0, "--out", "split").exit_code == 0
    shutil.copytree("split", "later")
    change_meta(Path("later"), "fingerprint", lambda digest: digest[::-1])
    result = evonas("compare", finished, "split", "later")
    assert (result.exit_code, result.stdout, result.stderr.count("\n")) == (2, "", 1)
    assert "the files of digits changed between split and later" in result.stderr


def test_test_accuracy_is_that_of_the_members_that_validation_chose(evonas: Evonas, finished: Path, run: Path) -> None:
    command = ["compare", finished, run, "--json"]
    blind, seeing = (json.loads(evonas(*command, *o).stdout)["groups"] for o in ([], ["--test"]))
    expected = {row["id"]: row["test_accuracy"] for row in front(evonas, finished, "--test")}
    members = [m for name in seeing for m in seeing[name][0]["at_budget"].values() if m is not None]
    assert members
    for member in members:
        assert member.pop("test_accuracy") == expected[member["id"]]
    assert seeing == blind
    assert "finished, test" in evonas("compare", finished, run, "--test").stdout


def test_a_reference_point_is_used_and_stated(evonas: Evonas, finished: Path, run: Path) -> None:
    text = evonas("compare", finished, run, "--reference", "flops=2").stdout
    assert "hypervolumes up to trainval_error=1, flops=2 (log10 of flops)" in text
    assert text.count("0.0000") == 2


def test_a_comparison_is_drawn(evonas: Evonas, finished: Path, other_seed: Path) -> None:
    assert evonas("compare", finished, other_seed, "--plot", "c.svg").exit_code == 0
    drawing = Path("c.svg").read_bytes()
    assert drawing.startswith(b"<?xml")


def test_a_path_with_an_equals_sign_is_a_run(evonas: Evonas, finished: Path, run: Path) -> None:
    shutil.move(run, "seed=3")
    groups = json.loads(evonas("compare", finished, "seed=3", "--json").stdout)["groups"]
    assert list(groups) == ["finished", "seed=3"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["RUN"], "a comparison needs at least two runs, got "),
        (["RUN", "RUN"], "two groups are called 'finished': give each a name of its own, like NAME=RUN,RUN"),
        (["a=RUN,RUN"], "finished is named twice"),
        (["a=RUN", "b=RUN"], "finished is named twice"),
        (["a=RUN", "a=x"], "two groups are called 'a'"),
        (["a=RUN,", "x"], "expected RUN or NAME=RUN,RUN"),
        (["=RUN", "x"], "expected RUN or NAME=RUN,RUN"),
        (["RUN", "nowhere"], "nowhere is not a run: it has no run.db"),
        (["RUN", "run", "--budgets", "5k"], "cannot read '5k', expected positive numbers like 5300,13200,41400"),
        (["RUN", "run", "--budgets", "0,5"], "cannot read '0,5', expected positive numbers"),
        (["RUN", "run", "--budgets", "nan"], "cannot read 'nan', expected positive numbers"),
        (["RUN", "run", "--reference", "flop=9"], "unknown objective 'flop' in --reference, did you mean 'flops'?"),
        (["RUN", "run", "--plot", "c.xyz"], "cannot draw c.xyz: "),
        (["RUN", "run", "--json", "--latex"], "there is one output: name one of --json, --csv and --latex"),
        (["a=RUN,run", "--baseline", "b", "--plot", "c.png"], "unknown group 'b' as baseline, there are: a"),
        (["RUN", "run", "--baseline", "run"], "the baseline run is one run, and a test needs several"),
    ],
)
def test_a_comparison_that_makes_no_sense_is_refused(
    evonas: Evonas, finished: Path, run: Path, arguments: list[str], message: str
) -> None:
    result = evonas("compare", *(argument.replace("RUN", str(finished)) for argument in arguments))
    assert (result.exit_code, result.stdout, result.stderr.count("\n")) == (2, "", 1)
    assert message in result.stderr


@pytest.mark.parametrize(
    ("key", "change", "message"),
    [
        ("config", {"dataset": "mnist"}, "is about digits, run is about mnist: runs of different data sets"),
        ("config", {}, "the files of digits changed between"),
        ("config", {"objectives": ["val_loss", "edges"]}, "run has other objectives than"),
        ("config", {"constraints": ["flops<=1"]}, "run has no evaluation that succeeded and keeps flops<=1"),
        ("task", {"n_outputs": 11}, "have different tasks"),
    ],
)
def test_runs_that_do_not_belong_together_are_refused(
    evonas: Evonas, finished: Path, run: Path, key: str, change: dict[str, Any], message: str
) -> None:
    change_meta(run, key, lambda document: {**document, **change})
    if key == "task" or change.keys() <= {"dataset"}:
        change_meta(run, "fingerprint", lambda digest: digest[::-1])
    result = evonas("compare", finished, "run")
    assert (result.exit_code, result.stdout, result.stderr.count("\n")) == (2, "", 1)
    assert message in result.stderr
