"""Latency from a table of parts: measured once, kept with the run, the same for evolution and for ProxylessNAS."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
import onnx
import pytest
from typer.testing import Result

from evonas.capabilities.export import ExportTarget
from evonas.data.samples import Scaling
from evonas.export.formats import make_program
from evonas.run.open import open_run
from evonas.runtimes.latency_table import read_table
from evonas.types import Doubles, UserError

Evonas = Callable[..., Result]
ESTIMATED = ["--objectives", "val_error,latency_estimate"]

SETTINGS = """
space = "cell"
n_train = 50
population = 3
children = 2
generations = 0
epochs = 1
[space_options]
channels = 2
nodes = 2
"""


def count_nodes(networks: Sequence[Mapping[str, bytes]]) -> Doubles:
    """A machine on which every node takes a microsecond."""
    graphs = [onnx.load_from_string(files[".onnx"]).graph for files in networks]
    return np.array([len(graph.node) for graph in graphs], np.float64)


@pytest.fixture(autouse=True)
def times(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How often anything was timed, as a list of numbers of networks."""
    timed: list[int] = []

    def measured(networks: Sequence[Mapping[str, bytes]], report: Callable[[int, int], None]) -> Doubles:
        report(0, 1)
        timed.append(len(networks))
        return count_nodes(networks)

    monkeypatch.setattr("evonas.runtimes.latency_table._least_times", measured)
    Path("run.toml").write_text(SETTINGS)
    return timed


def test_an_estimate_is_an_objective_from_one_table_that_the_run_keeps(evonas: Evonas, times: list[int]) -> None:
    result = evonas("evolve", "run.toml", *ESTIMATED, "--out", "r")
    assert result.exit_code == 0, result.output
    assert result.stdout.startswith("timing parts of networks")  # it takes long
    table = Path("r/latency.json").read_text()
    assert evonas("resume", "r", "--generations", 1).exit_code == 0
    assert len(times) == 1
    assert Path("r/latency.json").read_text() == table
    with open_run(Path("r")) as run:
        for record in run.store.records():
            member = run.store.member(record.id)
            weights = run.store.weights(*member.evaluation.key)
            assert weights is not None
            target = ExportTarget("network", Scaling(0.0, 1.0), False)
            program = make_program(run.space, run.task, member.genotype, weights, "onnx", target)
            (nodes,) = count_nodes([program.files(())])
            assert record.metrics["latency_estimate"] == pytest.approx(nodes, rel=0.2)
    result = evonas("measure", "r")
    assert result.exit_code == 0, result.output
    assert "latency_estimate is off by" in result.stdout
    command = f"'{sys.executable}' -c print(1)"
    result = evonas("measure", "r", "--ids", 0, "--latency-command", command)
    assert result.exit_code == 0, result.output
    assert "latency_estimate is off by" not in result.stdout  # the estimates are of this machine


def test_without_its_table_a_run_is_not_resumed(evonas: Evonas) -> None:
    assert evonas("evolve", "run.toml", *ESTIMATED, "--out", "r").exit_code == 0
    Path("r/latency.json").unlink()
    result = evonas("resume", "r", "--generations", 1)
    assert result.exit_code == 2
    assert "is no table of latencies" in result.stderr


@pytest.mark.parametrize(("content", "message"), [
    ("{}", "'parts'"), ("[]", "list"), ('{"parts": {"a": "b"}, "fixed": 1}', "could not convert"),
    ('{"parts": {}, "fixed": 1}', "other parts than the space has, beginning with 'a'"),
    ('{"parts": {"a": 1, "b": 2, "c": 3}, "fixed": 1}', "beginning with 'c'"),
    ('{"parts": {"a": 1, "b": 0}, "fixed": 1}', "'b' must take a positive number of microseconds, got 0"),
    ('{"parts": {"a": NaN, "b": 1}, "fixed": 1}', "'a' must take a positive number of microseconds, got nan"),
    ('{"parts": {"a": 1, "b": 1}, "fixed": Infinity}', "'fixed' must be a finite number, got inf"),
])
def test_a_table_is_checked_against_the_space(content: str, message: str, tmp_path: Path) -> None:
    (tmp_path / "latency.json").write_text(content)
    with pytest.raises(UserError, match=message):
        read_table(tmp_path, ("a", "b"))


