"""Nothing that searches sees the test set."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import Result


@pytest.mark.parametrize(
    "poison",
    [
        {"x_test": np.full((9, 5), 1e30), "y_test": np.full(9, 2)},
        {"x_test": np.zeros((4, 5), np.uint8), "y_test": np.zeros(4, np.uint8)},
        {},
    ],
    ids=["far away", "other numbers and types", "none"],
)
def test_a_poisoned_test_set_changes_nothing_in_a_search(
    evonas: Callable[..., Result], contents: Callable[[Path], list[Any]], poison: dict[str, np.ndarray]
) -> None:
    rng = np.random.default_rng(0)
    train = {"x_train": rng.normal(size=(90, 5)), "y_train": np.arange(90) % 3}
    test = {"x_test": rng.normal(size=(9, 5)), "y_test": np.arange(9) % 3}
    for name, held_out in (("clean", test), ("poisoned", poison)):
        np.savez(f"{name}.npz", allow_pickle=True, **train, **held_out)
        numbers = ["--population", 4, "--children", 3, "--generations", 2, "--epochs", 2]
        assert evonas("evolve", "--dataset", f"{name}.npz", *numbers, "--out", name).exit_code == 0
    assert contents(Path("poisoned")) == contents(Path("clean"))
    assert evonas("front", "clean", "--test").exit_code == 0
    assert evonas("front", "poisoned", "--test").exit_code == (0 if poison else 2)


@pytest.mark.parametrize(
    ("unfit", "reason"),
    [
        ({"x_test": np.full((9, 5), np.nan)}, "expected finite float32 numbers, got 45 NaN"),
        ({"y_test": np.full(9, 77)}, "expected classes 0 to 2, got 77 to 77"),
        ({"x_test": np.array([{}])}, "expected an .npz archive of plain numeric arrays"),
        ({"x_test": np.zeros((2, 3, 4, 5, 6))}, "expected"),
        ({"y_test": np.zeros(0)}, "expected at least one sample"),
    ],
)
def test_test_samples_that_cannot_be_used_are_found_before_the_search(
    evonas: Callable[..., Result], unfit: dict[str, np.ndarray], reason: str
) -> None:
    arrays = {"x_train": np.random.default_rng(0).normal(size=(90, 5)), "y_train": np.arange(90) % 3,
              "x_test": np.zeros((9, 5)), "y_test": np.arange(9) % 3}
    np.savez("own.npz", allow_pickle=True, **arrays | unfit)
    result = evonas("evolve", "--dataset", "own.npz", "--generations", 1, "--out", "run")
    assert result.exit_code == 2
    assert reason in result.output.replace("\n", " ")
    assert not Path("run").exists()


def test_a_search_and_a_look_at_fronts_never_load_the_module_of_the_test_set(
    settings: Path, finished: Path, tmp_path: Path
) -> None:
    code = f"""
import sys
from evonas.cli.app import app
for command in (["evolve", {str(settings)!r}, "--out", "r"], ["front", "r"], ["compare", "r", {str(finished)!r}]):
    app(command, standalone_mode=False)
assert "evonas.run.start" in sys.modules
assert "evonas.data.test_split" not in sys.modules
"""
    subprocess.run([sys.executable, "-c", code], check=True, timeout=100, cwd=tmp_path, capture_output=True)
