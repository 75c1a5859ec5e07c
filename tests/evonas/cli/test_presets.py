"""Runs as published: each preset works, is stored, goes on, and is shown."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import evonas as library
from evonas.run.examples import example_of
from evonas.run.open import config_of
from evonas.supernet.published import PUBLISHED
from evonas.supernet.settings import methods_for
from tests.evonas.cli.conftest import Evonas

CELLS = """
space = "cell"
dataset = "digits"
preset = "published"
n_train = 150
search_epochs = 1
epochs = 1
[space_options]
channels = 2
nodes = 1
cells = 3
"""
#: Methods of the cell space.
OF_CELLS = methods_for(example_of("cell").space.choices)  # type: ignore[attr-defined]
#: What would take long, or a latency to be measured.
SHORTER = {"spos": "candidates = 10", "fairnas": "candidates = 10", "proxyless": "cost = 'flops'"}


@pytest.mark.parametrize("method", OF_CELLS)
def test_cells_are_searched_as_published(evonas: Evonas, method: str) -> None:
    Path("run.toml").write_text(f"{CELLS}[search_options]\n{SHORTER.get(method, '')}\n")
    result = evonas("seed", "run.toml", "--method", method, "--members", 2, "--out", "r")
    assert result.exit_code == 0, result.output
    config = config_of(Path("r"))
    assert config.preset == "published"
    told = evonas("front", "r").stdout
    assert "set as published: " in told
    assert ("space_options.channels = 2" in told) == (method in ("darts", "gdas", "hypernet-scalar", "hypernet-vector"))
    assert ("search_epochs = 1" in told) == (not method.startswith("hypernet"))
    assert config.search_options == {**config.search_options, **json.loads(json.dumps(_published(method)))}


def test_blocks_are_searched_by_the_sandwich_rule_as_published(evonas: Evonas) -> None:
    text = CELLS.replace('"cell"', '"block"').partition("[space_options]")[0]
    Path("run.toml").write_text(f"{text}[space_options]\nwidth = 2\n[search_options]\ncandidates = 10\n")
    result = evonas("seed", "run.toml", "--method", "sandwich", "--members", 2, "--out", "r")
    assert result.exit_code == 0, result.output
    told = evonas("front", "r").stdout
    assert "set as published: Yu 2019, https://arxiv.org/abs/1903.05134, but for search_epochs = 1" in told
    options = config_of(Path("r")).search_options
    assert (options["schedule"], options["random_paths"], options["distillation"]) == ("linear", 2, True)


def _published(method: str) -> dict[str, Any]:
    changed = SHORTER.get(method, "").partition(" ")[0]
    return {k: v for k, v in PUBLISHED[method].settings["search_options"].items() if k != changed}


@pytest.mark.parametrize("method", ["rigl", "set"])
def test_edges_move_as_published(evonas: Evonas, method: str) -> None:
    options = ["--members", 2, "--founder-edges", "60,600", "--epochs", 2]
    result = evonas("seed", "--method", method, "--preset", "published", *options, "--out", "r")
    assert result.exit_code == 0, result.output
    regrowth = config_of(Path("r")).training["regrowth"]
    assert (regrowth["scope"], regrowth["decay"]) == ("layer-pair", "cosine" if method == "rigl" else "none")
    assert "set as published: " in evonas("front", "r").stdout


def test_neurons_evolve_as_published_and_go_on(evonas: Evonas) -> None:
    numbers = ["--population", 4, "--children", 2, "--epochs", 2, "--n-train", 200]
    result = evonas("evolve", "--preset", "published", *numbers, "--generations", 1, "--out", "r")
    assert result.exit_code == 0, result.output
    config = config_of(Path("r"))
    assert (config.survival, config.parent_selection, config.space_options["founders"]) == (
        "aging", "living-tournament", "source"
    )
    assert config.recipe.hidden_dropout == 0.2
    told = evonas("front", "r").stdout
    assert "set as published: Lunev and Nikitin, https://github.com/artemlunev2000/Neuron-Level-NAS, but for " in told
    assert "population = 4" in told
    assert evonas("resume", "r", "--generations", 2).exit_code == 0
    assert config_of(Path("r")).space_options == config.space_options
    assert evonas("report", "r").exit_code == 0
    assert "as published: Lunev and Nikitin" in Path("r/report.html").read_text()


def test_a_run_from_python_takes_a_preset(tmp_path: Path) -> None:
    run = library.evolve(
        "digits", out=tmp_path / "r", preset="published", population=3, children=1, generations=0, epochs=1,
        n_train=150, space_options={"norm": "layer-affine"},
    )
    assert run.config.space_options["norm"] == "layer-affine"
    assert run.config.space_options["founders"] == "source"


def test_a_method_without_a_preset_is_refused_before_anything_is_written(evonas: Evonas) -> None:
    result = evonas("seed", "--method", "prune", "--preset", "published", "--out", "r")
    assert result.exit_code == 2
    assert "expected a method that was published, got the method 'prune'" in result.stderr
    assert not Path("r").exists()


@pytest.mark.parametrize("command", [["seed", "--method", "rigl"], ["evolve"]])
def test_an_unknown_preset_is_refused_before_anything_is_written(evonas: Evonas, command: list[str]) -> None:
    result = evonas(*command, "--preset", "publishd", "--out", "r")
    assert result.exit_code == 2
    assert "preset must be 'published', got 'publishd'" in result.stderr
    assert not Path("r").exists()


@pytest.mark.parametrize(("seed", "key", "missing", "expected"), [
    (["--method", "rigl", "--founder-edges", "60,600"], ("training", "regrowth"), "scope", "network"),
    (["--space", "cell", "--method", "random", "--space-option", "channels=2"], ("space_options",), "sampling",
     "frequencies"),
])
def test_a_run_from_before_there_was_a_choice_goes_on_by_its_rule(
    evonas: Evonas, seed: list[str], key: tuple[str, ...], missing: str, expected: str
) -> None:
    from evonas.run.open import open_run

    members = ["--members", 2, "--epochs", 1, "--n-train", 100]
    result = evonas("seed", *seed, *members, "--time-limit", 0.001, "--out", "r")
    assert result.exit_code == 0, result.output

    def rule(document: Any) -> Any:
        for name in key:
            document = document[name]
        return document

    with open_run(Path("r"), writing=True) as run:
        stored = json.loads(json.dumps(run.store.info.config))
        assert rule(stored)[missing] != expected
        del rule(stored)[missing]
        run.store.set_config(stored)
    assert rule(config_of(Path("r")).to_json())[missing] == expected
    assert evonas("resume", "r", "--time-limit", 1000).exit_code == 0
    assert rule(config_of(Path("r")).to_json())[missing] == expected
