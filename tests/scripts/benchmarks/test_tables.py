"""The benchmark of tables measures each method once on each split, and says what it could not read."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import typer
from clock import Clock
from typer.testing import CliRunner

from scripts.benchmarks.tables import results, tables
from scripts.benchmarks.tables.__main__ import main
from scripts.benchmarks.tables.methods import METHODS, n_params

app = typer.Typer()
app.command()(main)


@pytest.fixture(autouse=True)
def two_tables(monkeypatch: pytest.MonkeyPatch) -> None:
    """A table of each kind, and one whose package is not installed."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(60, 3))
    monkeypatch.setattr(tables, "TABLES", {
        "halves": tables.Table("classification", "sklearn", lambda: (x, (x[:, 0] > 0).astype(int))),
        "plane": tables.Table("regression", "sklearn", lambda: (x, x[:, 0] - x[:, 1])),
        "elsewhere": tables.Table("regression", "no_such_package", lambda: (x, x[:, 0])),
    })


def benchmark(out: Path, *options: str) -> str:
    result = CliRunner().invoke(app, ["--splits", "2", "--out", str(out), *options], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.output


def test_every_method_has_a_score_on_every_split_and_nothing_is_measured_twice(tmp_path: Path) -> None:
    said = benchmark(tmp_path, "--methods", "linear,mlp")
    assert "elsewhere is left out: it ships in no_such_package, which is not installed" in said
    scores = results.read(tmp_path / "tables.csv")
    assert len(scores) == len({(s.table, s.method, s.split) for s in scores}) == 8
    assert all(s.score > 99 for s in scores if (s.table, s.method) == ("plane", "linear"))
    assert "plane, split" not in benchmark(tmp_path, "--methods", "linear,mlp")
    assert results.read(tmp_path / "tables.csv") == scores


def test_the_table_has_a_row_for_each_data_set_with_means_and_deviations(tmp_path: Path) -> None:
    benchmark(tmp_path, "--methods", "linear", "--tables", "plane")
    lines = (tmp_path / "tables.md").read_text().splitlines()
    scores = [s.score for s in results.read(tmp_path / "tables.csv")]
    assert lines[2].startswith("| table | linear | parameters, evonas")
    assert lines[4].startswith(f"| plane | {np.mean(scores):.2f} ± {np.std(scores, ddof=1):.2f} |")


def test_evonas_takes_part_with_its_time_limit_and_its_parameters_are_counted(tmp_path: Path, clock: Clock) -> None:
    clock.limits_end_after(12)
    benchmark(tmp_path, "--methods", "evonas", "--tables", "halves", "--seconds", "1", "--splits", "1")
    (score,) = results.read(tmp_path / "tables.csv")
    assert score.limit == 1
    assert score.params is not None
    assert score.score > 60


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (["--tables", "nothing"], "unknown table 'nothing', there are: halves, plane, elsewhere"),
        (["--tables", "elsewhere"], "elsewhere ships in no_such_package, which is not installed"),
        (["--methods", "svm"], "unknown method 'svm', there are: evonas, mlp"),
    ],
)
def test_what_is_not_there_is_named(tmp_path: Path, options: list[str], sentence: str) -> None:
    result = CliRunner().invoke(app, ["--out", str(tmp_path), *options])
    assert result.exit_code == 2
    assert sentence in " ".join(result.output.split())


def test_parameters_of_networks_and_linear_models_are_counted() -> None:
    x = np.random.default_rng(0).normal(size=(40, 3))
    assert n_params(METHODS["mlp"]("regression", 1, 0).fit(x, x[:, 0])) == 3 * 100 + 100 + 100 + 1
    assert n_params(METHODS["linear"]("regression", 1, 0).fit(x, x[:, 0])) == 4
    assert n_params(METHODS["forest"]("regression", 1, 0)) is None


def test_a_file_of_something_else_is_not_overwritten(tmp_path: Path) -> None:
    (tmp_path / "tables.csv").write_text("a,b\n1,2\n")
    result = CliRunner().invoke(app, ["--tables", "plane", "--methods", "linear", "--out", str(tmp_path)])
    assert result.exit_code == 2
    assert "holds no scores of this benchmark" in " ".join(result.output.split())
    assert (tmp_path / "tables.csv").read_text() == "a,b\n1,2\n"
