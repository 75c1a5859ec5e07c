"""What a search sees: shapes, splits, reproducibility, and the refusal of unfit data."""

from __future__ import annotations

import pickle
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from evonas.data import DataError, Splits, load, sources


def equal(a: Splits, b: Splits) -> bool:
    return all(
        np.array_equal(getattr(getattr(a, part), name), getattr(getattr(b, part), name))
        for part in ("train", "validation") for name in ("x", "y")
    )


def test_digits_are_embedded_and_ready_to_train_on() -> None:
    splits = load("digits")
    assert (splits.task.kind, splits.task.input_shape, splits.task.n_outputs) == ("classification", (1, 8, 8), 10)
    assert (len(splits.train), len(splits.validation)) == (1150, 288)
    assert splits.train.x.dtype == np.float32
    assert splits.train.y.dtype == np.int64
    assert splits.train.x.mean() == pytest.approx(0, abs=1e-5)
    assert splits.train.x.std() == pytest.approx(1, abs=1e-5)


def test_digits_are_those_of_scikit_learn_which_is_asked_where_its_file_is_elsewhere(
    monkeypatch: pytest.MonkeyPatch
) -> None:
    from sklearn.datasets import load_digits

    expected, known = load_digits(), load("digits")
    from_file = sources.read_digits()
    monkeypatch.setattr(sources, "DIGITS", "nowhere.csv.gz")
    for images, labels in (from_file, sources.read_digits()):
        np.testing.assert_array_equal(images, expected.images)
        np.testing.assert_array_equal(labels, expected.target)
    assert equal(load("digits"), known)


def test_mnist_files_are_read_compressed_or_not_with_equal_result(write_mnist: Callable[..., Path]) -> None:
    compressed = load("mnist", root=write_mnist("a/mnist").parent)
    plain = load("mnist", root=write_mnist("b/mnist", compressed=False).parent)
    assert compressed.train.x.shape == (48, 1, 28, 28)
    assert len(compressed.validation) == 12
    assert equal(compressed, plain)
    assert compressed.fingerprint == plain.fingerprint


def test_images_and_labels_of_different_numbers_are_refused(write_mnist: Callable[..., Path]) -> None:
    folder = write_mnist()
    (folder / "train-labels-idx1-ubyte.gz").write_bytes((folder / "t10k-labels-idx1-ubyte.gz").read_bytes())
    with pytest.raises(DataError, match="got 60 in x and 10 in y"):
        load("mnist", root=folder)


def test_cifar10_is_read_from_the_binary_version(tmp_path: Path) -> None:
    for i, name in enumerate([*(f"data_batch_{k}.bin" for k in range(1, 6)), "test_batch.bin"]):
        records = np.full((10, 3073), i, np.uint8)
        records[:, 0] = np.arange(10)
        records[:, 1:1025] = 200 + np.arange(10)[:, None]  # the red plane
        (tmp_path / name).write_bytes(records.tobytes())
    splits = load("cifar10", root=tmp_path, validation=10)
    assert splits.task.input_shape == (3, 32, 32)
    assert len(splits.train) == 40
    red_by_label = [splits.train.x[splits.train.y == label, 0] for label in range(10)]
    assert all(np.ptp(red) == 0 for red in red_by_label)
    assert np.all(np.diff([red[0, 0, 0] for red in red_by_label]) > 0)


def test_boston_is_a_regression_in_thousands_of_dollars(tmp_path: Path) -> None:
    header = "CRIM,ZN,INDUS,CHAS,NOX,RM,AGE,DIS,RAD,TAX,PTRATIO,B,LSTAT,MEDV"
    table = np.random.default_rng(0).normal(20, 5, (50, 14))
    np.savetxt(tmp_path / "boston_housing.csv", table, delimiter=",", header=header, comments="")
    splits = load("boston", root=tmp_path)
    assert (splits.task.kind, splits.task.input_shape, splits.task.n_outputs) == ("regression", (13,), 1)
    assert splits.task.target_scale == pytest.approx(5, rel=0.3)
    assert splits.train.y.shape == (32, 1)
    assert splits.train.y.std() == pytest.approx(1, rel=1e-5)


