"""The benchmark of blocks trains and scores each network once, and correlates what it says."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import typer
from typer.testing import CliRunner, Result

from scripts.benchmarks.blocks.__main__ import main
from scripts.benchmarks.blocks.results import correlate
from scripts.benchmarks.blocks.settings import CONTESTANTS, FULL, QUICK


@pytest.fixture(autouse=True)
def even_quicker(monkeypatch: pytest.MonkeyPatch) -> None:
    small = replace(QUICK, n_train=80, n_validation=40, passes=2)
    monkeypatch.setattr("scripts.benchmarks.blocks.__main__.QUICK", small)


def script(*arguments: object) -> Result:
    app = typer.Typer()
    app.command()(main)
    return CliRunner().invoke(app, [*map(str, arguments)])


def test_every_supernet_has_its_rows_and_nothing_is_done_twice(tmp_path: Path) -> None:
    arguments = ["--quick", "--n", 4, "--jobs", 1, "--out", tmp_path]
    first = script(*arguments)
    assert first.exit_code == 0, first.output
    assert first.output.count("trained ") == 8
    assert all(f"{name}: epoch 1/" in first.output for name in CONTESTANTS)
    document = json.loads((tmp_path / "blocks.json").read_text())
    rows = document["rows"]
    assert {*rows} == {
        "params", "flops", "another training", *CONTESTANTS, *(f"{name}, loss" for name in CONTESTANTS)
    }
    assert all(row["n"] == 4 for row in rows.values())
    table = [line.split(" | ")[0] for line in (tmp_path / "blocks.md").read_text().splitlines() if "| " in line]
    assert table[1:] == [f"| {name}" for name in rows]
    assert len({network["blocks"] for network in document["networks"]}) == 4
    assert (tmp_path / "blocks.png").stat().st_size > 1000

    again = script(*arguments)
    assert again.exit_code == 0
    assert "trained " not in again.output
    assert ": epoch" not in again.output
    more = script(*arguments[:1], "--n", 5, *arguments[3:])
    assert more.output.count("trained ") == 2
    assert ": epoch" not in more.output


def test_results_of_another_setting_are_not_taken_for_these(tmp_path: Path) -> None:
    arguments = ["--quick", "--n", 3, "--jobs", 1, "--seeds", 1, "--supernets", "pruning", "--out", tmp_path]
    assert script(*arguments).exit_code == 0
    other = script(*arguments, "--epochs", 2)
    assert other.exit_code == 2
    assert "was made with epochs = 1, expected 2: choose another --out, or delete it" in other.output


def test_unknown_supernets_are_refused(tmp_path: Path) -> None:
    result = script("--quick", "--supernets", "SPOS,darts", "--out", tmp_path)
    assert result.exit_code == 2
    assert "--supernets: unknown supernet 'darts', there are: SPOS, FairNAS, sandwich, pruning" in result.output


def test_correlations_of_scores_with_accuracies() -> None:
    accuracies = np.array([[80.0, 82.0], [81.0, 83.0], [85.0, 84.0], [90.0, 89.0]])
    params = np.array([4.0, 1.0, 3.0, 2.0])
    scores = {"right": accuracies.mean(axis=1), "wrong": -accuracies.mean(axis=1), "same": np.ones(4)}
    rows = correlate(accuracies, scores, params)
    assert rows["right"]["kendall"] == pytest.approx(1)
    assert rows["right"]["best"] == 89.5
    assert rows["wrong"]["kendall"] == pytest.approx(-1)
    assert rows["wrong"]["best"] == 81
    assert rows["same"]["kendall"] is None
    assert rows["another training"]["kendall"] == pytest.approx(1)
    assert "another training" not in correlate(accuracies[:, :1], scores, params)


def test_supernets_are_given_as_many_passes() -> None:
    passes = {
        name: FULL.epochs_of(contestant) * {"pruning": 1}.get(name, contestant.passes)
        for name, contestant in CONTESTANTS.items()
    }
    assert passes == {"SPOS": 72, "FairNAS": 72, "sandwich": 72, "pruning": 18}
