"""A run of format 2, which has a file of weights for every evaluation: all commands take it, and it can go on."""

from __future__ import annotations

import json
import shutil
import sqlite3
import tarfile
from pathlib import Path

import numpy as np
import pytest

import evonas as library
from evonas.data.loading import load
from evonas.run.open import open_run
from evonas.store import FORMAT
from tests.evonas.cli.conftest import Evonas

ARCHIVE = Path(__file__).parents[1] / "old_runs" / "digits.tar.xz"


@pytest.fixture
def old(tmp_path: Path) -> Path:
    """Five networks of 2 epochs, and a retraining of the second."""
    with tarfile.open(ARCHIVE) as archive:
        archive.extractall(tmp_path, filter="data")
    return tmp_path / "digits"


def weights_of(run: Path) -> dict[int, dict[str, bytes]]:
    found = {}
    with open_run(run) as opened:
        for record in opened.store.records():
            weights = opened.store.weights(record.id, record.budget)
            assert weights is not None
            found[record.id] = {name: array.tobytes() for name, array in weights.items()}
    return found


def test_an_old_run_is_shown_exported_and_loaded(evonas: Evonas, old: Path, tmp_path: Path) -> None:
    assert len(evonas("front", old, "--csv").stdout.splitlines()) > 1
    for format, name in (("torch", "n.safetensors"), ("c", "n.c"), ("json", "n.json")):
        result = evonas("export", old, 1, "--format", format, "--out", tmp_path / name)
        assert result.exit_code == 0, result.output
    assert evonas("export", old, 1, "--weights", "fresh", "--out", tmp_path / "f.safetensors").exit_code == 0
    x = load("digits").validation.x[:50]
    import torch

    with torch.inference_mode():
        direct, exported = (network(torch.from_numpy(x)).numpy() for network in (
            library.load(old, 1), library.load(tmp_path / "n.safetensors")
        ))
    np.testing.assert_array_equal(direct, exported)
    assert json.loads((tmp_path / "n.json").read_text())["source"]["id"] == 1


def test_an_old_run_goes_on_and_what_it_had_stays(evonas: Evonas, old: Path) -> None:
    before, files = weights_of(old), sorted(path.name for path in (old / "weights").iterdir())
    result = evonas("resume", old, "--generations", 3)
    assert result.exit_code == 0, result.output
    after = weights_of(old)
    assert len(after) == 5 + 2 * 2
    assert {id: after[id] for id in before} == before
    assert sorted(path.name for path in (old / "weights").iterdir()) == files
    assert evonas("retrain", old, "--ids", "1,8", "--inherit", "--seeds", 1, "--epochs", 1).exit_code == 0
    with sqlite3.connect(old / "run.db") as database:
        assert database.execute("SELECT value FROM meta WHERE key = 'format'").fetchone() == (str(FORMAT),)
    database.close()


def test_a_run_may_be_copied(evonas: Evonas, old: Path, finished: Path, best: int, tmp_path: Path) -> None:
    for number, run in enumerate((old, finished)):
        copy = Path(shutil.copytree(run, tmp_path / f"copy{number}"))
        assert weights_of(copy) == weights_of(run)
    assert evonas("export", tmp_path / "copy1", best, "--out", tmp_path / "n.safetensors").exit_code == 0
