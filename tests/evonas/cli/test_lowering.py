"""Cells become neurons: `evolve --seed-from` a run of cells, and `export --format neuron`."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from typer.testing import CliRunner, Result

import evonas as package
from evonas.cli.app import app
from evonas.config import build_config
from evonas.data import load
from evonas.run.open import load_splits, open_run
from evonas.run.start import evolve

Evonas = Callable[..., Result]
Refused = Callable[..., None]
SETTINGS = """
space = "cell"
dataset = "digits"
n_train = 200
population = 4
children = 2
generations = 0
epochs = 2
[space_options]
operations = "{operations}"
channels = 2
nodes = 2
stem = 1
sampling = "frequencies"
"""
#: Of a run that begins with cells.
NUMBERS = ["--dataset", "digits", "--n-train", 200, "--population", 6, "--children", 3, "--epochs", 2]


def run_of(operations: str, folder: Path) -> Path:
    (folder / "cells.toml").write_text(SETTINGS.format(operations=operations))
    assert evolve(build_config(folder / "cells.toml", {}), folder / operations)
    return folder / operations


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of cells that can be lowered; not to be changed."""
    return run_of("tiny", tmp_path_factory.mktemp("runs"))


@pytest.fixture(scope="module")
def pooled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of cells of which all have max-pooling, or nearly so; not to be changed."""
    return run_of("firsov", tmp_path_factory.mktemp("runs"))


@pytest.fixture(scope="module")
def evolved(tiny: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Neurons that began with the front of ``tiny``; not to be changed."""
    out = tmp_path_factory.mktemp("runs") / "evolved"
    arguments = ["evolve", "--seed-from", tiny, *NUMBERS, "--generations", 2, "--out", out]
    result = CliRunner().invoke(app, [str(argument) for argument in arguments])
    assert result.exit_code == 0, result.output
    return out


def rows(evonas: Evonas, run: Path) -> list[dict[str, Any]]:
    document = json.loads(evonas("front", run, "--json").stdout)
    found: list[dict[str, Any]] = document["front"] if isinstance(document, dict) else document
    return found


def test_founders_are_as_good_as_the_cells_that_they_were(tiny: Path, evolved: Path) -> None:
    with open_run(tiny) as cells, open_run(evolved) as neurons:
        (source,) = neurons.store.info.seeds
        assert source.run == str(tiny.resolve())
        founders = [r for r in neurons.store.records() if r.imported]
        assert len(founders) == len(source.ids) > 1
        for id, record in zip(source.ids, founders, strict=True):
            theirs = cells.store.member(id).evaluation
            assert record.operator == "seed"
            assert record.budget == theirs.budget == 2
            for metric in ("val_accuracy", "val_loss", "trainval_error"):
                assert record.metrics[metric] == pytest.approx(theirs.metrics[metric], rel=1e-5)
            genotype = neurons.store.individual(record.id).genotype
            assert record.metrics == {**record.metrics, **neurons.space.cost(genotype)}
            assert record.metrics["flops"] == 2 * genotype.n_edges
            assert genotype.is_shared


def test_children_go_on_from_lowered_founders(evolved: Path) -> None:
    with open_run(evolved) as run:
        children = [r for r in run.store.records() if not r.imported]
        founders = {r.id for r in run.store.records() if r.imported}
    assert len(children) >= 6
    assert all(r.status == "ok" for r in children)
    assert {parent for r in children for parent in r.parents} & founders


def test_what_measuring_again_took_is_counted(tiny: Path, evolved: Path) -> None:
    with open_run(tiny) as cells, open_run(evolved) as neurons:
        (source,) = neurons.store.info.seeds
        records = cells.store.records()
        assert source.spent.evaluations == len(records) + len(source.ids)
        assert source.spent.seconds > sum(r.seconds for r in records)
        assert source.spent.elapsed > cells.store.elapsed


def test_a_run_that_began_with_cells_resumes_without_them_and_is_the_same_for_two_workers(
    evonas: Evonas, tiny: Path, evolved: Path, contents: Callable[[Path], Sequence[tuple[Any, ...]]]
) -> None:
    shutil.copytree(tiny, "copy")
    options = ["--seed-from", "copy", *NUMBERS, "--generations", 2, "--jobs", 2, "--time-limit", 0.001, "--out", "r"]
    assert "time limit is reached" in evonas("evolve", *options).stdout
    shutil.rmtree("copy")
    assert evonas("resume", "r", "--time-limit", 1000).exit_code == 0
    assert contents(Path("r")) == contents(evolved)


def test_lowered_founders_and_those_of_single_neurons_begin_together(evonas: Evonas, tiny: Path, evolved: Path) -> None:
    both = ["--seed-from", tiny, "--seed-from", evolved, "--population", 20, "--generations", 0]
    result = evonas("evolve", *NUMBERS, *both, "--out", "r")
    assert result.exit_code == 0, result.output
    with open_run(Path("r")) as run:
        assert [len(source.ids) > 0 for source in run.store.info.seeds] == [True, True]


def test_members_that_break_the_constraints_in_the_new_space_are_left_out(
    evonas: Evonas, tiny: Path, evolved: Path
) -> None:
    with open_run(evolved) as run:
        flops = sorted(r.metrics["flops"] for r in run.store.records() if r.imported)
    bound = (flops[0] + flops[1]) / 2
    options = ["--constraint", f"flops<={bound}", "--space-option", f"edges=64,{int(bound / 2)}", "--generations", 0]
    result = evonas("evolve", "--seed-from", tiny, *NUMBERS, *options, "--out", "r")
    assert result.exit_code == 0, result.output
    assert "note: 1 of the" in result.stdout
    with open_run(Path("r")) as run:
        assert [r.metrics["flops"] for r in run.store.records()] == flops[:1]


