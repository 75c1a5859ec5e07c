"""The benchmark of cells measures what it says, once."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from evonas.types import Task, UserError
from scripts.benchmarks.cells import collapse, curve, evolution, lab, table
from scripts.benchmarks.cells.__main__ import app
from search_spaces.cell.space import create

#: Before the fixture makes it smaller.
BENCH201 = collapse.BENCH201


@pytest.fixture(autouse=True)
def tiny() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(lab, "DATA", {"dataset": "digits", "n_train": 80, "n_validation": 40})
        patched.setattr(lab, "EPOCHS", 1)
        for bench in (table, curve):
            patched.setattr(bench, "SPACE", {"nodes": 1, "channels": 2})
        patched.setattr(evolution, "SMALL", {"nodes": 1, "channels": 2})
        patched.setattr(collapse, "BENCH201", {"operations": "nasbench201", "channels": 2})
        patched.setattr(collapse, "FEW_IMAGES", 80)
        patched.setattr(collapse, "EPOCHS", 12)
        yield


def test_table_has_a_row_for_every_penalty_and_nothing_is_trained_twice(tmp_path: Path) -> None:
    for _ in range(2):
        result = CliRunner().invoke(app, ["table", "--seeds", "1", "--out", str(tmp_path)], catch_exceptions=False)
        assert result.exit_code == 0
    assert "epoch" not in result.output
    assert "trained from scratch" not in result.output
    text = (tmp_path / "cells-table.md").read_text()
    assert lab.markdown(json.loads((tmp_path / "cells-table.json").read_text())) == text
    assert (tmp_path / "cells-table.png").stat().st_size > 1000
    rows = text.splitlines()[4:]
    assert [row.split()[1] for row in rows] == ["A", "B", "C", "D"]


def test_searches_and_trainings_of_other_settings_are_not_taken_for_these(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    here = lab.Lab(tmp_path, {"nodes": 1, "channels": 2}, 1)
    for _ in range(2):
        here.searched("hypernet-scalar", 0)
    assert capsys.readouterr().out.count("epoch 1/1") == 1
    with pytest.raises(UserError, match=r"was made with knots = 5, expected 4: choose another --out"):
        here.searched("hypernet-scalar", 0, knots=4)
    with pytest.raises(UserError, match=r"was made with channels = 2, expected 3"):
        replace(here, options={"nodes": 1, "channels": 3}).searched("hypernet-scalar", 0)

    genotype = here.space.sample(np.random.default_rng(0))

    def trainings(bench: lab.Lab) -> int:
        bench.measured(genotype, 0)
        return capsys.readouterr().out.count("trained from scratch")

    assert [trainings(here), trainings(here)] == [1, 0]
    assert trainings(replace(here, options={"nodes": 1, "channels": 2, "cells": 4})) == 1
    assert trainings(replace(here, n_train=60)) == 1
    monkeypatch.setattr(lab, "EPOCHS", 2)
    assert trainings(here) == 1


def test_a_search_whose_family_was_not_trained_in_time_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(evolution, "DATA", lab.DATA)
    monkeypatch.setattr(evolution, "FEW", {"n_train": 80, "n_validation": 40})
    with pytest.raises(UserError, match="0 of its 8 networks were trained: give more with --seconds"):
        evolution.run_evolution(tmp_path, 1, 0.01)


def test_collapse_tells_skips_along_the_search(tmp_path: Path) -> None:
    result = CliRunner().invoke(app, ["collapse", "--seeds", "1", "--out", str(tmp_path)], catch_exceptions=False)
    assert result.exit_code == 0
    assert (tmp_path / "cells-collapse.png").stat().st_size > 1000
    columns = (tmp_path / "cells-collapse.md").read_text().splitlines()[4].split("|")
    assert "without remedies, 0" in columns[1]
    assert len(columns[2].split()) == 12


def test_kappa_has_the_table_for_every_setting(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = {name: table.SETTINGS[name] for name in ("kappa 120, tau .25", "kappa 1400, tau 1")}
    monkeypatch.setattr(table, "SETTINGS", settings)
    result = CliRunner().invoke(app, ["kappa", "--seeds", "1", "--out", str(tmp_path)], catch_exceptions=False)
    assert result.exit_code == 0
    lines = (tmp_path / "cells-kappa.md").read_text().splitlines()
    assert "kappa 50 on the sum over edges, tau 1" in lines[2]
    assert [row.split("|")[1].strip() for row in lines[4:]] == [name for name in settings for _ in range(4)]


def test_three_values_of_kappa_are_swept_up_to_the_published_one() -> None:
    kappas = [each["kappa"] for each in table.SETTINGS.values() if "tau" not in each]
    assert kappas == [10.0, 120.0, 50.0 * 28]
    assert {"kappa": 50.0, "charge": "sum", "tau": 1.0} in table.SETTINGS.values()


def test_the_collapse_is_that_of_the_benchmarks_own_network() -> None:
    places = create(Task("classification", (1, 28, 28), 10), BENCH201).layout.places
    assert len(places) == 15
    assert [index for index, place in enumerate(places) if place.before is not None] == [5, 10]
