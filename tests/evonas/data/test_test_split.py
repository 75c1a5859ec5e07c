"""The test set and the set for a final retraining."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from evonas.data import DataError, load
from evonas.data.sources import SOURCES, Part
from evonas.data.test_split import load_for_retraining, load_test

PARTS: tuple[Part, Part] = ("train", "test")


def test_the_test_set_of_digits_is_disjoint_from_the_rest_and_fixed_whatever_the_seed() -> None:
    raw = {part: SOURCES["digits"].read(Path(), part) for part in PARTS}
    indices = [{row.tobytes() for row in raw[part].x} for part in PARTS]
    assert len(raw["train"].x) + len(raw["test"].x) == 1797
    assert not indices[0] & indices[1]
    assert np.bincount(raw["test"].y).min() >= 34
    assert np.array_equal(load_test("digits", seed=0).y, load_test("digits", seed=1).y)


def test_the_test_set_is_normalised_by_the_statistics_of_the_train_samples(write_npz: Callable[..., Path]) -> None:
    x, y = np.random.default_rng(0).normal(3, 2, (30, 5)), np.arange(30) % 3
    path = write_npz(x_train=x, y_train=y, x_test=x, y_test=y)
    splits, test = load(path, seed=3), load_test(path, seed=3)
    assert {row.tobytes() for row in splits.train.x} <= {row.tobytes() for row in test.x}
    assert np.array_equal(test.y, y)


def test_regression_targets_of_the_test_set_are_standardised_like_those_of_training(
    write_npz: Callable[..., Path],
) -> None:
    y = np.linspace(100, 200, 30)
    path = write_npz(y_train=y, x_test=np.zeros((2, 5)), y_test=np.array([100.0, 200.0]))
    targets = load_test(path).y
    assert (targets[1, 0] - targets[0, 0]) * load(path).task.target_scale == pytest.approx(100, rel=1e-5)


def test_retraining_sees_every_sample_outside_the_test_set_in_the_units_of_the_search(
    write_npz: Callable[..., Path],
) -> None:
    path = write_npz()
    searched, final = load(path, seed=5), load_for_retraining(path, seed=5)
    rows = [row.tobytes() for part in (searched.train, searched.validation) for row in part.x]
    assert sorted(rows) == sorted(row.tobytes() for row in final.train.x)
    assert len(final.validation) == 0
    assert final.validation.x.shape == (0, 5)
    assert final.task == searched.task
    assert final.fingerprint != searched.fingerprint


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"x_test": None, "y_test": None}, "add x_test, y_test"),
        ({"x_test": np.zeros((9, 4))}, r"samples of shape \(5,\), got classification of shape \(4,\)"),
        ({"y_test": np.arange(9) % 4}, "expected classes 0 to 2, got 0 to 3"),
        ({"y_test": np.linspace(0, 1, 9)}, "expected classification .* got regression"),
        ({"x_test": np.full((9, 5), np.nan)}, "NaN"),
    ],
)
def test_a_test_set_that_does_not_fit_the_training_set_is_refused(
    write_npz: Callable[..., Path], arrays: dict[str, np.ndarray | None], message: str,
) -> None:
    path = write_npz(**arrays)
    load(path)
    with pytest.raises(DataError, match=message):
        load_test(path)


def test_a_test_set_with_another_number_of_targets_is_refused(write_npz: Callable[..., Path]) -> None:
    path = write_npz(y_train=np.linspace(0, 1, 30), y_test=np.zeros((9, 2)))
    with pytest.raises(DataError, match="expected 1 targets a sample, got 2"):
        load_test(path)


def test_test_samples_need_not_cover_every_class(write_npz: Callable[..., Path]) -> None:
    assert len(load_test(write_npz(x_test=np.zeros((2, 5)), y_test=np.array([1, 1])))) == 2
