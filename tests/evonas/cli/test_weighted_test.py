"""How the test counts samples is said where validation counts them by weights, and it counts them so, too."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest

from evonas.data.test_split import load_test
from evonas.evaluation.final import measure_outputs
from evonas.run.open import open_run
from tests.evonas.cli.conftest import Evonas

SMALL = ["--population", 4, "--children", 2, "--generations", 0, "--epochs", 5]
NOTE = "note: val_accuracy counts samples by their weights (counts), test_accuracy counts all alike; "


def write(path: str, *, counts: bool, seed: int) -> str:
    """Rows of two classes that overlap, of which one counts nine times as much."""
    rng = np.random.default_rng(seed)
    labels = np.arange(120) % 2
    rows = [[*np.round(x + label, 3), f"is {label}", 1 + 8 * label] for x, label in
            zip(rng.normal(size=(120, 2)), labels, strict=True)]
    header = ["a", "b", "kind", "counts"]
    with open(path, "w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([row[: 4 if counts else 3] for row in [header, *rows]])
    return path


@pytest.fixture
def begun(evonas: Evonas) -> Path:
    table, test = write("x.csv", counts=True, seed=0), write("t.csv", counts=True, seed=1)
    options = ["--dataset", table, "--target", "kind", "--weights", "counts", "--test", test, *SMALL, "--out", "run"]
    result = evonas("evolve", *options)
    assert result.exit_code == 0, result.output
    return Path("run")


def test_a_test_table_with_weights_is_measured_both_ways(evonas: Evonas, begun: Path) -> None:
    result = evonas("front", begun, "--test", "--json")
    assert result.stderr == f"{NOTE}test_weighted_accuracy counts them as validation does\n"
    rows = json.loads(result.stdout)
    assert any(row["test_accuracy"] != pytest.approx(row["test_weighted_accuracy"]) for row in rows)
    with open_run(begun) as opened:
        test = load_test(opened.config.dataset, **opened.config.split)
        assert test.weight is not None
        assert sorted(set(np.round(test.weight / test.weight.min(), 4))) == [1, 9]
        right = np.arange(120) % 3 > 0
        outputs = np.eye(2, dtype=np.float32)[np.where(right, test.y, 1 - test.y)]
        found = measure_outputs(outputs, test, opened.task, "test")
        assert found["test_accuracy"] == pytest.approx(right.mean())
        assert found["test_weighted_accuracy"] == pytest.approx(np.average(right, weights=1 + 8 * test.y))
    shown = evonas("front", begun, "--test").stdout
    assert "unweighted test accuracy" in shown
    assert " weighted test accuracy" in shown


def test_a_retraining_is_measured_both_ways_too(evonas: Evonas, begun: Path) -> None:
    id = json.loads(evonas("front", begun, "--json").stdout)[0]["id"]
    result = evonas("retrain", begun, "--ids", id, "--seeds", 2, "--epochs", 2)
    assert NOTE in result.stderr
    assert "test_weighted_accuracy" in result.stdout
    row = json.loads(evonas("front", begun, "--test", "--json").stdout)[0]
    assert {"test_accuracy_fresh_2_epochs", "test_weighted_accuracy_fresh_2_epochs"} <= row.keys()
    assert row["weighted_seeds_fresh_2_epochs"] == 2
    shown = evonas("front", begun, "--test").stdout
    assert "unweighted fresh 2 epochs" in shown
    assert " weighted fresh 2 epochs" in shown


def test_where_test_samples_have_no_weights_that_is_said(evonas: Evonas) -> None:
    table, test = write("x.csv", counts=True, seed=0), write("t.csv", counts=False, seed=1)
    options = ["--dataset", table, "--target", "kind", "--test", test, *SMALL]
    assert evonas("evolve", *options, "--weights", "counts", "--out", "run").exit_code == 0
    result = evonas("front", "run", "--test")
    assert result.stderr == f"{NOTE}its samples have no weights of their own to compare it with val_accuracy by\n"
    assert "unweighted test accuracy" in result.stdout
    assert " weighted test accuracy" not in result.stdout
    assert evonas("evolve", *options, "--ignore", "counts", "--out", "plain").exit_code == 0
    plain = evonas("front", "plain", "--test")
    assert plain.stderr == ""
    assert "weighted" not in plain.stdout


def test_an_archive_has_weights_of_test_samples_beside_those_of_training(evonas: Evonas) -> None:
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(120, 3)), np.arange(120) % 2
    arrays = {"x_train": x + y[:, None], "y_train": y, "x_test": x[:40] + y[:40, None], "y_test": y[:40]}
    np.savez("both.npz", **arrays, w_train=1.0 + y, w_test=1.0 + 3 * y[:40])
    np.savez("train.npz", **arrays, w_train=1.0 + y)
    for name, both in (("both", True), ("train", False)):
        options = ["--dataset", f"{name}.npz", "--weights", "w_train", *SMALL, "--out", name]
        assert evonas("evolve", *options).exit_code == 0
        rows = json.loads(evonas("front", name, "--test", "--json").stdout)
        assert all(("test_weighted_accuracy" in row) == both for row in rows)
    options = ["--dataset", "both.npz", "--weights", "w_train", *SMALL, "--seed", 1, "--out", "o"]
    assert evonas("evolve", *options).exit_code == 0
    result = evonas("compare", "both", "o", "--test", "--json")
    assert result.exit_code == 0, result.output
    assert result.stderr.count("note: val_accuracy counts samples by their weights (w_train)") == 1
    assert json.loads(result.stdout)
