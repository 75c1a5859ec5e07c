"""What samples count: read, checked, and what it means for an error."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from evonas.data import DataError, FileOptions, load
from evonas.data.samples import Samples
from evonas.data.test_split import load_for_retraining
from evonas.data.weights import of_mean_one
from evonas.evaluation.metrics import measure
from evonas.run.refit.folds import joined
from evonas.types import Task

X = np.random.default_rng(0).normal(size=(40, 3))
Y = np.arange(40) % 2
WEIGHTED = FileOptions(weights="w_train")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "own.npz"


def test_weights_follow_their_samples_and_have_the_mean_one_in_training(path: Path) -> None:
    np.savez(path, x_train=X, y_train=Y, w_train=1e300 * (1 + np.arange(40)))
    splits = load(path, options=WEIGHTED)
    found = []
    for part in (splits.train, splits.validation):
        rows = [int(np.abs(X - x).sum(axis=1).argmin()) for x in splits.scaling.restore(part.x)]
        assert part.weight is not None
        assert part.weight.dtype == np.float32
        found.append((1.0 + np.array(rows), part.weight))
    unit = found[0][0].mean()
    assert all(np.allclose(weight, given / unit) for given, weight in found), "in one unit, so that they can be joined"
    everything = load_for_retraining(path, options=WEIGHTED).train
    assert everything.weight is not None
    assert len(everything.weight) == 40
    assert splits.train.take(np.array([3, 1])).weight.tolist() == splits.train.weight[[3, 1]].tolist()


def test_samples_that_count_nothing_are_left_out(path: Path) -> None:
    kept = np.arange(40) % 4 < 2
    np.savez(path, x_train=X, y_train=Y, w_train=kept)
    part = load(path, options=WEIGHTED)
    assert part.train.weight is None, "all others count alike"
    np.savez(path, x_train=X[kept], y_train=Y[kept])
    assert np.array_equal(part.train.x, load(path).train.x)


def test_validation_samples_of_an_archive_have_weights_of_their_own(path: Path) -> None:
    np.savez(path, x_train=X, y_train=Y, w_train=1 + Y, x_val=X[:6], y_val=Y[:6], w_val=[1, 2, 3, 4, 5, 6])
    splits = load(path, options=WEIGHTED)
    assert splits.validation.weight is not None
    assert np.allclose(splits.validation.weight, np.arange(1, 7) / 1.5)
    other = load(path)
    assert splits.fingerprint != other.fingerprint
    assert other.train.weight is None
    np.savez(path, x_train=X, y_train=Y, w_train=1 + Y, x_val=X[:6], y_val=Y[:6], w_val=np.full(6, 3))
    together = joined(load(path, options=WEIGHTED)).train
    assert together.weight is not None, "validation samples that count alike are no reason to forget the others"
    expected = np.concatenate([1 + together.y[:40], np.full(6, 3)])
    assert np.allclose(together.weight / together.weight.min(), expected)


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        (np.r_[np.ones(38), -2, -1], r"w_train of .*: .* not negative, got -2 for sample 38, the first of 2 such weig"),
        (np.full(40, np.inf), "got inf for sample 0, the first of 40"),
        (np.ones(39), r"one weight for each of 40 samples, got an array of shape \(39,\)"),
        (np.zeros(40), "expected a positive weight for some sample"),
        (1.0 - Y, "expected a positive weight for some sample of every class, got 0 for all of class 1"),
        (np.array(["1"] * 7 + ["a"] * 33), "expected numbers, got 'a' for sample 7; correct it"),
        (np.array(["1"] * 40), "expected numbers, got dtype <U1"),
    ],
)
def test_unfit_weights_are_refused(path: Path, weights: np.ndarray, message: str) -> None:
    np.savez(path, x_train=X, y_train=Y, w_train=weights)
    with pytest.raises(DataError, match=message):
        load(path, options=WEIGHTED)


def test_a_table_names_the_line_of_an_unfit_weight_and_the_class_without_weight(tmp_path: Path) -> None:
    path = tmp_path / "own.csv"
    options = FileOptions(target="label", weights="n")

    def write(weights: list[object]) -> None:
        lines = [f"{i}.5,{'xyz'[i % 3]},{weight}" for i, weight in enumerate(weights)]
        path.write_text("\n".join(["a,label,n", *lines]))

    write([1 + i % 2 for i in range(30)])
    splits = load(path, options=options)
    assert splits.columns == ("a",)
    assert splits.train.weight is not None
    write([1] * 29 + [-0.5])
    with pytest.raises(DataError, match=r"column n of .*own.csv: .*, got -0.5 for line 31; correct"):
        load(path, options=options)
    write([1] * 29 + [""])
    with pytest.raises(DataError, match=r"column n of .*own.csv: expected a number in every row, got none in line 31"):
        load(path, options=options)
    write([float(i % 3 != 1) for i in range(30)])
    with pytest.raises(DataError, match=r"column n of .*: .* got 0 for all of class y"):
        load(path, options=options)


@pytest.mark.parametrize(
    "task", [Task("classification", (1,), 3), Task("regression", (1,), 1), Task("regression", (1,), 2)], ids=str
)
def test_a_sample_counts_in_an_error_as_often_as_its_weight_says(task: Task) -> None:
    rng = np.random.default_rng(1)
    copies = rng.integers(1, 4, 50)
    outputs = rng.normal(size=(50, task.n_outputs)).astype(np.float32)
    y = rng.integers(0, 3, 50) if task.kind == "classification" else (outputs + rng.normal(size=outputs.shape)).astype(
        np.float32
    )
    x, rows = np.zeros((50, 1), np.float32), np.repeat(np.arange(50), copies)
    weighted = measure(outputs, Samples(x, y, weight=of_mean_one(copies.astype(float), np.arange(50))), task, "val")
    repeated = measure(outputs[rows], Samples(x[rows], y[rows]), task, "val")
    assert weighted == pytest.approx(repeated, rel=1e-5)
    assert weighted != pytest.approx(measure(outputs, Samples(x, y), task, "val"), rel=1e-3)


def test_the_balanced_error_is_the_mean_of_the_errors_of_the_classes() -> None:
    task, labels = Task("classification", (1,), 3), np.array([0] * 8 + [1] * 2)
    outputs = np.zeros((10, 3), np.float32)
    outputs[:, 0] = 1  # all are taken for class 0; class 2 has no sample
    found = measure(outputs, Samples(np.zeros((10, 1), np.float32), labels), task, "val")
    assert found["val_error"] == pytest.approx(0.2)
    assert found["val_balanced_error"] == pytest.approx(0.5)
