"""Runs from Python."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import evonas
from evonas.config import RunConfig
from evonas.run.evolution import workspace
from evonas.run.start import resume

SMALL: dict[str, Any] = {"population": 2, "children": 1, "generations": 0, "epochs": 9}


@pytest.fixture
def samples() -> tuple[np.ndarray, np.ndarray]:
    x = np.random.default_rng(0).normal(size=(400, 4))
    return x, np.where(x[:, 0] > 0, "yes", "no")


def test_a_data_set_is_named_and_settings_are_those_of_a_configuration(tmp_path: Path) -> None:
    run = evonas.evolve("digits", out=tmp_path / "named", n_train=100, **SMALL)
    assert len(run.evaluations()) == 2
    config = RunConfig(dataset="digits", n_train=100, **SMALL)
    same = evonas.evolve(config, out=str(tmp_path / "configured"))
    assert same.front().equals(run.front())
    assert evonas.evolve(config, out=tmp_path / "more", population=3).config.population == 3


def test_arrays_are_kept_beside_their_run(samples: tuple[np.ndarray, np.ndarray], tmp_path: Path) -> None:
    x, y = samples
    weight = np.where(y == "no", 2.0, 1.0)
    run = evonas.evolve(x, y, out=tmp_path / "run", sample_weight=weight, **SMALL)
    assert (run.config.classes, run.config.weights) == (("no", "yes"), "w_train")
    assert resume(tmp_path / "run", {"generations": 1})
    assert len(run.evaluations()) == 3
    targets = evonas.evolve(x, x[:, :2], out=tmp_path / "targets", **SMALL)
    assert targets.front().columns.str.startswith("trainval_nmse").any()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["run", "run.npz", "targets", "targets.npz"]


@pytest.mark.parametrize(
    ("arguments", "settings", "message"),
    [
        (("digits",), {"popluation": 3}, "unknown key 'popluation', did you mean 'population'"),
        (("digits", [1, 2]), {}, "y and sample_weight are for arrays, got them with 'digits'"),
        ((np.zeros((9, 2)),), {}, "expected labels or targets y with the samples"),
        ((np.zeros((9, 2)), np.zeros(8)), {}, "as many samples as targets, got 9 in x and 8 in y"),
        ((np.zeros((9, 2)), np.arange(9) % 2), {"groups": "rooms"}, "groups is for files of samples"),
        ((np.zeros((9, 2)), np.arange(9) % 2), {"sample_weight": -np.ones(9)}, "not negative, got -1 for sample 0"),
        ((np.zeros((4, 2)), ["a", None, "b", "a"]), {}, "expected a label for every sample, got none for sample 1"),
        ((np.zeros((4, 2)), list("abab")), {"task": "regression"}, "expected numbers, got text, 'a', for sample 0"),
    ],
)
def test_what_does_not_fit_is_refused_before_anything_is_written(
    arguments: tuple[Any, ...], settings: dict[str, Any], message: str, tmp_path: Path
) -> None:
    with pytest.raises(ValueError, match=message):
        evonas.evolve(*arguments, out=tmp_path / "run", **settings)
    assert list(tmp_path.iterdir()) == []


def test_runs_that_begin_at_once_get_directories_of_their_own(tmp_path: Path) -> None:
    places, together = [], threading.Barrier(4)

    def begin() -> None:
        together.wait()
        with workspace(tmp_path / "run", numbered=True) as (directory, samples):
            places.append((directory.name, samples.name))
            together.wait()

    threads = [threading.Thread(target=begin) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(places) == [
        ("run", "run.npz"), ("run-2", "run-2.npz"), ("run-3", "run-3.npz"), ("run-4", "run-4.npz")
    ]
    assert list(tmp_path.iterdir()) == [], "nothing was made, and no claim is left"


def test_a_run_that_is_being_made_is_not_made_twice(tmp_path: Path) -> None:
    with workspace(tmp_path / "run"), pytest.raises(ValueError, match="is being made by another process"), \
            workspace(tmp_path / "run"):
        pass
