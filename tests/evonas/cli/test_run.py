"""The Python API of a run says what the command line says."""

from __future__ import annotations

import copy
import json
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from typer.testing import Result

import evonas as package
from evonas.data import load
from evonas.evaluation.metrics import measure
from evonas.serialization.renamed import RenamedWarning
from evonas.types import UserError

Evonas = Callable[..., Result]


def test_the_front_is_the_one_of_the_command_with_the_ids_as_index(evonas: Evonas, finished: Path) -> None:
    rows = json.loads(evonas("front", finished, "--json").stdout)
    front = package.Run(finished).front()
    assert front.index.name == "id"
    assert front.reset_index().to_dict("records") == rows


def test_former_names_of_columns_are_accepted_with_a_warning_wherever_a_table_is_asked(finished: Path) -> None:
    run = package.Run(finished)
    asked: list[Callable[[Any], Any]] = [
        lambda f: f["fitness_error"], lambda f: f[["fitness_error", "flops"]].trainval_error,
        lambda f: f.fitness_error, lambda f: f.sort_values("fitness_error").trainval_error.reindex(f.index),
    ]
    for frame in (run.front(), run.evaluations(), run.front()[run.front().flops > 0]):
        expected, id = frame["trainval_error"], frame.index[0]
        for found in asked:
            with pytest.warns(RenamedWarning, match="^fitness_error is now trainval_error$") as record:
                assert found(frame).equals(expected)
            assert {Path(each.filename).name for each in record} == {Path(__file__).name}
        with pytest.warns(RenamedWarning, match="fitness_error is now"):
            assert frame.loc[id]["fitness_error"] == expected[id]
        for former in ("born", "birth"):
            with pytest.warns(RenamedWarning, match=f"^{former} is now generation$"):
                assert (frame[former] == frame.generation).all()
        with pytest.raises(KeyError, match="nothing"):
            frame["nothing"]
        assert pickle.loads(pickle.dumps(frame)).equals(frame)
        assert copy.deepcopy(frame).equals(frame)


def test_evaluations_hold_every_trial_also_the_failed_ones(evonas: Evonas, finished: Path, settings: Path) -> None:
    evaluations = package.Run(str(finished)).evaluations()
    assert sorted(evaluations.index) == list(range(14))
    assert (evaluations.elapsed.diff().dropna() >= 0).all()
    assert set(package.Run(finished).front().index) <= set(evaluations.index[evaluations.status == "ok"])
    assert evonas("evolve", settings, "--trial-timeout", 1e-9, "--out", "r").exit_code == 2
    failed = package.Run("r").evaluations()
    assert list(failed.status) == ["failed"] * 6
    assert failed.error.str.startswith("TrialTimeout").all()


def test_best_and_knee_choose_as_the_command_does(evonas: Evonas, finished: Path) -> None:
    run = package.Run(finished)
    front = run.front()
    bound = front.flops.max() - 1
    (under,) = json.loads(evonas("front", finished, "--json", "--best-under", f"flops={bound}").stdout)
    (knee,) = json.loads(evonas("front", finished, "--json", "--knee").stdout)
    assert run.best() == front[run.config.objectives[0]].idxmin()
    assert (run.best(under={"flops": bound}), run.knee()) == (under["id"], knee["id"])


def test_a_network_of_the_run_is_the_exported_one(evonas: Evonas, finished: Path, best: int) -> None:
    assert evonas("export", finished, best, "--out", "n").exit_code == 0
    splits = load("digits")
    x = torch.from_numpy(splits.validation.x)
    with torch.no_grad():
        exported, loaded, member = (
            network(x).numpy()
            for network in (package.load("n"), package.load(finished, best), package.Run(finished).load(best))
        )
    assert (exported == loaded).all()
    assert (exported == member).all()
    assert measure(loaded, splits.validation, splits.task, "val")["val_error"] == pytest.approx(
        package.Run(finished).front().val_error[best]
    )
    assert package.load(finished, best, raw=True).header == package.load("n").header


def test_retrained_weights_can_be_asked_for(evonas: Evonas, run: Path, best: int) -> None:
    with pytest.raises(UserError, match=f"has no such retraining: run `evonas retrain .*run --ids {best}` first"):
        package.load(run, best, weights="fresh")
    assert evonas("retrain", run, "--ids", best, "--seeds", 1, "--epochs", 1).exit_code == 0
    assert "test_accuracy" in package.load(run, best, weights="fresh").header["metrics"]


def test_the_configuration_is_the_present_one(evonas: Evonas, run: Path) -> None:
    opened = package.Run(run)
    assert (opened.config.generations, opened.config.epochs) == (2, 20)
    assert evonas("resume", run, "--generations", 3).exit_code == 0
    assert opened.config.generations == 3


def test_an_empty_front_has_no_rows_and_no_best(evonas: Evonas, settings: Path) -> None:
    evonas("evolve", settings, "--trial-timeout", 1e-9, "--out", "r")
    run = package.Run("r")
    assert (len(run.front()), run.front().index.name) == (0, "id")
    for choose in (run.best, run.knee):
        with pytest.raises(UserError, match="the front is empty"):
            choose()


def test_what_is_not_there_is_named_with_what_is_nearest(finished: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="individual 999 was not evaluated in this run: the nearest are 11, 12, 13"):
        package.load(finished, 999)
    with pytest.raises(UserError, match="is not a run"):
        package.Run(tmp_path)
    with pytest.raises(UserError, match=r"is a folder: name an individual of the run, as in evonas.load\('.*', 0\)"):
        package.load(finished)
    with pytest.raises(UserError, match="unknown metric 'flop', did you mean 'flops'"):
        package.Run(finished).best(under={"flop": 9})
