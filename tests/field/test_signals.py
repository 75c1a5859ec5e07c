"""Signals and images whose channels have scales of their own."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import evonas as package
from evonas import EvoClassifier
from evonas.runtimes.compiled import find_compiler


def channels(n: int, shape: tuple[int, ...], *, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Noise, whose first channel tells the class and has the smallest numbers."""
    rng, y = np.random.default_rng(seed), np.arange(n) % 2
    x = rng.normal(size=(n, *shape))
    x[:, 0].reshape(n, -1)[:, : np.prod(shape[1:]) // 2] += 1.5 * y[:, None]
    return x * np.logspace(-2, 3, shape[0]).reshape(-1, *[1] * (len(shape) - 1)) + 50, y


SHAPES = {
    "signals of 6 channels": ((6, 50), None), "one channel": ((1, 40), None), "13 channels": ((13, 30), None),
    "time first": ((6, 50), "lc"), "images of 2 channels": ((2, 6, 6), None), "4 channels": ((4, 6, 6), None),
    "13 channels of images": ((13, 6, 6), None), "channels last": ((13, 6, 7), "hwc"),
}


@pytest.mark.parametrize("name", SHAPES)
def test_each_channel_counts_whatever_its_scale(name: str) -> None:
    shape, axes = SHAPES[name]
    x, y = channels(400, shape)
    stored = np.moveaxis(x, 1, -1) if axes else x
    classifier = EvoClassifier(generations=1, population=4, epochs=20, random_state=0, axes=axes)
    assert classifier.fit(stored[:300], y[:300]).score(stored[300:], y[300:]) > 0.9
    with torch.no_grad():
        expected = classifier.model_(torch.from_numpy(x[300:])).softmax(1).numpy()
    np.testing.assert_allclose(classifier.predict_proba(stored[300:]), expected, atol=1e-4)


@pytest.mark.parametrize("shape", [(6, 20), (4, 5, 5)])
def test_such_networks_are_drawn_reported_exported_and_retrained(
    shape: tuple[int, ...], evonas: Callable[..., Any], evolve: Callable[..., Any]
) -> None:
    x, y = channels(160, shape)
    np.savez("own.npz", x_train=x, y_train=y, x_test=x[:40], y_test=y[:40])
    evolve("own.npz", epochs=10)
    best = package.Run("r").best()
    evonas("show", "r", best, "--draw", "n.png")
    evonas("report", "r")
    assert "gives what torch gives" in evonas("export", "r", best, "--format", "onnx", "--out", "n.onnx").stdout
    if find_compiler() is not None:
        assert "gives what torch gives" in evonas("export", "r", best, "--format", "c", "--out", "n.c").stdout
        order = "channel by channel, row by row" if len(shape) == 3 else "channel by channel;"
        assert f"{' x '.join(map(str, shape))} values, {order}" in Path("n.h").read_text()
    evonas("export", "r", best, "--out", "n.safetensors")
    with torch.no_grad():
        outputs = package.load("n.safetensors", raw=True)(torch.from_numpy(x))
    assert outputs.shape == (160, 2)
    assert "10 epochs" not in evonas("retrain", "r", "--ids", best, "--seeds", 1, "--epochs", 3).stdout


@pytest.mark.parametrize("option", ["shift", "flip"])
def test_signals_are_not_moved_like_images(option: str, evonas: Callable[..., Any]) -> None:
    x, y = channels(60, (6, 20))
    np.savez("own.npz", x_train=x, y_train=y)
    Path("c.toml").write_text(f'dataset = "own.npz"\n[training]\n{option} = {"1" if option == "shift" else "true"}\n')
    said = evonas("evolve", "c.toml", code=2).stderr
    assert "shift and flip need images (channels, rows, columns), got samples of shape (6, 20): leave them out" in said


def test_images_of_four_channels_are_moved(evonas: Callable[..., Any]) -> None:
    x, y = channels(60, (4, 6, 6))
    np.savez("own.npz", x_train=x, y_train=y)
    Path("c.toml").write_text('dataset = "own.npz"\npopulation = 2\nchildren = 1\ngenerations = 0\nepochs = 2\n'
                              '[training]\nshift = 1\nflip = true\n')
    evonas("evolve", "c.toml", "--out", "r")


def test_the_axes_are_an_option_of_the_command_line_and_of_the_file_and_are_kept(evonas: Callable[..., Any]) -> None:
    x, y = channels(60, (6, 20))
    np.savez("own.npz", x_train=np.moveaxis(x, 1, -1), y_train=y)
    numbers = ["--population", 2, "--children", 1, "--generations", 0, "--epochs", 20]
    said = evonas("evolve", "--dataset", "own.npz", *numbers, "--out", "r", code=2).stderr
    assert "lc (6 channels of length 20)" in said
    evonas("evolve", "--dataset", "own.npz", *numbers, "--axes", "lc", "--out", "a")
    Path("c.toml").write_text('dataset = "own.npz"\naxes = "lc"\n')
    evonas("evolve", "c.toml", *numbers, "--out", "b")
    for run in ("a", "b"):
        evonas("resume", run, "--generations", 1)
        assert package.Run(run).load(0).header["task"]["input_shape"] == (6, 20)
    assert "axes must be 'hw', 'chw'" in evonas("evolve", "c.toml", "--axes", "wh", code=2).stderr


def test_a_run_of_earlier_versions_reads_three_axes_as_it_did(evonas: Callable[..., Any]) -> None:
    import json
    import sqlite3

    x, y = channels(60, (6, 20))
    np.savez("own.npz", x_train=x, y_train=y)
    numbers = ["--population", 2, "--children", 1, "--generations", 0, "--epochs", 20]
    evonas("evolve", "--dataset", "own.npz", *numbers, "--axes", "hw", "--out", "r")
    with sqlite3.connect("r/run.db") as connection:
        (config,) = connection.execute("SELECT value FROM meta WHERE key = 'config'").fetchone()
        old = {name: value for name, value in json.loads(config).items() if name not in ("axes", "task")}
        connection.execute("UPDATE meta SET value = ? WHERE key = 'config'", (json.dumps(old),))
    connection.close()
    evonas("resume", "r", "--generations", 1)
    assert package.Run("r").load(0).header["task"]["input_shape"] == (1, 6, 20)


def test_cells_want_images(evonas: Callable[..., Any]) -> None:
    x, y = channels(60, (6, 20))
    np.savez("own.npz", x_train=x, y_train=y)
    said = evonas("evolve", "--dataset", "own.npz", "--space", "cell", code=2).stderr
    assert "error: " in said
    assert "(6, 20)" in said