@pytest.mark.parametrize(
    ("shape", "input_shape"),
    [((30, 5), (5,)), ((30, 4, 4), (1, 4, 4)), ((30, 6, 4, 3), (3, 6, 4)), ((30, 6, 4, 1), (1, 6, 4)),
     ((30, 3, 6, 4), (3, 6, 4)), ((30, 1, 6, 4), (1, 6, 4)), ((30, 4, 4, 7), (7, 4, 4)), ((30, 7, 4, 4), (7, 4, 4)),
     ((30, 2, 5, 6), (2, 5, 6)), ((30, 8, 9, 4), (4, 8, 9)), ((30, 13, 8, 8), (13, 8, 8)), ((30, 6, 50), (6, 50)),
     ((30, 1, 7), (1, 7)), ((30, 7, 1), (1, 7)), ((30, 2, 4), (2, 4)), ((30, 8, 8), (1, 8, 8))],
)
def test_image_layouts_become_channels_first(
    write_npz: Callable[..., Path], shape: tuple[int, ...], input_shape: tuple[int, ...],
) -> None:
    assert load(write_npz(x_train=np.random.default_rng(0).normal(size=shape))).task.input_shape == input_shape


def test_channels_last_images_keep_their_pixels(write_npz: Callable[..., Path]) -> None:
    images = np.random.default_rng(0).integers(0, 256, (30, 6, 4, 3), dtype=np.uint8)
    last = load(write_npz(x_train=images))
    first = load(write_npz(x_train=np.moveaxis(images, 3, 1)))
    assert equal(last, first)


@pytest.mark.parametrize("y", [np.linspace(0, 1, 30), np.linspace(0, 1, 60, dtype=np.float32).reshape(30, 2)])
def test_float_targets_make_a_regression(write_npz: Callable[..., Path], y: np.ndarray) -> None:
    splits = load(write_npz(y_train=y))
    assert splits.task.kind == "regression"
    assert splits.train.y.shape[1] == splits.task.n_outputs == y.reshape(30, -1).shape[1]


def test_the_same_seed_gives_the_same_split_and_another_seed_another(write_npz: Callable[..., Path]) -> None:
    path = write_npz()
    first, again, other = load(path, seed=1), load(path, seed=1), load(path, seed=2)
    assert equal(first, again)
    assert first.fingerprint == again.fingerprint
    assert not equal(first, other)
    assert first.fingerprint != other.fingerprint


def test_the_fingerprint_changes_with_any_value_and_with_the_labels_outside_the_test_set(
    write_npz: Callable[..., Path],
) -> None:
    x, y = np.random.default_rng(0).normal(size=(30, 5)), np.arange(30) % 3
    original = load(write_npz(x_train=x, y_train=y)).fingerprint
    x_changed = x.copy()
    x_changed[17, 3] += 1e-12
    y_changed = (y + 1) % 3  # the same rows in each part
    assert load(write_npz(x_train=x_changed, y_train=y)).fingerprint != original
    assert load(write_npz(x_train=x, y_train=y_changed)).fingerprint != original
    assert load(write_npz(x_train=x, y_train=y, x_test=None, y_test=None)).fingerprint == original


@pytest.mark.parametrize(
    ("validation", "n_train", "sizes"),
    [(None, None, (24, 6)), (0.5, None, (15, 15)), (9, None, (21, 9)), (9, 12, (12, 9)), (0.1, 27, (27, 3))],
)
def test_sizes_of_the_parts_are_as_asked(
    write_npz: Callable[..., Path], validation: float | None, n_train: int | None, sizes: tuple[int, int],
) -> None:
    splits = load(write_npz(), validation=validation, n_train=n_train)
    assert (len(splits.train), len(splits.validation)) == sizes


def test_large_sets_hold_back_a_sixth(write_npz: Callable[..., Path]) -> None:
    n = 12_000
    splits = load(write_npz(x_train=np.arange(n, dtype=np.float32)[:, None], y_train=np.arange(n) % 10))
    assert len(splits.validation) == 2_000


def test_small_sets_hold_back_a_sample_of_each_class(write_npz: Callable[..., Path]) -> None:
    splits = load(write_npz(x_train=np.eye(12), y_train=np.arange(12) % 5))
    assert sorted(splits.validation.y) == list(range(5))


def test_statistics_come_from_the_train_samples_only(write_npz: Callable[..., Path]) -> None:
    splits = load(write_npz(), n_train=12)
    np.testing.assert_allclose(splits.train.x.mean(axis=0), 0, atol=1e-6)
    np.testing.assert_allclose(splits.train.x.std(axis=0), 1, atol=1e-5)
    assert np.abs(splits.validation.x.mean(axis=0)).max() > 0.01


def test_splits_survive_the_way_to_a_worker_process(write_npz: Callable[..., Path]) -> None:
    splits = load(write_npz())
    copy = pickle.loads(pickle.dumps(splits))
    assert equal(copy, splits)
    assert (copy.task, copy.fingerprint) == (splits.task, splits.fingerprint)