def test_a_seeded_run_takes_over_the_table_by_which_its_founders_were_estimated(
    evonas: Evonas, times: list[int]
) -> None:
    assert evonas("evolve", "run.toml", *ESTIMATED, "--out", "r").exit_code == 0
    table = json.loads(Path("r/latency.json").read_text())
    Path("r/latency.json").write_text(json.dumps(table | {"fixed": table["fixed"] + 1}))  # as no other run would have
    result = evonas("evolve", "run.toml", *ESTIMATED, "--seed-from", "r", "--out", "s")
    assert result.exit_code == 0, result.output
    assert len(times) == 1
    assert json.loads(Path("s/latency.json").read_text()) == json.loads(Path("r/latency.json").read_text())


def test_seed_runs_with_different_tables_are_refused(evonas: Evonas) -> None:
    assert evonas("evolve", "run.toml", *ESTIMATED, "--out", "r").exit_code == 0
    assert evonas("evolve", "run.toml", *ESTIMATED, "--seed", 1, "--out", "other").exit_code == 0
    table = json.loads(Path("other/latency.json").read_text())
    Path("other/latency.json").write_text(json.dumps(table | {"fixed": table["fixed"] + 1}))
    result = evonas("evolve", "run.toml", *ESTIMATED, "--seed-from", "r", "--seed-from", "other", "--out", "s")
    assert result.exit_code == 2
    assert "different tables of latencies" in result.stderr
    assert not Path("s").exists()


def test_the_neuron_space_has_no_parts_and_so_no_estimate(evonas: Evonas) -> None:
    result = evonas("evolve", *ESTIMATED, "--out", "r")
    assert result.exit_code == 2
    assert "latency_estimate" in result.stderr


@pytest.fixture
def proxyless() -> list[object]:
    """Arguments of a search that learns from latencies."""
    text = SETTINGS.replace("population = 3\nchildren = 2\ngenerations = 0\n", "")
    Path("proxyless.toml").write_text(text + '[search_options]\ncost = "latency"\n')
    return ["seed", "proxyless.toml", "--method", "proxyless", "--search-epochs", 1, "--members", 2, "--out", "r"]


def test_proxyless_learns_from_the_table_that_estimates_are_by(
    evonas: Evonas, times: list[int], proxyless: list[object]
) -> None:
    result = evonas(*proxyless, *ESTIMATED)
    assert result.exit_code == 0, result.output
    assert len(times) == 1
    assert [str(path) for path in Path("r").rglob("latency.json")] == ["r/latency.json"]


def test_proxyless_needs_no_estimate_to_learn_from_latencies(
    evonas: Evonas, times: list[int], proxyless: list[object]
) -> None:
    result = evonas(*proxyless)
    assert result.exit_code == 0, result.output
    assert len(times) == 1


def test_a_vector_hypernetwork_learns_from_latencies_and_tells_them_when_it_is_asked(
    evonas: Evonas, times: list[int], proxyless: list[object]
) -> None:
    Path("proxyless.toml").write_text(
        Path("proxyless.toml").read_text().replace('cost = "latency"', 'complexity = ["params", "flops", "latency"]')
    )
    result = evonas(*[each if each != "proxyless" else "hypernet-vector" for each in proxyless])
    assert result.exit_code == 0, result.output
    assert len(times) == 1
    answer = json.loads(evonas("sample", "r", "--complexity", "0.1,0.1,0.8", "--json").stdout)
    with open_run(Path("r")) as run:
        table = read_table(Path("r"), run.space.timed_parts.names)  # type: ignore[attr-defined]
        genotype = run.space.parse(answer["genotype"])  # type: ignore[attr-defined]
        assert answer["costs"]["latency_estimate"] == pytest.approx(table.estimate(run.space, genotype))  # type: ignore[arg-type]
    shown = evonas("sample", "r", "--spread", 3)
    assert "s(latency)" in shown.stdout
    assert "latency_estimate" in shown.stdout
    Path("r/latency.json").unlink()
    refused = evonas("sample", "r", "--spread", 3)
    assert refused.exit_code == 2
    assert "is no table of latencies" in refused.stderr


def test_nothing_is_written_where_nothing_can_be_timed(
    evonas: Evonas, proxyless: list[object], monkeypatch: pytest.MonkeyPatch
) -> None:
    def missing() -> None:
        raise UserError("the format onnx needs onnx")

    monkeypatch.setattr("evonas.runtimes.latency_table.require_onnx", missing)
    before = set(Path().iterdir())
    result = evonas(*proxyless)
    assert result.exit_code == 2
    assert "needs onnx" in result.stderr
    assert set(Path().iterdir()) == before
