"""The example from cells to neurons runs as it stands, with fewer epochs and networks."""

from __future__ import annotations

import runpy
import sys
from pathlib import Path

import pytest

from evonas.run import start
from evonas.run.open import open_run

SCRIPT = Path(__file__).parents[3] / "scripts" / "examples" / "cells_to_neurons.py"


def test_the_example_searches_lowers_evolves_and_prints_both_fronts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    class Small(start.RunConfig):
        def __init__(self, **values: object) -> None:
            few = {"n_train": 120, "n_validation": 40, "epochs": 1, "jobs": 1, "population": 4, "children": 2}
            if "search_epochs" in values:
                few["search_epochs"] = 1
            else:
                few["generations"] = 1
            super().__init__(**{**values, **few})

    monkeypatch.setattr("evonas.config.RunConfig", Small)
    monkeypatch.setattr(sys, "argv", [str(SCRIPT), "hypernet-scalar", "digits", str(tmp_path)])
    runpy.run_path(str(SCRIPT), run_name="__main__")
    with open_run(tmp_path / "neurons") as run:
        (source,) = run.store.info.seeds
        assert source.run == str((tmp_path / "cells").resolve())
        assert [r.operator for r in run.store.records() if r.imported] == ["seed"] * len(source.ids)
    lines = capsys.readouterr().out.splitlines()
    assert str(tmp_path / "cells") in lines
    assert str(tmp_path / "neurons") in lines
    assert any("FLOPs" in line for line in lines[lines.index(str(tmp_path / "neurons")) :])
