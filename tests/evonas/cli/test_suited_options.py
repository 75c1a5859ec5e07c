"""Options that suit the data are chosen when a run begins, stored with it, and taken from the runs that seed it."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from typer.testing import Result

from evonas.store import read_info

Evonas = Callable[..., Result]
FEW = ["--dataset", "own.npz", "--population", 2, "--children", 1, "--generations", 0, "--epochs", 40]


@pytest.fixture(autouse=True)
def table(evonas: Evonas) -> None:
    """A table of four features as ``own.npz`` in the working directory."""
    x = np.random.default_rng(0).normal(size=(60, 4))
    np.savez("own.npz", x_train=x, y_train=(x[:, 0] > 0).astype(int))


def norm_of(run: str) -> str | None:
    return read_info(Path(run)).config["space_options"].get("norm")


@pytest.mark.parametrize(("options", "norm"), [([], "none"), (["--space-option", "norm=layer"], "layer")])
def test_a_run_on_a_table_has_no_norm_unless_the_user_wants_one(
    evonas: Evonas, options: list[object], norm: str
) -> None:
    evonas("evolve", *FEW, *options, "--out", "r")
    assert norm_of("r") == norm
    evonas("resume", "r", "--generations", 1)
    assert norm_of("r") == norm


def test_a_run_that_is_seeded_has_the_norm_of_its_seeds(evonas: Evonas) -> None:
    evonas("evolve", *FEW, "--space-option", "norm=layer", "--out", "first")
    evonas("evolve", *FEW, "--seed-from", "first", "--out", "second")
    assert norm_of("second") == "layer"


def test_seeds_from_before_the_norm_was_chosen_keep_that_of_their_weights(evonas: Evonas) -> None:
    evonas("evolve", *FEW, "--space-option", "norm=layer-affine", "--out", "old")
    with sqlite3.connect("old/run.db") as database:
        database.execute("UPDATE meta SET value = json_remove(value, '$.space_options.norm') WHERE key = 'config'")
    assert norm_of("old") is None
    assert evonas("front", "old", "--json").exit_code == 0
    assert evonas("evolve", *FEW, "--seed-from", "old", "--out", "new").exit_code == 0
    assert norm_of("new") is None
    assert json.loads(evonas("front", "new", "--json").stdout)
