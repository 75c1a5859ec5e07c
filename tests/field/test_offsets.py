"""Columns and targets far from 0: timestamps, decimal years, readings of a counter."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.datasets import load_iris
from torch import nn

import evonas as package
from evonas import EvoClassifier
from evonas.capabilities.export import ExportTarget
from evonas.data import load
from evonas.data.arrays import raw_samples
from evonas.data.loading import prepare
from evonas.data.normalisation import normalised, training_statistics
from evonas.data.samples import LARGEST_LOSS, Scaling
from evonas.export.data_units import export_target, inputs_of, samples_of
from evonas.export.module import InDataUnits
from evonas.export.traced import TracedProgram
from evonas.runtimes.compiled import find_compiler
from evonas.runtimes.onnx_session import onnx_session
from evonas.types import Task

X, Y = load_iris(return_X_y=True)
COLUMNS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "as they are": lambda x: x,
    "+1e5": lambda x: x + 1e5,
    "+1e7": lambda x: x + 1e7,
    "-1e9": lambda x: x - 1e9,
    "decimal years": lambda x: 2016 + x / 10,
    "nanoseconds since 1970": lambda x: (x * 1e9).astype(np.int64) + 1_700_000_000_000_000_000,
    "seconds since 1970": lambda x: 1.7e9 + 10_000 * x,
    "one column of each": lambda x: x * [1, 1e-3, 1e4, 1] + [0, 40, 1.7e9, 1e7],
    "long doubles": lambda x: (x + 1e7).astype(np.longdouble),
    "another byte order": lambda x: (x + 1e7).astype(">f8"),
}


@pytest.mark.parametrize("name", COLUMNS)
def test_the_score_on_validation_samples_is_what_the_search_measured(name: str, tmp_path: Path) -> None:
    x = COLUMNS[name](X)
    settings_ = {"generations": 0, "population": 5, "epochs": 200, "random_state": 0, "out": tmp_path / "run"}
    classifier = EvoClassifier(**settings_).fit(x, Y)
    assert classifier.run_ is not None
    config = classifier.run_.config
    held = prepare(config.dataset, **config.split)
    rows = held.validation_rows
    found = (classifier.predict(held.raw.x[rows]) == held.raw.y[rows]).mean()
    assert found == classifier.front_.val_accuracy[classifier.id_]
    assert classifier.score(x, Y) > 0.9


@settings(max_examples=80)
@given(
    st.floats(-1e10, 1e10), st.floats(1e-3, 1e4), st.integers(1, 5), st.sampled_from([np.float64, np.int64]),
    st.integers(0, 2**32 - 1),
)
def test_normalisation_and_its_inverse_keep_a_thousandth_of_a_deviation(
    offset: float, scale: float, n_features: int, dtype: type, seed: int
) -> None:
    x = offset + scale * np.random.default_rng(seed).normal(size=(40, n_features))
    raw = raw_samples(x.astype(dtype), np.arange(40) % 2, "data")
    scaling = training_statistics(raw, np.arange(40), "data")
    samples = normalised(raw, np.arange(40), scaling)
    np.testing.assert_allclose(scaling.restore(samples.x), raw.x, atol=1e-6 * scale * 5 + 1e-15 * abs(offset))
    module = InDataUnits(nn.Identity(), scaling)
    for network in (module, module.half(), module.double(), module.float()):
        np.testing.assert_allclose(network(torch.tensor(raw.x)).numpy(), samples.x, rtol=1e-6, atol=1e-6)
    as_stored = raw.x.astype(scaling.input_type)
    np.testing.assert_allclose(scaling.normalise(as_stored), samples.x, atol=1.01 * LARGEST_LOSS, rtol=1e-6)


@pytest.mark.parametrize(
    ("x", "expected"),
    [
        (np.arange(40, dtype=np.uint8), "uint8"), (np.arange(40, dtype=np.int64), "float32"),
        (np.arange(40) + 1e7, "float32"), (np.arange(40) + 2.5e7, "float64"), (np.linspace(0, 1, 40) + 1e6, "float64"),
        (np.linspace(0, 1, 40).astype(np.float32) + np.float32(1e6), "float32"),
        (np.linspace(0, 1, 40) + 2016, "float32"),
        (np.arange(40) > 20, "float32"), (np.full(40, 0.1), "float32"),
    ],
)
def test_inputs_have_the_narrowest_type_that_holds_them(x: np.ndarray, expected: str) -> None:
    raw = raw_samples(np.stack([x, x], axis=1), np.arange(40) % 2, "data")
    assert training_statistics(raw, np.arange(40), "data").input_type == expected


def test_a_column_that_not_even_float64_holds_is_named() -> None:
    x = np.stack([np.arange(40), 1_700_000_000_000_000_000 + np.arange(40)], axis=1)
    raw = raw_samples(x, np.arange(40) % 2, "data")
    with pytest.warns(UserWarning, match=r"no room for the deviations of 11.5 of column 1 .*; subtract an offset"):
        training_statistics(raw, np.arange(40), "data")


def table(*columns: Any, n: int = 300) -> np.ndarray:
    """Columns, and two of noise."""
    return np.column_stack([*columns, np.random.default_rng(1).normal(40, 1, (n, 2))])


SHARE = np.random.default_rng(0).random(300)
EXPORTS = {
    "decimal years": (table(2016 + SHARE), "float32"),
    "a counter": (table(1e7 + 9 * SHARE), "float64"),
    "seconds": (table(1.7e9 + 86_400 * SHARE), "float64"),
}


@pytest.mark.parametrize("name", EXPORTS)
def test_programs_of_columns_far_from_0_give_what_torch_gives(
    name: str, evonas: Callable[..., Any], evolve: Callable[..., Any]
) -> None:
    x, input_type = EXPORTS[name]
    np.savez("own.npz", x_train=x, y_train=np.sin(6 * SHARE) + x[:, 1] / 10)
    evolve("own.npz")
    best = package.Run("r").best()
    splits = load("own.npz")
    target = export_target(splits, "n")
    assert target.input_type == splits.scaling.input_type == input_type
    for format in ("c", "onnx"):
        if format == "c" and find_compiler() is None:
            continue
        said = evonas("export", "r", best, "--format", format, "--out", f"n.{format}").stdout
        assert "it gives what torch gives on 60 validation samples" in said
        assert ("inputs are float64" in said and "column 0" in said) == (input_type == "float64")
    seen = samples_of(inputs_of(splits.validation, target), splits.validation, target)
    np.testing.assert_allclose(seen.x, splits.validation.x, atol=LARGEST_LOSS)
    raw = package.Run("r").load(best, raw=True)
    inside = package.Run("r").load(best)
    values = splits.scaling.restore(splits.validation.x)
    with torch.no_grad():
        expected = splits.scaling.restore_targets(inside(torch.from_numpy(splits.validation.x)).numpy())
        np.testing.assert_allclose(raw(torch.from_numpy(values)).numpy(), expected, rtol=1e-5)


@pytest.mark.skipif(find_compiler() is None, reason="no C compiler")
def test_predictions_of_decimal_years_are_exported_and_those_of_seconds_are_refused_by_name(
    evonas: Callable[..., Any], evolve: Callable[..., Any]
) -> None:
    x = table(SHARE)
    np.savez("own.npz", x_train=x, y_train=2016 + 5 * SHARE)
    evolve("own.npz")
    best = package.Run("r").best()
    for format in ("c", "onnx"):
        said = evonas("export", "r", best, "--format", format, "--out", f"n.{format}").stdout
        assert "gives what torch gives" in said
    np.savez("late.npz", x_train=x, y_train=1.7e9 + 3600 * SHARE)
    evonas("evolve", "--dataset", "late.npz", "--population", 4, "--children", 2, "--generations", 0, "--epochs", 60,
           "--out", "late")
    best = package.Run("late").best()
    said = evonas("export", "late", best, "--format", "c", "--out", "m.c", code=2).stderr
    assert re.search(r"would lose 0.097 deviations of target 0, .*: subtract an offset from the targets", said)
    with torch.no_grad():
        found = package.Run("late").load(best, raw=True)(torch.from_numpy(x)).numpy()
    assert found.dtype == np.float64
    assert np.sqrt(np.mean((found[:, 0] - 1.7e9 - 3600 * SHARE) ** 2)) < 400


def test_a_scaling_of_earlier_versions_is_read() -> None:
    old = Scaling([1.0, 2.0], [1.0, 4.0], [5.0, 6.0], 2.0)
    outputs = InDataUnits(nn.Identity(), old)(torch.tensor([[2.0, 10.0]]))
    assert outputs.tolist() == [[7.0, 10.0]]


def test_a_module_that_gets_float32_names_the_columns_that_it_has_lost() -> None:
    module = InDataUnits(nn.Identity(), Scaling([0.0, 1.7e9], [1.0, 3600.0], input_type="float64"))
    with pytest.warns(UserWarning, match=r"have lost deviations of column 1 \(0.028\): give float64"):
        module(torch.zeros(1, 2))
    assert module(torch.zeros(1, 2, dtype=torch.int64)).shape == (1, 2)


@pytest.mark.parametrize("mean", [3e4, 1e7])
def test_images_of_cells_far_from_0_are_exported(
    mean: float, evonas: Callable[..., Any], evolve: Callable[..., Any]
) -> None:
    rng, y = np.random.default_rng(0), np.arange(60) % 2
    x = mean + 10 * rng.normal(size=(60, 2, 8, 8)) + 20 * y[:, None, None, None] * np.eye(8)
    np.savez("own.npz", x_train=x, y_train=y)
    evolve("own.npz", "--space", "cell", "--space-option", "cells=3", "--space-option", "channels=4", epochs=2)
    said = evonas("export", "r", package.Run("r").best(), "--format", "onnx", "--out", "n.onnx").stdout
    assert "gives what torch gives" in said
    assert ("channel 0" in said) == (mean == 1e7)


@pytest.mark.parametrize("mean", [2016.0, 1e7])
def test_traced_programs_normalise_in_float64(mean: float) -> None:
    scaling = Scaling([mean, 0.0], [0.3, 1.0], input_type="float64" if mean == 1e7 else "float32")
    network, task = nn.Linear(2, 3), Task("classification", (2,), 3)
    target = ExportTarget("n", scaling, False)
    files = TracedProgram(network, task, target).files(())
    inputs = (np.random.default_rng(0).normal(size=(9, 2)) * [0.3, 1] + [mean, 0]).astype(target.input_type)
    with onnx_session(files) as session, torch.no_grad():
        expected = network(torch.from_numpy(scaling.normalise(inputs))).numpy()
        np.testing.assert_allclose(session.run(inputs), expected, rtol=1e-5, atol=1e-5)
