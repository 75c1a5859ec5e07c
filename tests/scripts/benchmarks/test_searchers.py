"""The benchmark of searchers runs each once, goes on where it stopped, and has a row for each."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from made_up_table import fifty, write_tables
from typer.testing import CliRunner, Result

from scripts.benchmarks.searchers import report
from scripts.benchmarks.searchers.__main__ import app
from scripts.benchmarks.searchers.contestants import contestant
from scripts.benchmarks.searchers.play import play, read_bench
from scripts.benchmarks.searchers.results import LOOKS, Game, read_results, search


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tables(tmp_path_factory.mktemp("data")).parent


def run(root: Path, out: Path, *arguments: object) -> Result:
    command = ["--data-root", root, "--seeds", 1, "--most", 300, "--out", out, *arguments]
    return CliRunner().invoke(app, [*map(str, command)], catch_exceptions=False)


def test_every_searcher_has_a_row_and_nothing_is_run_twice(root: Path, tmp_path: Path) -> None:
    names = ["random", "local-search", "hyperband"]
    arguments = ["--searchers", ",".join(names), "--device", "edgetpu_latency"]
    for n_lines in (3 * len(names), 0):
        result = run(root, tmp_path, *arguments)
        assert result.exit_code == 0
        assert result.output.count(" seed 0: ") == n_lines
    stem = tmp_path / "searchers-cifar10"
    document = json.loads(stem.with_suffix(".json").read_text())
    assert [*document["searchers"]] == names
    assert all([*kinds] == ["val_error", "flops", "edgetpu_latency"] for kinds in document["searchers"].values())
    assert document["references"]["flops"][0] == 0.3
    text = stem.with_suffix(".md").read_text()
    assert text == report.markdown(document)
    rows = [line.split(" | ")[0] for line in text.splitlines() if line.startswith("| ")]
    assert rows == [row for _ in range(3) for row in ("| searcher", *(f"| {name}" for name in names))]
    for cost in ("flops", "edgetpu_latency"):
        assert f"The hypervolume is in validation error and log10 of {cost}, up to an error of 0.3 and " in text
    assert stem.with_suffix(".png").stat().st_size > 1000


def test_a_stopped_benchmark_goes_on_and_keeps_what_a_device_measured(root: Path, tmp_path: Path) -> None:
    assert run(root, tmp_path, "--searchers", "random", "--device", "raspi4_latency").exit_code == 0
    file = tmp_path / "searchers-cifar10.jsonl"
    lines = file.read_text().splitlines()
    file.write_text("\n".join([*lines[:2], lines[2][:10]]))  # stopped while it wrote
    assert [r["kind"] for r in read_results(file)] == ["val_error", "flops"]
    result = run(root, tmp_path, "--searchers", "random", "--device", "raspi4_latency")
    assert result.output.count(" seed 0: ") == 1
    assert file.read_text().splitlines() == lines
    result = run(root, tmp_path, "--searchers", "local-search", "--kinds", "val_error")
    assert result.output.count(" seed 0: ") == 1
    kept = json.loads((tmp_path / "searchers-cifar10.json").read_text())["searchers"]
    assert [*kept["random"]] == ["val_error", "flops", "raspi4_latency"]
    assert [*kept["local-search"]] == ["val_error"]


def test_several_searches_at_a_time_reach_the_same(root: Path, tmp_path: Path) -> None:
    found = []
    for jobs in (1, 2):
        out = tmp_path / str(jobs)
        arguments = ["--searchers", "random,local-search", "--kinds", "val_error", "--jobs", jobs]
        assert run(root, out, *arguments).exit_code == 0
        found.append(json.loads((out / "searchers-cifar10.json").read_text()))
    assert found[0] == found[1]


@pytest.mark.parametrize(("arguments", "message"), [
    (["--searchers", "nsga4"], "unknown searcher 'nsga4', did you mean 'nsga"),
    (["--device", "raspi5_latency"], "unknown metric of a device 'raspi5_latency', did you mean 'raspi4_latency'"),
    (["--kinds", "flop"], "unknown kind of search 'flop', did you mean 'flops'"),
    (["--dataset", "cifar"], "got the data set 'cifar', did you mean 'cifar10"),
])
def test_bad_input_is_refused(root: Path, tmp_path: Path, arguments: list[str], message: str) -> None:
    result = run(root, tmp_path / "out", *arguments)
    assert result.exit_code == 2
    assert message in result.output
    assert not (tmp_path / "out").exists()


def test_a_search_is_looked_at_by_what_it_has_spent(root: Path) -> None:
    bench = read_bench(root)
    result = search(bench, Game("random", "val_error", 3), 300)
    assert len(result["looks"]) == len(LOOKS)
    assert result["looks"] == sorted(result["looks"], key=lambda test: bench.error[bench.test.round(4) == test].min(),
                                     reverse=True)
    shares = search(bench, Game("random", "flops", 3), 300)["looks"]
    assert shares == sorted(shares)
    assert 0 < shares[0] <= 100


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
    assert bench.share(range(15_625), "flops") == 1
    assert 0 < bench.share(range(30, 45), "flops") < 1
    tests = np.array([float(row["c10_test"]) for row in fifty()])
    np.testing.assert_allclose(bench.test, np.tile(tests, 313)[:15_625])
