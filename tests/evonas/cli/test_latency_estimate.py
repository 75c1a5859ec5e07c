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

from evonas.assembly import open_run
from evonas.data.samples import Scaling
from evonas.runtimes.programs import make_program
from evonas.space import ExportTarget
from evonas.types import Doubles

Evonas = Callable[..., Result]

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

    def measured(networks: Sequence[Mapping[str, bytes]]) -> Doubles:
        timed.append(len(networks))
        return count_nodes(networks)

    monkeypatch.setattr("evonas.runtimes.latency_table._least_times", measured)
    Path("run.toml").write_text(SETTINGS)
    return timed


def test_an_estimate_is_an_objective_from_one_table_that_the_run_keeps(evonas: Evonas, times: list[int]) -> None:
    result = evonas("evolve", "run.toml", "--objectives", "val_error,latency_estimate", "--out", "r")
    assert result.exit_code == 0, result.output
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
    result = evonas("measure", "r", "--latency-command", command)
    assert result.exit_code == 0, result.output
    assert "latency_estimate is off by" not in result.stdout  # the estimates are of this machine


def test_without_its_table_a_run_is_not_resumed(evonas: Evonas) -> None:
    assert evonas("evolve", "run.toml", "--objectives", "val_error,latency_estimate", "--out", "r").exit_code == 0
    for content in ("{}", '{"parts": {"a": "b"}, "fixed": 1}', None):
        path = Path("r/latency.json")
        path.unlink() if content is None else path.write_text(content)
        result = evonas("resume", "r", "--generations", 1)
        assert result.exit_code == 2
        assert "is no table of latencies" in result.stderr


def test_the_neuron_space_has_no_parts_and_so_no_estimate(evonas: Evonas) -> None:
    result = evonas("evolve", "--objectives", "val_error,latency_estimate", "--out", "r")
    assert result.exit_code == 2
    assert "latency_estimate" in result.stderr


def test_proxyless_learns_from_the_same_kind_of_table_and_keeps_it(evonas: Evonas, times: list[int]) -> None:
    text = SETTINGS.replace("population = 3\nchildren = 2\ngenerations = 0\n", "")
    Path("run.toml").write_text(text + '[search_options]\ncost = "latency"\n')
    options = ["--method", "proxyless", "--search-epochs", 1, "--members", 2]
    result = evonas("seed", "run.toml", *options, "--out", "r")
    assert result.exit_code == 0, result.output
    assert len(times) == 1
    assert set(json.loads(Path("r/seeder/latency.json").read_text())) == {"parts", "fixed"}
