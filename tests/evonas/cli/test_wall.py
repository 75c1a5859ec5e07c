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
        {"x_test": np.full((9, 5), np.nan), "y_test": np.full(9, 77)},
        {"x_test": np.array([{}]), "y_test": np.array([{}])},
        {"x_test": np.zeros((2, 3, 4, 5, 6)), "y_test": np.zeros(0)},
    ],
    ids=["NaN", "pickled", "other shapes"],
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
    assert evonas("front", "poisoned", "--test").exit_code == 2


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