def test_a_lowered_network_is_exported_and_loaded(evonas: Evonas, tiny: Path) -> None:
    id = rows(evonas, tiny)[-1]["id"]
    result = evonas("export", tiny, id, "--format", "neuron", "--out", "net.safetensors")
    assert result.exit_code == 0, result.output
    assert "it gives what the network of the run gives on" in result.stdout
    with open_run(tiny) as run:
        x = torch.from_numpy(load_splits(run).validation.x)
        theirs = run.store.member(id).evaluation.metrics
    network, cells = package.load("net.safetensors"), package.load(tiny, id)
    with torch.no_grad():
        expected = cells(x).numpy()
        np.testing.assert_allclose(network(x).numpy(), expected, atol=1e-5 * max(1, np.abs(expected).max()))
    header: Any = network.header
    assert header["space"] == "neuron"
    assert header["metrics"]["val_accuracy"] == theirs["val_accuracy"]
    assert header["metrics"]["flops"] == 2 * header["metrics"]["edges"] != theirs["flops"]
    assert header["source"]["id"] == id
    raw = package.load("net.safetensors", raw=True)
    assert raw(torch.zeros(1, 1, 8, 8)).shape == (1, 10)


def test_max_pooling_is_averaged_where_the_user_says_so(evonas: Evonas, pooled: Path) -> None:
    options = ["--replace-max-pool", "--generations", 0, "--out", "r"]
    result = evonas("evolve", "--seed-from", pooled, *NUMBERS, *options)
    assert result.exit_code == 0, result.output
    assert "have average pooling where there was max-pooling" in result.stdout
    id = rows(evonas, pooled)[0]["id"]
    result = evonas("export", pooled, id, "--format", "neuron", "--replace-max-pool", "--out", "net.safetensors")
    assert result.exit_code == 0, result.output
    assert "average pooling in the place of max_pool_3x3 of cell" in result.stdout
    header: Any = package.load("net.safetensors").header
    samples = load("digits", n_train=200).validation
    with torch.no_grad():
        found = package.load("net.safetensors")(torch.from_numpy(samples.x)).numpy().argmax(axis=1)
    assert header["metrics"]["val_accuracy"] == pytest.approx((found == samples.y).mean())


# -- bad input


def test_max_pooling_is_refused_by_name(refused: Refused, pooled: Path) -> None:
    message = r"individual \d+ of .*firsov has max-pooling \(max_pool_3x3 of cell \d.*\).* give --replace-max-pool"
    refused("evolve", "--seed-from", pooled, *NUMBERS, "--out", "r", message=message)
    with open_run(pooled) as run:
        (id, *_) = [r.id for r in run.store.records()]
    refused("export", pooled, id, "--format", "neuron", "--out", "n.safetensors", message=message)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--n-train", 150], r"tiny has another data set, n_train or n_validation \(fingerprint\) than this one"),
        (["--dataset", "own.npz"], r"tiny has another input shape than this one: expected \(1, 9, 9\), got \(1,"),
        (["--dataset", "table.npz"], r"tiny has another input shape than this one: expected \(5,\), got \(1, 8, 8\)"),
        (["--dataset", "twelve.npz"], "tiny has another number of outputs than this one: expected 12, got 10"),
        (["--space-option", "edges=64,900"], r"has \d+,\d+ edges in single neurons, at most 900 are allowed"),
        (["--constraint", "flops<=200"], r"none of the \d members of the front .* the constraints \(flops<=200"),
        (["--searcher", "random"], "only the searcher nsga2 can be seeded from runs, got 'random'"),
    ],
)
def test_cells_that_do_not_fit_are_refused(refused: Refused, tiny: Path, options: list[object], message: str) -> None:
    rng = np.random.default_rng(0)
    for name, shape, n_classes in (("own", (1, 9, 9), 10), ("table", (5,), 10), ("twelve", (1, 8, 8), 12)):
        np.savez(f"{name}.npz", x_train=rng.normal(size=(300, *shape)), y_train=np.arange(300) % n_classes)
    refused("evolve", *NUMBERS, *options, "--seed-from", tiny, "--out", "r", message=message)


def test_the_largest_of_too_large_networks_is_named(evonas: Evonas, tiny: Path, evolved: Path) -> None:
    with open_run(evolved) as run:
        most = max(int(r.metrics["edges"]) for r in run.store.records() if r.imported)
    result = evonas("evolve", *NUMBERS, "--seed-from", tiny, "--space-option", "edges=64,900", "--out", "r")
    assert f"has {most:,} edges" in result.stderr
    assert f"edges=64,{most}" in result.stderr


def test_options_of_lowering_where_nothing_is_are_refused(refused: Refused, evolved: Path, tiny: Path) -> None:
    refused("evolve", *NUMBERS, "--replace-max-pool", "--out", "r", message="is about seeds of another space")
    options = ["--replace-max-pool", "--out", "n"]
    refused("export", tiny, 0, *options, message="is for a format that is a search space, got 'torch'")
    refused("export", evolved, 0, "--format", "neuron", "--out", "n", message="cannot be exported as 'neuron'")
    refused("export", tiny, 0, "--format", "neuro", "--out", "n", message="did you mean 'neuron'")
    refused(
        "export", tiny, 0, "--format", "neuron", "--precision", "int8", "--out", "n",
        message="--precision must be float32 for the format neuron, got 'int8'",
    )
