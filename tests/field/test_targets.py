"""Several targets of different scales, constant ones among them."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

import evonas as package
from evonas.data import load
from evonas.evaluation.metrics import measure
from evonas.runtimes.compiled import find_compiler

RNG = np.random.default_rng(0)
X = RNG.normal(size=(500, 4))
TARGETS = {
    "1e4 and 1": np.c_[1e4 * X[:, 0], X[:, 1]],
    "1 and 1e-6": np.c_[X[:, 0], 1e-6 * X[:, 1]],
    "three, with offsets": np.c_[1e5 + 10 * X[:, 0], 1e-3 * X[:, 1] - 5, 300 * X[:, 2]],
}


@pytest.mark.parametrize("name", TARGETS)
def test_every_target_is_learnt_and_measured_in_its_own_units(name: str, evolve: Callable[..., Any]) -> None:
    y = TARGETS[name]
    np.savez("own.npz", x_train=X[:400], y_train=y[:400])
    evolve("own.npz", "--generations", 3, epochs=120)
    run = package.Run("r")
    best = run.best()
    with torch.no_grad():
        found = run.load(best, raw=True)(torch.from_numpy(X)).numpy().astype(float)
    r2 = 1 - ((found - y)[400:] ** 2).mean(axis=0) / y[400:].var(axis=0)
    assert r2.min() > (0.85 if y.shape[1] == 2 else 0.8), r2
    splits, metrics = load("own.npz"), run.front().loc[best]
    inputs, targets = splits.scaling.restore(splits.validation.x), splits.scaling.restore_targets(splits.validation.y)
    with torch.no_grad():
        found = run.load(best, raw=True)(torch.from_numpy(inputs)).numpy().astype(float)
    assert metrics.val_mse == pytest.approx(((found - targets) ** 2).mean(), rel=1e-2)
    assert metrics.val_r2 == pytest.approx((1 - ((found - targets) ** 2).mean(0) / targets.var(0)).mean(), rel=1e-2)
    assert metrics.val_nmse == pytest.approx((((found - targets) / splits.scaling.target_std) ** 2).mean(), rel=1e-2)
    assert run.config.objectives == ("trainval_nmse", "flops")


def test_a_constant_target_is_predicted_as_it_is(evonas: Callable[..., Any], evolve: Callable[..., Any]) -> None:
    y = np.c_[X[:, 0], np.full(500, 7.25), np.zeros(500)]
    np.savez("own.npz", x_train=X, y_train=y)
    evolve("own.npz")
    run = package.Run("r")
    with torch.no_grad():
        found = run.load(run.best(), raw=True)(torch.from_numpy(X)).numpy()
    np.testing.assert_allclose(found[:, 1:], y[:, 1:], atol=1e-2)
    metrics = run.front().loc[run.best()]
    assert metrics.val_r2 > 0.8
    assert metrics.val_mse < 0.2
    for format in ("c", "onnx"):
        if format == "onnx" or find_compiler() is not None:
            said = evonas("export", "r", run.best(), "--format", format, "--out", f"n.{format}").stdout
            assert "gives what torch gives" in said


def test_an_error_in_the_units_of_the_data_is_the_mean_over_targets() -> None:
    from evonas.data.samples import Samples
    from evonas.types import Task

    y = np.array([[0.0, 1.0], [2.0, 3.0]], np.float32)
    samples = Samples(np.zeros((2, 1), np.float32), y)
    found = measure(y + np.float32(1), samples, Task("regression", (1,), 2, (10.0, 2.0)), "val")
    assert found == pytest.approx({"val_nmse": 1.0, "val_mse": (100 + 4) / 2, "val_r2": 0.0})


def test_a_run_that_scaled_all_targets_alike_can_be_used_but_not_gone_on_with(
    evonas: Callable[..., Any], evolve: Callable[..., Any]
) -> None:
    np.savez("own.npz", x_train=X, y_train=TARGETS["1e4 and 1"])
    evolve("own.npz", epochs=2)
    best = package.Run("r").best()
    with sqlite3.connect("r/run.db") as connection:
        for key, name in (("task", "target_scale"), ("normalisation", "target_std")):
            (text,) = connection.execute("SELECT value FROM meta WHERE key = ?", (key,)).fetchone()
            old = json.dumps({**json.loads(text), name: 9.0})
            connection.execute("UPDATE meta SET value = ? WHERE key = ?", (old, key))
    connection.close()
    evonas("front", "r")
    evonas("export", "r", best, "--out", "n")
    assert package.load("n", raw=True)(torch.from_numpy(X)).shape == (500, 2)
    for command in (["resume", "r", "--generations", 2], ["retrain", "r"], ["export", "r", best, "--format", "onnx",
                                                                           "--out", "n.onnx"]):
        said = evonas(*command, code=2).stderr
        assert "begun by a version that gave all targets one scale" in said
        assert "begin it anew" in said
