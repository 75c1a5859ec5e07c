"""The benchmark measures each row once, within its budget, with what is linked. No test asserts a time."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import typer
from sklearn.ensemble import RandomForestClassifier
from sklearn.neural_network import MLPClassifier
from typer.testing import CliRunner, Result

from evonas.data import load
from evonas.export.data_units import inputs_of
from evonas.runtimes.targets import built_in_targets
from scripts.benchmarks.microcontroller import emlearn_models, emlearn_source, networks, rows, settings
from scripts.benchmarks.microcontroller.__main__ import main
from scripts.benchmarks.microcontroller.emlearn_models import KINDS, Fitting, pooled
from scripts.benchmarks.microcontroller.settings import Budget, Setting
from scripts.benchmarks.microcontroller.table import markdown

Script = Callable[..., Result]

TOOLS = built_in_targets()[settings.TARGET].missing_tools()
needs_target = pytest.mark.skipif(bool(TOOLS), reason=f"needs {' and '.join(TOOLS)}")
needs_emlearn = pytest.mark.skipif(find_spec("emlearn") is None, reason=f"needs emlearn: {emlearn_source.INSTALL}")
BUDGETS = (Budget(6_000, 4_096, 60_000), Budget(3_000))


@pytest.fixture
def script(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Script:
    """Calls the script in a folder with a small data set, for which a few networks are trained."""
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    y = np.arange(900) % 3
    x = rng.integers(0, 120, (900, 8, 8))
    for label in range(3):  # a bright bar each
        x[y == label, 2 * label : 2 * label + 2] += 90
    x = x.astype(np.uint8)
    np.savez("bars.npz", x_train=x[:600], y_train=y[:600], x_test=x[600:], y_test=y[600:])
    search = {
        "objectives": ["trainval_error", "int8_flash_estimate@cortex-m4"], "space_options": {"edges": [40, 300]},
        "evaluations": 6, "population": 4, "children": 2, "epochs": 2,
    }
    setting = Setting(BUDGETS, search, n_candidates=1, trial_epochs=1, final_epochs=2)
    monkeypatch.setattr(settings, "OTHER", setting)
    monkeypatch.setattr(emlearn_models, "EPOCHS", 2)
    kinds = {name: kind._replace(sides=(1,), settings=kind.settings[:1]) for name, kind in KINDS.items()}
    monkeypatch.setattr(emlearn_models, "KINDS", kinds)

    def call(*arguments: object) -> Result:
        app = typer.Typer()
        app.command()(main)
        options = ["--datasets", "bars.npz", "--minutes", 10, "--seeds", 1, "--jobs", 1, "--out", "out", *arguments]
        return CliRunner().invoke(app, [str(option) for option in options])

    return call


def row(method: str, budget: int, seed: int, accuracy: float) -> dict[str, Any]:
    return {
        "method": method, "seed": seed, "budget": budget, "model": f"model {seed}", "val_accuracy": 0.9,
        "test_accuracy": accuracy, "flash": budget - 10, "ram": 500, "instructions": 9_000.0, "seconds": 3.0,
        "id": None,
    }


@needs_target
def test_every_budget_has_a_network_within_it_and_nothing_is_measured_twice(
    script: Script, monkeypatch: pytest.MonkeyPatch
) -> None:
    result = script("--methods", "evonas")
    assert result.exit_code == 0, result.output
    document = json.loads(Path("out/microcontroller-bars.json").read_text())
    found = document["rows"]
    assert [each["budget"] for each in found] == [budget.flash for budget in BUDGETS]
    for each, budget in zip(found, BUDGETS, strict=True):
        assert 0 < each["flash"] <= budget.flash
        assert 0 < each["ram"] <= (budget.ram or each["ram"])
        assert 0 < each["instructions"] <= (budget.instructions or each["instructions"])
        assert 1 / 3 < each["test_accuracy"] <= 1
        assert each["model"].startswith(("int8, ", "int4, "))
    assert Path("out/microcontroller-bars.md").read_text() == markdown(document)

    monkeypatch.setattr(networks, "finetuned", None)  # would fail if it were called
    again = script("--methods", "evonas")
    assert again.exit_code == 0, again.output
    assert "measured before" in again.output
    assert json.loads(Path("out/microcontroller-bars.json").read_text()) == document
    other = script("--methods", "evonas", "--minutes", 5)
    assert other.exit_code == 2
    assert "was made with minutes = 10" in other.output


@needs_target
def test_a_search_without_a_network_within_a_budget_is_an_error(
    script: Script, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(settings, "OTHER", settings.OTHER._replace(budgets=(Budget(500),)))
    result = script("--methods", "evonas")
    assert result.exit_code == 2
    assert "keeps to 500 bytes of flash: search longer" in result.output


@needs_target
@needs_emlearn
def test_models_of_emlearn_keep_to_the_flash_and_stand_beside_our_networks(script: Script) -> None:
    result = script("--methods", "emlearn-mlp,emlearn-forest")
    assert result.exit_code == 0, result.output
    found = json.loads(Path("out/microcontroller-bars.json").read_text())["rows"]
    assert [(each["method"], each["budget"]) for each in found] == [
        (method, budget.flash) for method in KINDS for budget in BUDGETS
    ]
    assert found[1]["model"] == "none is as small"
    assert found[1]["test_accuracy"] is None
    for each in (found[0], *found[2:]):
        assert 0 < each["flash"] <= each["budget"]
        assert each["test_accuracy"] > 1 / 3


@needs_emlearn
@pytest.mark.usefixtures("script")
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("side", [1, 2])
@pytest.mark.parametrize("method", KINDS)
def test_the_c_labels_samples_as_scikit_learn_does(method: str, side: int) -> None:
    splits = load("bars.npz")
    fitting, kind = Fitting(splits, KINDS[method], 0), KINDS[method]
    images = inputs_of(splits.train, fitting.export)
    features = kind.features(pooled(images, side))
    model = (MLPClassifier((7,), max_iter=30, random_state=0) if method == "emlearn-mlp"
             else RandomForestClassifier(1, max_leaf_nodes=12, random_state=0))  # of several, emlearn's vote is another
    model.fit(features, splits.train.y)
    files = emlearn_source.source_of(
        model, splits.task.input_shape, side, c_type=kind.c_type, from_mean=kind.from_mean
    )
    assert fitting.accuracy(files, splits.train) == pytest.approx(model.score(features, splits.train.y), abs=0.002)


def test_squares_are_averaged_and_what_is_left_over_is_not_seen() -> None:
    images = np.arange(25, dtype=np.uint8).reshape(1, 1, 5, 5)
    assert pooled(images, 2).tolist() == [[(0 + 1 + 5 + 6) // 4, (2 + 3 + 7 + 8) // 4,
                                           (10 + 11 + 15 + 16) // 4, (12 + 13 + 17 + 18) // 4]]
    assert pooled(images, 1).tolist() == [list(range(25))]


def test_the_table_has_mean_and_deviation_of_every_budget_and_method() -> None:
    found = [row("evonas", 6_000, 0, 0.9), row("evonas", 6_000, 1, 0.92), row("emlearn-mlp", 3_000, 0, 0.8)]
    document = {"dataset": "d", "minutes": 5.0, "jobs": 2, "budgets": [list(each) for each in BUDGETS], "rows": found}
    lines = [line for line in markdown(document).splitlines() if line.startswith("| ")][1:]
    larger = "| 6 000 bytes of flash, 4 096 of RAM, 60 000 instructions"
    assert lines == [
        f"{larger} | `evonas` | 91.00 ± 1.41 | 5 990 | 500 | 9 000 | 3 |",
        f"{larger} | `emlearn-mlp` | - | - | - | - | - |",
        "| 3 000 bytes of flash | `evonas` | - | - | - | - | - |",
        "| 3 000 bytes of flash | `emlearn-mlp` | 80.00 | 2 990 | 500 | 9 000 | 3 |",
    ]


@pytest.mark.parametrize(("arguments", "message"), [
    (("--methods", "emlern-mlp"), "unknown method 'emlern-mlp'"),
    (("--minutes", 0), "--minutes must be a positive number"),
])
def test_bad_arguments_are_refused(script: Script, arguments: tuple[object, ...], message: str) -> None:
    result = script(*arguments)
    assert result.exit_code == 2
    assert message in result.output


@needs_target
def test_results_of_something_else_are_not_overwritten(script: Script) -> None:
    Path("out").mkdir()
    Path("out/microcontroller-bars.json").write_text("[]")
    result = script("--methods", "evonas")
    assert result.exit_code == 2
    assert "holds no results of this benchmark" in result.output


@needs_target
def test_without_emlearn_its_models_are_left_out_with_a_sentence(
    script: Script, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("scripts.benchmarks.microcontroller.__main__.installed", lambda: False)
    assert "emlearn is not installed" in script("--methods", "emlearn-mlp").output
    monkeypatch.setattr(rows.Benchmark, "measure", lambda *_: {
        "dataset": "d", "minutes": 1.0, "jobs": 1, "budgets": [], "rows": []
    })
    Path("out").mkdir()
    assert "its models are left out" in script().output
    shutil.rmtree("out")
