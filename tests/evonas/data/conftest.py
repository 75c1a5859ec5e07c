"""Tiny data sets written on the fly, and a machine on which no data set is installed."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest


@pytest.fixture(autouse=True)
def no_installed_data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("EVONAS_DATA", raising=False)
    for variable in ("XDG_DATA_HOME", "LOCALAPPDATA", "HOME"):
        monkeypatch.setenv(variable, str(tmp_path / "user"))


def idx(array: np.ndarray) -> bytes:
    header = (0x0800 + array.ndim).to_bytes(4, "big") + b"".join(size.to_bytes(4, "big") for size in array.shape)
    return header + array.astype(np.uint8).tobytes()


@pytest.fixture
def write_mnist(tmp_path: Path) -> Callable[..., Path]:
    """Writes 60 training and 10 test images in the four IDX files, into ``folder`` below a temporary folder."""

    def write(folder: str = "data/mnist", *, compressed: bool = True) -> Path:
        rng = np.random.default_rng(0)
        target = tmp_path / folder
        target.mkdir(parents=True)
        for prefix, n in (("train", 60), ("t10k", 10)):
            files = {"images-idx3": rng.integers(0, 256, (n, 28, 28)), "labels-idx1": np.arange(n) % 10}
            for kind, array in files.items():
                name, content = f"{prefix}-{kind}-ubyte", idx(array)
                (target / f"{name}.gz" if compressed else target / name).write_bytes(
                    gzip.compress(content) if compressed else content
                )
        return target

    return write


@pytest.fixture
def write_npz(tmp_path: Path) -> Callable[..., Path]:
    """Writes a valid data set of 3 classes and 5 features, with the given arrays in place of the valid ones."""

    def write(**replaced: np.ndarray | None) -> Path:
        rng = np.random.default_rng(0)
        arrays: dict[str, np.ndarray | None] = {
            "x_train": rng.normal(size=(30, 5)), "y_train": np.arange(30) % 3,
            "x_test": rng.normal(size=(9, 5)), "y_test": np.arange(9) % 3, **replaced,
        }
        path = tmp_path / "own.npz"
        np.savez(path, allow_pickle=True, **{name: array for name, array in arrays.items() if array is not None})
        return path

    return write