X = np.random.default_rng(0).normal(size=(30, 5))
Y = np.arange(30) % 3


def with_value(array: np.ndarray, value: float) -> np.ndarray:
    changed = array.astype(np.float64)
    changed[7] = value
    return changed


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"x_train": with_value(X, np.nan)}, "5 NaN, infinite or larger values, the first in sample 7"),
        ({"x_train": with_value(X, np.inf)}, "the first in sample 7"),
        ({"x_train": with_value(X, -1e300)}, "finite float32 numbers"),
        ({"y_train": with_value(Y, np.nan)}, "y of .* 1 NaN, infinite"),
        ({"y_train": np.where(Y == 0, -1, Y)}, "expected classes 0 to 2, got -1 to 2"),
        ({"y_train": np.where(Y == 1, 5, Y)}, "got 3 classes and none of class 1"),
        ({"y_train": np.zeros(30, int)}, "expected at least two classes, got only class 0"),
        ({"y_train": np.full(30, 4)}, "expected at least two classes, got only class 4"),
        ({"y_train": np.where(np.arange(30) == 0, 3, Y)}, "at least 2 samples of every class"),
        ({"y_train": np.full(30, 0.5)}, "expected training targets that differ"),
        ({"y_train": Y[:-1]}, "got 30 in x and 29 in y"),
        ({"y_train": Y[:, None]}, r"expected integer labels of shape \(n,\)"),
        ({"y_train": np.array(["cat", "dog", "owl"] * 10)}, "expected numbers, got dtype <U3"),
        ({"x_train": X.astype(complex)}, "expected numbers, got dtype complex128"),
        ({"x_train": X.astype(object)}, "without object arrays"),
        ({"x_train": X[:0], "y_train": Y[:0]}, "at least one sample"),
        ({"x_train": X[:, :0]}, "at least one sample and one value"),
        ({"x_train": np.float64(3)}, "at least one sample"),
        ({"x_train": X[:, 0]}, r"got shape \(30,\)"),
        ({"x_train": np.zeros((30, 3, 4, 3))}, r"\(--axes\) .*: chw \(3 channels of 4 x 3\) or hwc \(3 ch"),
        ({"x_train": np.zeros((30, 7, 5, 6))}, r"is: chw \(7 channels of 5 x 6\) or hwc \(6 channels of 7 x 5\)"),
        ({"x_train": np.zeros((30, 50, 6))}, r"hw \(images of 50 x 6\) or cl \(50 channels .* or lc \(6 channels"),
        ({"x_train": np.zeros((30, 2, 3, 4, 5))}, r"features .*, signals .*, or images .*, got shape \(30, 2, 3"),
        ({"x_train": None}, "add x_train"),
    ],
)
def test_unfit_data_are_refused_in_one_line_that_names_the_file(
    write_npz: Callable[..., Path], arrays: dict[str, np.ndarray | None], message: str,
) -> None:
    path = write_npz(**arrays)
    with pytest.raises(DataError, match=message) as caught:
        load(path)
    assert path.name in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("validation", [0.0, 1.0, -0.5, float("nan"), 0, 29])
def test_impossible_validation_sizes_are_refused(write_npz: Callable[..., Path], validation: float) -> None:
    with pytest.raises(DataError, match="validation"):
        load(write_npz(), validation=validation)


def test_a_named_data_set_of_another_shape_or_with_other_classes_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "mnist1d_data.npz"
    np.savez(path, x_train=np.zeros((40, 39)), y_train=np.arange(40) % 10)
    with pytest.raises(DataError, match=r"samples of shape \(40,\), got classification of shape \(39,\)"):
        load("mnist1d", root=tmp_path)
    np.savez(path, x_train=np.zeros((44, 40)), y_train=np.arange(44) % 11)
    with pytest.raises(DataError, match="expected classes 0 to 9, got 0 to 10"):
        load("mnist1d", root=tmp_path)
    np.savez(path, x_train=np.zeros((36, 40)), y_train=np.arange(36) % 9)
    with pytest.raises(DataError, match="none of class 9"):
        load("mnist1d", root=tmp_path)


def test_importing_the_package_loads_neither_the_test_set_nor_slow_libraries() -> None:
    unwanted = ("evonas.data.test_split", "sklearn", "torch")
    code = f"import sys, evonas.data; print([name for name in {unwanted} if name in sys.modules])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"
