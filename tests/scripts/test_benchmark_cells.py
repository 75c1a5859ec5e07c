"""The benchmark of cells measures what it says, once."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import benchmark_cells
import pytest
from benchmark_cells import app
from cells_benchmark import lab
from typer.testing import CliRunner


@pytest.fixture(autouse=True)
def tiny() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(lab, "DATA", {"dataset": "digits", "n_train": 80, "n_validation": 40})
        patched.setattr(lab, "EPOCHS", 1)
        patched.setattr(benchmark_cells, "SPACE", {"nodes": 1, "channels": 2})
        patched.setattr(benchmark_cells, "BENCH201", {"operations": "nasbench201", "channels": 2})
        patched.setattr(benchmark_cells, "FEW_IMAGES", 80)
        patched.setattr(benchmark_cells, "MANY_EPOCHS", 12)
        yield


def test_table_has_a_row_for_every_penalty_and_nothing_is_trained_twice(tmp_path: Path) -> None:
    for _ in range(2):
        result = CliRunner().invoke(app, ["table", "--seeds", "1", "--out", str(tmp_path)], catch_exceptions=False)
        assert result.exit_code == 0
    assert "epoch" not in result.output
    assert "trained from scratch" not in result.output
    rows = (tmp_path / "table.md").read_text().splitlines()[4:]
    assert [row.split()[1] for row in rows] == ["A", "B", "C", "D"]


def test_collapse_tells_skips_along_the_search(tmp_path: Path) -> None:
    result = CliRunner().invoke(app, ["collapse", "--seeds", "1", "--out", str(tmp_path)], catch_exceptions=False)
    assert result.exit_code == 0
    columns = (tmp_path / "collapse.md").read_text().splitlines()[4].split("|")
    assert "without remedies, 0" in columns[1]
    assert len(columns[2].split()) == 12
