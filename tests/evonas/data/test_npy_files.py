"""Arrays in files of their own, ``x_train.npy`` beside ``y_train.npy``."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from evonas.data import load, npy_files
from evonas.data.own_files import FileOptions
from evonas.data.own_sources import read_features
from evonas.data.test_split import load_test
from evonas.types import DataError

RNG = np.random.default_rng(0)
ARRAYS: dict[str, Any] = {
    "x_train": RNG.integers(0, 256, (60, 3, 6, 6), dtype=np.uint8), "y_train": np.arange(60) % 3,
    "x_val": RNG.integers(0, 256, (12, 3, 6, 6), dtype=np.uint8), "y_val": np.arange(12) % 3,
    "x_test": RNG.integers(0, 256, (9, 3, 6, 6), dtype=np.uint8), "y_test": np.arange(9) % 3,
    "classes": np.array(["low", "middle", "high"]), "group_train": np.arange(60) // 2,
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """One file for each array."""
    for name, array in ARRAYS.items():
        np.save(tmp_path / f"{name}.npy", array)
    return tmp_path


@pytest.mark.parametrize("mapped", [0, 2**25])
def test_arrays_in_files_are_the_data_set_of_one_archive(
    folder: Path, monkeypatch: pytest.MonkeyPatch, mapped: int
) -> None:
    monkeypatch.setattr(npy_files, "MAPPED", mapped)
    np.savez(folder / "all.npz", **ARRAYS)
    one, other = load(folder / "x_train.npy"), load(folder / "all.npz")
    assert one.fingerprint == other.fingerprint
    assert one.classes == ("low", "middle", "high")
    assert len(one.validation) == 12
    np.testing.assert_array_equal(one.train.x, other.train.x)
    tests = [load_test(folder / name) for name in ("x_train.npy", "all.npz")]
    np.testing.assert_array_equal(tests[0].x, tests[1].x)


def test_groups_are_a_file_beside_the_samples(folder: Path) -> None:
    options = FileOptions(validation="split", groups="group_train")
    (folder / "y_test.npy").unlink()
    (folder / "x_test.npy").unlink()
    splits = load(folder / "x_train.npy", options=options)
    assert len(splits.train) + len(splits.validation) == 60


def test_parts_may_lie_elsewhere_under_any_name_with_its_targets_beside(folder: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    for name in ("x_monday", "y_monday", "x_test", "y_test"):
        np.save(other / f"{name}.npy", ARRAYS[f"{name[0]}_val"][:6])
    splits = load(folder / "x_train.npy", options=FileOptions(validation=other / "x_monday.npy"))
    assert len(splits.validation) == 6


@pytest.mark.parametrize("elsewhere", [False, True])
def test_groups_and_weights_of_another_part_are_beside_its_samples(folder: Path, elsewhere: bool) -> None:
    other = folder / "other" if elsewhere else folder
    other.mkdir(exist_ok=True)
    np.save(folder / "w_train.npy", np.arange(1.0, 61.0))
    parts = {"x": ARRAYS["x_val"][:6], "y": ARRAYS["y_val"][:6], "group": 100 + np.arange(6), "w": np.arange(1.0, 7.0)}
    for name, array in parts.items():
        np.save(other / f"{name}_monday.npy", array)
    given = FileOptions(validation=other / "x_monday.npy", groups="group_train", weights="w_train")
    splits = load(folder / "x_train.npy", options=given)
    assert splits.validation.weight is not None
    np.testing.assert_allclose(splits.validation.weight / splits.validation.weight[0], np.arange(1.0, 7.0), rtol=1e-6)
    (other / "w_monday.npy").unlink()
    with pytest.raises(DataError, match=r"got no w_monday\.npy; save what is missing"):
        load(folder / "x_train.npy", options=given)


def test_weights_of_the_training_samples_are_not_those_of_test_samples(folder: Path) -> None:
    np.save(folder / "w_train.npy", np.arange(1.0, 61.0))
    np.save(folder / "x_friday.npy", ARRAYS["x_train"])
    np.save(folder / "y_friday.npy", ARRAYS["y_train"])
    (folder / "x_val.npy").unlink()
    (folder / "y_val.npy").unlink()
    for file in ("x_test.npy", "x_friday.npy"):
        options = FileOptions(weights="w_train", test=folder / file)
        assert load_test(folder / "x_train.npy", options=options).weight is None


def test_predictions_are_for_the_very_file_that_is_named(folder: Path) -> None:
    splits = load(folder / "x_train.npy")
    np.save(folder / "unlabelled.npy", ARRAYS["x_val"][:4])  # beside x_test.npy, which is not meant
    found = read_features(folder / "unlabelled.npy", FileOptions(), splits.task, splits.axes)
    assert len(found) == 4


def test_values_in_columns_first_order_are_read_as_they_are_meant(folder: Path) -> None:
    before = load(folder / "x_train.npy")
    np.save(folder / "x_train.npy", np.asfortranarray(ARRAYS["x_train"]))
    np.testing.assert_array_equal(load(folder / "x_train.npy").train.x, before.train.x)


def _missing(folder: Path) -> None:
    (folder / "y_train.npy").unlink()


def _short(folder: Path) -> None:
    os.truncate(folder / "x_train.npy", 200)


def _objects(folder: Path) -> None:
    np.save(folder / "x_train.npy", np.array([{}, []], object), allow_pickle=True)


def _pipe(folder: Path) -> None:
    (folder / "y_train.npy").unlink()
    os.mkfifo(folder / "y_train.npy")


def _no_array(folder: Path) -> None:
    (folder / "x_train.npy").write_bytes(b"no array")


@pytest.mark.parametrize("mapped", [0, 2**25])
@pytest.mark.parametrize(("spoil", "reason"), [
    (_missing, r"got no y_train\.npy; save what is missing"), (_short, "claims 6,480 bytes"),
    (_objects, "holds object"), (_pipe, "got no y_train"), (_no_array, "magic string"),
])
def test_damaged_files_are_refused(
    folder: Path, monkeypatch: pytest.MonkeyPatch, spoil: Callable[[Path], None], reason: str, mapped: int
) -> None:
    monkeypatch.setattr(npy_files, "MAPPED", mapped)
    spoil(folder)
    with pytest.raises(DataError, match=reason):
        load(folder / "x_train.npy")


def test_samples_whose_targets_cannot_be_told_are_refused(folder: Path) -> None:
    (folder / "x_train.npy").rename(folder / "train.npy")
    with pytest.raises(DataError, match=r"a name that begins with x, like x_train\.npy beside y_train\.npy"):
        load(folder / "train.npy")


def test_a_mapped_array_changes_no_file(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(npy_files, "MAPPED", 0)
    (x,) = npy_files.read_npy(folder / "x_train.npy", ["x_train"])
    x += 1
    np.testing.assert_array_equal(np.load(folder / "x_train.npy"), ARRAYS["x_train"])


@pytest.mark.parametrize("kind", ["groups", "weights"])
@pytest.mark.parametrize("name", ["ok/group_train.npy", "../ok/group_train", "group_train.npy", "/", "", ".", "a\0b"])
def test_groups_and_weights_are_named_without_folder_and_ending(folder: Path, kind: str, name: str) -> None:
    named: dict[str, Any] = {kind: name}
    with pytest.raises(DataError, match=r"without folder and without \.npy, as group_train, got"):
        load(folder / "x_train.npy", options=replace(FileOptions(validation="split"), **named))


def test_a_name_that_no_file_can_have_is_refused(folder: Path) -> None:
    with pytest.raises(DataError, match="which no file can have; shorten it"):
        load(folder / "x_train.npy", options=FileOptions(validation="split", groups="g" * 300))


@pytest.mark.parametrize("mapped", [0, 2**25])
@pytest.mark.parametrize("elsewhere", [False, True])
@pytest.mark.parametrize(("name", "value", "reason"), [
    ("x", np.where(np.arange(9)[:, None] == 4, np.nan, np.ones((9, 4))), "got 4 NaN.* the first in sample 4"),
    ("y", np.arange(9) % 5, "expected classes 0 to 2, got 0 to 4"),
    ("y", np.arange(9) - 1, "expected classes 0 to 2, got -1 to 7"),
])
def test_test_samples_of_arrays_are_checked_at_the_start_as_at_the_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, value: Any, reason: str, elsewhere: bool, mapped: int
) -> None:
    monkeypatch.setattr(npy_files, "MAPPED", mapped)
    arrays = {"x_train": RNG.normal(size=(60, 4)), "y_train": np.arange(60) % 3}
    stem = "friday" if elsewhere else "test"
    arrays |= {f"x_{stem}": np.ones((9, 4)), f"y_{stem}": np.arange(9) % 3}
    for good in arrays:
        np.save(tmp_path / f"{good}.npy", arrays[good])
    path, options = tmp_path / "x_train.npy", FileOptions(test=tmp_path / "x_friday.npy" if elsewhere else None)
    load(path, options=options, check_test=True)
    np.save(tmp_path / f"{name}_{stem}.npy", value)
    for read in (lambda: load(path, options=options, check_test=True), lambda: load_test(path, options=options)):
        with pytest.raises(DataError, match=reason):
            read()


@pytest.mark.parametrize(("given", "what"), [
    ({"test": "x_train"}, "training"), ({"validation": "x_train"}, "training"), ({"test": "link"}, "training"),
    ({"test": "x_val"}, "validation"), ({"validation": "x_test"}, "validation"), ({"validation": "hard"}, "training"),
])
def test_a_file_is_of_one_part_only(folder: Path, given: dict[str, str], what: str) -> None:
    (folder / "link.npy").symlink_to(folder / "x_train.npy")
    (folder / "hard.npy").hardlink_to(folder / "x_train.npy")
    files: dict[str, Any] = {part: folder / f"{name}.npy" for part, name in given.items()}
    options = replace(FileOptions(), **files)
    with pytest.raises(DataError, match=f"these are the {what} samples"):
        load(folder / "x_train.npy", options=options, check_test=True)


def test_an_archive_of_all_parts_may_be_named_for_each(folder: Path) -> None:
    np.savez(folder / "all.npz", **ARRAYS)
    all_parts = folder / "all.npz"
    splits = load(all_parts, options=FileOptions(test=all_parts), check_test=True)
    assert len(splits.validation) == 12
    np.savez(all_parts, **{name: ARRAYS[name] for name in ("x_train", "y_train")})
    with pytest.raises(DataError, match="these are the training samples"):
        load(all_parts, options=FileOptions(test=all_parts), check_test=True)


def test_samples_are_named_and_not_their_targets_or_folder(folder: Path) -> None:
    with pytest.raises(DataError, match=r"y_train\.npy: .* the targets beside .*: give .*/x_train\.npy$"):
        load(folder / "y_train.npy")
    with pytest.raises(DataError, match=r"got the folder .*; give .*/x_train\.npy$"):
        load(folder)
    (folder / "x_train.npy").unlink()
    with pytest.raises(DataError, match=r"a name that begins with x, like x_train\.npy"):
        load(folder / "y_train.npy")


@pytest.mark.parametrize("name", ["table.csv", "own.npz"])
def test_the_only_file_of_a_folder_is_suggested(tmp_path: Path, name: str) -> None:
    (tmp_path / name).touch()
    with pytest.raises(DataError, match=rf"got the folder .*; give .*/{name}$"):
        load(tmp_path)


@pytest.mark.parametrize("dtype", ["U6", "S6", "O"])
def test_texts_as_labels_are_told_the_way_to_numbers(folder: Path, dtype: str) -> None:
    labels = np.array(["low", "middle", "high"]).astype(dtype)[np.arange(60) % 3]
    np.save(folder / "y_train.npy", labels, allow_pickle=True)
    np.savez(folder / "own.npz", allow_pickle=True, x_train=ARRAYS["x_train"], y_train=labels)
    for file in ("x_train.npy", "own.npz"):
        with pytest.raises(DataError, match=r"classes, y = np\.unique\(y, return_inverse=True\).* array classes"):
            load(folder / file)


def test_texts_as_samples_are_told_to_become_numbers(folder: Path) -> None:
    np.save(folder / "x_train.npy", np.full((60, 4), "a"))
    with pytest.raises(DataError, match=r"convert it to uint8, int64 or float32$"):
        load(folder / "x_train.npy")


def test_an_archive_named_as_an_array_is_told_its_name(folder: Path) -> None:
    np.savez(folder / "all.npz", **ARRAYS)
    (folder / "all.npz").rename(folder / "x_train.npy")
    with pytest.raises(DataError, match=r"an \.npz archive .*: rename it to x_train\.npz$"):
        load(folder / "x_train.npy")
    (folder / "x_train.npy").rename(folder / "all.npy")
    with pytest.raises(DataError, match=r"an \.npz archive .*: rename it to all\.npz$"):
        load(folder / "all.npy")


def test_an_array_named_as_an_archive_is_told_its_name(folder: Path) -> None:
    (folder / "x_train.npy").rename(folder / "x_train.npz")
    with pytest.raises(DataError, match=r"an array .*: rename it to x_train\.npy$"):
        load(folder / "x_train.npz")


@pytest.mark.parametrize("part", ["test", "validation"])
def test_files_of_parts_are_told_their_names_as_well(folder: Path, part: str) -> None:
    other = folder / "other"
    other.mkdir()
    np.savez(other / "x_monday.npy.npz", **ARRAYS)
    (other / "x_monday.npy.npz").rename(other / "x_monday.npy")
    named: dict[str, Any] = {part: other / "x_monday.npy"}
    with pytest.raises(DataError, match=r"an \.npz archive .*: rename it to x_monday\.npz$"):
        load(folder / "x_train.npy", options=replace(FileOptions(), **named))
    named = {part: other}
    with pytest.raises(DataError, match=r"which is no file; give .*/x_monday\.npy$"):
        load(folder / "x_train.npy", options=replace(FileOptions(), **named))


@pytest.mark.parametrize("y", [np.arange(60) % 3 * 1.0, np.eye(3)[np.arange(60) % 3], np.arange(60)[:, None] % 3])
def test_labels_of_any_form_are_read_alike_in_the_check_of_the_test_samples(folder: Path, y: np.ndarray) -> None:
    np.save(folder / "y_train.npy", y)
    np.save(folder / "y_test.npy", y[:9])
    options = FileOptions(validation="split")
    splits = load(folder / "x_train.npy", task="classification", options=options, check_test=True)
    assert splits.task.n_outputs == 3


def test_whole_numbers_may_be_the_test_targets_of_a_regression(folder: Path) -> None:
    np.save(folder / "y_train.npy", np.linspace(0, 1, 60))
    assert load(folder / "x_train.npy", options=FileOptions(validation="split"), check_test=True).task.n_outputs == 1
