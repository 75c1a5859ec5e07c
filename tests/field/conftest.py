"""The command line in an empty folder, for inputs as users have them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias

import pytest
from typer.testing import CliRunner, Result

from evonas.cli.app import app

#: Calls ``evonas`` with arguments, each turned into text, and asserts that it succeeds.
Evonas: TypeAlias = Callable[..., Result]


@pytest.fixture(autouse=True)
def a_user_without_data_in_an_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("EVONAS_DATA", raising=False)
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "user"))
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def evonas() -> Evonas:
    def call(*arguments: object, code: int = 0) -> Result:
        result = CliRunner().invoke(app, [str(argument) for argument in arguments])
        assert result.exit_code == code, result.output
        return result

    return call


@pytest.fixture
def evolve(evonas: Evonas) -> Evonas:
    """A small search on a data set, in the directory ``r``."""

    def call(dataset: str, *arguments: object, epochs: int = 40) -> Result:
        numbers = ("--population", 4, "--children", 2, "--generations", 1, "--epochs", epochs)
        return evonas("evolve", "--dataset", dataset, *numbers, "--out", "r", *arguments)

    return call
