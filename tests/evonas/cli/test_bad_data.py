"""Data sets that are refused: one clear sentence and exit code 2, and nothing half-written."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pytest

from tests.evonas.cli.conftest import Evonas, Refused


def test_what_is_no_image_cannot_be_moved(refused: Refused) -> None:
    _npz()
    Path("run.toml").write_bytes(b"training.shift = 1\ndataset = 'own.npz'")
    refused("evolve", "run.toml", message=r"own.npz: shift and flip need images .* of shape \(\d+,\): leave")


def _npz(**replaced: np.ndarray) -> None:
    arrays = {"x_train": np.random.default_rng(0).normal(size=(30, 5)), "y_train": np.arange(30) % 3, **replaced}
    np.savez("own.npz", allow_pickle=True, **arrays)


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"x_train": np.full((30, 5), np.nan)}, "expected finite .* numbers, got 150 NaN"),
        ({"y_train": np.zeros(30, int)}, "expected at least two classes, got only class 0"),
        ({"y_train": np.arange(30) % 3 - 1}, "expected classes 0 to 1, got -1 to 1"),
        ({"y_train": np.arange(30) % 3 * 2}, "expected samples of every class from 0 to 4"),
        ({"x_train": np.array([{}] * 30)}, "own.npz: expected an .npz archive of plain numeric arrays"),
        ({"x_train": np.zeros((29, 5))}, "got 29 in x and 30 in y"),
    ],
)
def test_unfit_arrays_are_refused(refused: Refused, arrays: dict[str, np.ndarray], message: str) -> None:
    _npz(**arrays)
    refused("evolve", "--dataset", "own.npz", message=message)


def test_a_missing_file_of_ones_own_is_named(refused: Refused) -> None:
    refused("evolve", "--dataset", "own.npz", message="expected the path of an .npz file, got .*own.npz, which is no")


def test_missing_files_are_named_with_the_folders_searched_and_the_ways_to_get_them(refused: Refused) -> None:
    Path("data").mkdir()
    refused(
        "evolve", "--dataset", "mnist", "--data-root", "data",
        message="train-images-idx3-ubyte.*data/mnist.*user.*--data-root.*EVONAS_DATA.*download",
    )


def _idx(array: np.ndarray) -> bytes:
    sizes = b"".join(size.to_bytes(4, "big") for size in array.shape)
    return (0x0800 + array.ndim).to_bytes(4, "big") + sizes + array.astype(np.uint8).tobytes()


def _mnist(labels: np.ndarray, *, cut: int = 0) -> None:
    Path("data/mnist").mkdir(parents=True)
    for prefix in ("train", "t10k"):
        for kind, array in (("images-idx3", np.zeros((len(labels), 28, 28))), ("labels-idx1", labels)):
            content = gzip.compress(_idx(array))
            Path(f"data/mnist/{prefix}-{kind}-ubyte.gz").write_bytes(content[: len(content) - cut])


def test_a_truncated_gz_is_recognised(refused: Refused) -> None:
    _mnist(np.arange(60) % 10, cut=20)
    refused("evolve", "--dataset", "mnist", "--data-root", "data", message="ubyte.gz: expected a complete")


def test_labels_outside_the_classes_are_refused(refused: Refused) -> None:
    _mnist(np.arange(60) % 12)
    refused("evolve", "--dataset", "mnist", "--data-root", "data", message="expected classes 0 to 9, got 0 to 11")


def _own_run(evonas: Evonas) -> None:
    _npz()
    numbers = ["--population", 2, "--children", 1, "--epochs", 9]
    assert evonas("evolve", "--dataset", "own.npz", *numbers, "--generations", 1, "--out", "r").exit_code == 0


@pytest.mark.parametrize(
    "command", [["resume"], ["retrain"], ["front", "--test"], ["export", 1, "--format", "c", "--out", "n.c"]]
)
def test_a_run_whose_data_have_changed_or_gone_is_refused(
    refused: Refused, evonas: Evonas, command: list[str]
) -> None:
    _own_run(evonas)
    name, *options = command
    _npz(x_train=np.random.default_rng(1).normal(size=(30, 5)))
    refused(name, "r", *options, message="own.npz' is not the one that r was started with")
    Path("own.npz").unlink()
    refused(name, "r", *options, message="own.npz, nor in")


def test_a_run_of_a_file_of_ones_own_goes_on_from_any_folder(
    evonas: Evonas, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _own_run(evonas)
    monkeypatch.chdir(tmp_path / "r")
    assert evonas("resume", tmp_path / "r", "--generations", 2).exit_code == 0
