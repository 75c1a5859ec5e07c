"""Whole numbers as floats, quantities as integers, one-hot rows: told, and an option says which."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import evonas as package
from evonas.data import DataError, load
from evonas.data.targets import read_targets
from evonas.export.data_units import export_target
from evonas.runtimes.compiled import find_compiler

X = np.random.default_rng(0).normal(size=(200, 4))


@pytest.mark.parametrize(
    "y", [np.arange(200) % 3, np.arange(200) % 2, np.arange(200) % 20, np.where(np.arange(200) % 2, 1, -1)]
)
@pytest.mark.parametrize("dtype", ["f4", "f8", ">f8"])
def test_float_labels_are_taken_for_a_regression_with_a_note(y: np.ndarray, dtype: str) -> None:
    with pytest.warns(UserWarning, match=r"taken for the target of a regression, since they are floats; give the task"):
        assert read_targets(y.astype(dtype), "data").dtype == np.float64
    assert np.array_equal(read_targets(y.astype(dtype), "data", "classification"), y)
    assert read_targets(y.astype(dtype), "data", "regression").shape == (200, 1)


@pytest.mark.parametrize("y", [np.linspace(0, 1, 200), np.arange(200.0), np.arange(200) % 100 / 1.0])
def test_floats_that_look_like_quantities_are_taken_for_a_regression_silently(y: np.ndarray) -> None:
    assert read_targets(y, "data").shape == (200, 1)


def test_integers_that_look_like_quantities_are_taken_for_classes_with_a_note() -> None:
    y = np.arange(200) % 67
    with pytest.warns(UserWarning, match=r"67 different whole numbers, 0 to 66, and is taken for as many classes"):
        assert read_targets(y, "data").dtype == np.int64
    assert read_targets(y, "data", "regression").dtype == np.float64
    assert read_targets(y, "data", "classification").dtype == np.int64


def test_one_hot_rows_are_told_and_can_be_classes() -> None:
    y = np.eye(3)[np.arange(200) % 3]
    with pytest.warns(UserWarning, match=r"rows of 0 with one 1, and is taken for 3 targets of a regression"):
        assert read_targets(y, "data").shape == (200, 3)
    assert np.array_equal(read_targets(y, "data", "classification"), np.arange(200) % 3)
    with pytest.raises(DataError, match=r"or give the task \(--task\) classification"):
        read_targets(y.astype(int), "data")


@pytest.mark.parametrize("y", [np.linspace(0, 1, 200), X])
def test_what_is_no_label_is_refused_where_classes_are_asked_for(y: np.ndarray) -> None:
    with pytest.raises(DataError, match=r"expected labels .* or give the task \(--task\) regression"):
        read_targets(y, "data", "classification")


@pytest.mark.filterwarnings("default")
def test_the_note_and_the_option_of_the_command_line(evonas: Callable[..., Any], evolve: Callable[..., Any]) -> None:
    y = (X[:, 0] > 0).astype(float)
    np.savez("own.npz", x_train=X, y_train=y, x_test=X, y_test=y)
    said = evolve("own.npz", epochs=2)
    assert "note: y of " in said.stderr
    assert "2 different whole numbers, 0 to 1, and is taken for the target of a regression" in said.stderr
    assert "val_mse" in package.Run("r").front().columns
    assert "note" not in evonas("resume", "r", "--generations", 2).stderr, "it is known by now"
    numbers = ["--population", 2, "--children", 1, "--generations", 0, "--epochs", 60]
    said = evonas("evolve", "--dataset", "own.npz", "--task", "classification", *numbers, "--out", "c")
    assert "note" not in said.stderr
    assert package.Run("c").front().val_accuracy.max() > 0.8
    evonas("retrain", "c", "--seeds", 1, "--epochs", 2)
    Path("c.toml").write_text('dataset = "own.npz"\ntask = "regression"\n')
    assert "note" not in evonas("evolve", "c.toml", *numbers, "--out", "d").stderr
    assert "task must be 'classification' or 'regression'" in evonas("evolve", "c.toml", "--task", "x", code=2).stderr


@pytest.mark.parametrize("dtype", ["int64", "int8", "int16", "float64", "float32", "bool"])
def test_a_table_of_small_numbers_is_not_exported_with_bytes_as_inputs(
    dtype: str, evonas: Callable[..., Any], evolve: Callable[..., Any]
) -> None:
    x = np.random.default_rng(0).integers(0, 2 if dtype == "bool" else 100, (120, 4)).astype(dtype)
    np.savez("own.npz", x_train=x, y_train=(x[:, 0] > x[:, 1]).astype(int))
    assert load("own.npz").scaling.input_type == "float32"
    if dtype == "int64" and find_compiler() is not None:
        evolve("own.npz", epochs=2)
        evonas("export", "r", package.Run("r").best(), "--format", "c", "--out", "n.c")
        assert "typedef float n_input;" in Path("n.h").read_text()


def test_bytes_are_exported_as_bytes() -> None:
    x = np.random.default_rng(0).integers(0, 9, (60, 4)).astype(np.uint8)
    np.savez("own.npz", x_train=x, y_train=np.arange(60) % 2)
    assert export_target(load("own.npz"), "n").input_type == "uint8"
