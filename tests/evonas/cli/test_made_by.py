"""The command that a report names makes a run of the same settings."""

from __future__ import annotations

import shlex
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import Result

from evonas.cli.made_by import document, made_by, without_folders
from evonas.config import RunConfig, check_config

Evonas = Callable[..., Result]
VALUES = st.recursive(
    st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False)
    | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("aä. \n-_"), inner, max_size=3),
    max_leaves=8,
)


@given(values=st.dictionaries(st.text(st.characters(exclude_categories=["Cs"])), VALUES, max_size=4))
@settings(max_examples=60)
def test_a_document_is_read_back_as_it_was(values: dict[str, Any]) -> None:
    assert tomllib.loads(document(values)) == values


@pytest.mark.parametrize(
    ("values", "with_file"),
    [
        ({}, False),
        ({"dataset": "/a b/it's.npz", "objectives": ["trainval_error", "flops", "params"], "epochs": 12}, False),
        ({"constraints": ["flops<=5e4", "params<=9"], "time_limit": 0.5, "self_distillation": False}, False),
        ({"ignore": ["a", "b,c"], "categorical": ["d"], "target": ["low, high", "x"], "impute": "mean"}, False),
        ({"target": "low,high", "columns": ["a", "ü"], "categories": {"ü =": ["1", "a,b"]}}, True),
        ({"rungs": [2, 6], "training": {"batch_size": 32, "learning_rate": 1e-4}, "data_root": "/data"}, False),
        ({"space_options": {"edges": [64, 600], "trainer": "native", "operators": {"split": 0.5}}}, False),
        ({"training": {"batch_size": 32, "weight_decay": 0.1, "pruning": {"end": 0.5}}, "trial_timeout": 3.5}, True),
        ({"adaptive_operators": True, "parent_selection": "tournament"}, False),
        ({"searcher": "random", "seeder": "conv", "search_options": {"x": [1, "a"]}, "split_seed": 3}, True),
        ({"latency_command": "'a b' --fast; c", "classes": ["1", "ü\x7f"], "latency_timeout": 3.5}, True),
    ],
)
def test_the_command_gives_the_settings_of_the_run(
    evonas: Evonas, monkeypatch: pytest.MonkeyPatch, values: dict[str, Any], with_file: bool
) -> None:
    found: list[tuple[Path, RunConfig]] = []
    monkeypatch.setattr("evonas.cli.search._search", lambda out, start, **_: start([]))
    monkeypatch.setattr("evonas.run.start.evolve", lambda config, out, **_: found.append((out, config)))
    config = check_config(values, source="the test")
    command, file = made_by(config, Path("runs/my run"), ["/runs/first"] if config.searcher == "nsga2" else [])
    Path("run.toml").write_text(file, encoding="utf-8")
    assert bool(file) == with_file
    assert ("run.toml" in shlex.split(command)) == with_file
    result = evonas(*shlex.split(command)[1:])
    assert result.exit_code == 0, result.output
    ((out, made),) = found
    assert made.to_json() == config.to_json()
    assert out == Path("runs/my run")
    assert ("--seed-from=/runs/first" in command) == (config.searcher == "nsga2")


def test_settings_for_others_name_files_and_runs_without_folders() -> None:
    config = check_config({
        "dataset": "/home/me/own data/x.npz", "test": "/home/me/t.npz", "validation": "/home/me/v.npz",
        "data_root": "/home/me", "teacher": "/home/me/runs/first:3", "target": "/a/column",
        "latency_command": "ssh pi@host:/home/me/time --log=/home/me/log http://host/x '/home/me/a b/c' ~me/d",
        "objectives": ["val_error", "latency_device"], "target_files": ["/home/me/boards/mine.toml"],
        "space_options": {"trainer": "native"},
    }, source="the test")
    plain = without_folders(config)
    assert (plain.dataset, plain.test, plain.validation) == ("x.npz", Path("t.npz"), Path("v.npz"))
    assert (plain.data_root, plain.teacher, plain.target) == (None, "first:3", "/a/column")
    assert plain.latency_command == "ssh pi@host:time --log=log http://host/x c d"
    assert plain.target_files == ("mine.toml",)
    command, file = made_by(plain, Path("run"))
    assert "/home" not in command + file
    assert config.dataset == "/home/me/own data/x.npz"


def test_settings_without_paths_stay_as_they_are() -> None:
    config = check_config({"validation": "split", "dataset": "digits", "space_options": {"edges": [64, 600]}},
                          source="the test")
    assert without_folders(config) == config
