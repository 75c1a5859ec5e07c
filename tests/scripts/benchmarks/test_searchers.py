"""The benchmark of searchers runs each once, goes on where it stopped, and has a row for each."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from made_up_table import fifty, write_tables
from typer.testing import CliRunner

from scripts.benchmarks.searchers.__main__ import app
from scripts.benchmarks.searchers.contestants import contestant
from scripts.benchmarks.searchers.play import play, read_bench
from scripts.benchmarks.searchers.results import read_results


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tables(tmp_path_factory.mktemp("data")).parent


def test_every_searcher_has_a_row_and_nothing_is_run_twice(root: Path, tmp_path: Path) -> None:
    names = ["random", "local-search", "hyperband"]
    arguments = ["--data-root", root, "--seeds", 1, "--most", 300, "--searchers", ",".join(names), "--out", tmp_path]
    for n_lines in (2 * len(names), 0):
        result = CliRunner().invoke(app, [*map(str, arguments)], catch_exceptions=False)
        assert result.exit_code == 0
        assert result.output.count(" seed 0: ") == n_lines
    rows = [line for line in (tmp_path / "SEARCHERS.md").read_text().splitlines() if line.startswith("| ")]
    assert [row.split(" | ")[0].strip("| ") for row in rows[1:]] == names
    file = tmp_path / "cifar10.jsonl"
    lines = file.read_text().splitlines()
    file.write_text("\n".join([*lines[:3], lines[3][:10]]))  # stopped while it wrote
    assert [r["name"] for r in read_results(file)] == [json.loads(line)["name"] for line in lines[:3]]


def test_unknown_searchers_are_refused(root: Path) -> None:
    result = CliRunner().invoke(app, ["--data-root", str(root), "--searchers", "nsga4"])
    assert result.exit_code == 2
    assert "unknown searcher 'nsga4', did you mean 'nsga" in result.output


def test_costs_count_epochs_and_shares_are_of_the_true_hypervolume(root: Path) -> None:
    bench = read_bench(root)
    steps = []
    for step in play(bench, contestant("successive-halving", bench, ("val_error",), 0)):
        steps.append(step)
        if len(steps) == 53:  # a bracket of 40, and the 13 that go on
            break
    assert steps[39].cost == pytest.approx(40 * 12 / 200)
    assert steps[-1].cost == pytest.approx((40 * 12 + 13 * 188) / 200)
    assert [step.full for step in steps] == [False] * 40 + [True] * 13
    assert bench.share(range(15_625)) == 1
    assert 0 < bench.share(range(30, 45)) < 1
    tests = np.array([float(row["c10_test"]) for row in fifty()])
    np.testing.assert_allclose(bench.test, np.tile(tests, 313)[:15_625])
