"""Cells through the command line: the same commands as for neurons, with training by the plain torch loop."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from typer.testing import Result

import evonas as package
from evonas.capabilities.choices import Relaxable
from evonas.config import build_config
from evonas.data import load
from evonas.evaluation.training import predict
from evonas.run.open import load_splits, open_run
from evonas.run.start import evolve
from evonas.serialization.arrays import save
from evonas.space import Encoded
from evonas.types import Weights

Evonas = Callable[..., Result]
SETTINGS = """
space = "cell"
dataset = "digits"
n_train = 80
objectives = ["val_error", "flops", "params"]
population = 3
children = 2
generations = 1
epochs = 1
[space_options]
channels = 2
stem = 1
nodes = 2
"""


@pytest.fixture(scope="module")
def cells(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run of ``SETTINGS`` with a supernet in its seeder's folder, as a search leaves it there."""
    directory = tmp_path_factory.mktemp("runs")
    (directory / "cells.toml").write_text(SETTINGS)
    run = directory / "cells"
    assert evolve(build_config(directory / "cells.toml", {}), run)
    (run / "seeder").mkdir()
    arrays = {f"supernet.{name}": value for name, value in shared_state(run).items()}
    save(run / "seeder" / "search.safetensors", Encoded({"epoch": 1, "n_epochs": 1, "updates": 0.0}, arrays))
    return run


def shared_state(cells: Path) -> Weights:
    with open_run(cells) as run:
        assert isinstance(run.space, Relaxable)
        return {name: value.numpy().copy(order="C") for name, value in run.space.supernet(5).state_dict().items()}


def test_cells_evolve_and_are_exported(evonas: Evonas, cells: Path) -> None:
    rows = json.loads(evonas("front", cells, "--json").stdout)
    assert {"val_error", "flops", "params"} <= set(rows[0]["metrics"] if "metrics" in rows[0] else rows[0])
    id = rows[0]["id"]
    assert "reduction cell" in evonas("show", cells, id).stdout
    assert evonas("export", cells, id, "--format", "torch", "--out", "net.safetensors").exit_code == 0
    samples = load("digits", n_train=80).validation
    with open_run(cells) as run:
        member = run.store.member(id)
        weights = run.store.weights(id, member.evaluation.budget)
        assert weights is not None
        expected = predict(run.space, member.genotype, weights, samples)
    with torch.no_grad():
        outputs = package.load("net.safetensors")(torch.from_numpy(samples.x)).numpy()
    np.testing.assert_allclose(outputs, expected, rtol=1e-4, atol=1e-5)


def test_options_of_the_space_can_be_given_one_by_one(evonas: Evonas, cells: Path) -> None:
    options = ["--space-option", "operations=nasbench201", "--space-option", "channels = 4", "--n-validation", 30]
    file = cells.with_suffix(".toml")
    file.with_name("short.toml").write_text(file.read_text().replace("stem = 1\n", ""))
    result = evonas("evolve", file.with_name("short.toml"), *options, "--generations", 0, "--out", "given")
    assert result.exit_code == 0, result.output
    with open_run(Path("given")) as run:
        assert run.config.space_options == {
            "operations": "nasbench201", "channels": 4, "nodes": 2, "sampling": "uniform",
        }
        assert len(load_splits(run).validation) == 30


def test_shared_weights_score_cells_without_training_them(evonas: Evonas, cells: Path) -> None:
    file = cells.with_suffix(".toml")
    result = evonas("evolve", file, "--evaluator", "shared", "--supernet", cells, "--epochs", 7, "--out", "shared")
    assert result.exit_code == 0, result.output
    with open_run(Path("shared")) as run:
        records = run.store.records()
        assert len(records) == 5
        assert {(record.status, record.budget) for record in records} == {("ok", 0)}
        weights = run.store.weights(0, 0)
    assert weights is not None
    np.testing.assert_array_equal(weights["classifier.weight"], shared_state(cells)["classifier.weight"])


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--evaluator", "shared"], "the evaluator 'shared', and only it, needs supernet"),
        (["--supernet", "CELLS"], "the evaluator 'shared', and only it, needs supernet"),
        (["--evaluator", "shared", "--supernet", "CELLS", "--n-train", 90], "has another data set, n_train or"),
        (["--evaluator", "shared", "--supernet", "CELLS", "--seed-from", "CELLS"], "has another evaluator than this"),
        (["--evaluator", "shared", "--supernet", "BARE"], "there is no supernet in"),
    ],
)
def test_shared_weights_that_do_not_fit_are_refused(
    evonas: Evonas, cells: Path, arguments: list[object], sentence: str
) -> None:
    shutil.copytree(cells, "bare", ignore=shutil.ignore_patterns("seeder"))
    runs = {"CELLS": cells, "BARE": Path("bare")}
    given = [runs.get(str(argument), argument) for argument in arguments]
    result = evonas("evolve", cells.with_suffix(".toml"), *given, "--out", "shared")
    assert result.exit_code == 2
    assert sentence in " ".join(result.output.split())
    assert not Path("shared").exists()
