"""A small run shared by all tests that only read, and the command line as a function."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeAlias

import pytest
from typer.testing import CliRunner, Result

from evonas.cli.app import app
from evonas.opened import open_run

#: Calls ``evonas`` with arguments; each is turned into text.
Evonas: TypeAlias = Callable[..., Result]
#: Asserts that ``evonas`` with arguments is refused.
Refused: TypeAlias = Callable[..., None]

SETTINGS = """
dataset = "digits"
population = 6
children = 4
generations = 2
epochs = 20
seed = 3
[space_options]
edges = [64, 600]
"""


@pytest.fixture(autouse=True)
def a_user_without_data_in_an_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("EVONAS_DATA", raising=False)
    for variable in ("XDG_DATA_HOME", "LOCALAPPDATA"):
        monkeypatch.setenv(variable, str(tmp_path / "user"))
    monkeypatch.chdir(tmp_path)


def call(*arguments: object) -> Result:
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


@pytest.fixture
def evonas() -> Evonas:
    return call


@pytest.fixture(scope="session")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A configuration whose run takes a second or two."""
    path = tmp_path_factory.mktemp("settings") / "run.toml"
    path.write_text(SETTINGS)
    return path


@pytest.fixture(scope="session")
def finished(settings: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The run of ``settings`` with one worker, never interrupted; not to be changed."""
    directory = tmp_path_factory.mktemp("runs") / "finished"
    result = call("evolve", settings, "--out", directory)
    assert result.exit_code == 0, result.output
    return directory


@pytest.fixture
def run(finished: Path, tmp_path: Path) -> Path:
    """A copy of ``finished`` that a test may write to and damage."""
    return Path(shutil.copytree(finished, tmp_path / "run"))


@pytest.fixture
def best(finished: Path, evonas: Evonas) -> int:
    """The member of the front with the most FLOPs."""
    return int(evonas("front", finished, "--csv").stdout.splitlines()[-1].split(",")[0])


@pytest.fixture(scope="session")
def contents() -> Callable[[Path], Sequence[tuple[Any, ...]]]:
    """Everything that a run found out, bit for bit and in order of id, without times."""

    def read(directory: Path) -> Sequence[tuple[Any, ...]]:
        rows = []
        with open_run(directory) as run:
            store = run.store
            for r in sorted(store.records()):
                weights = store.weights(r.id, r.budget)
                parameters = None if weights is None else {name: w.tobytes() for name, w in sorted(weights.items())}
                lineage = (r.id, r.budget, r.birth, r.operator, r.parents)
                rows.append((*lineage, r.status, r.metrics, r.error, store.member(r.id).genotype.digest, parameters))
            return [*rows, store.state]

    return read


@pytest.fixture
def refused(evonas: Evonas, tmp_path: Path) -> Refused:
    """Asserts that a command is refused with one sentence that matches ``message``, and changes no file."""

    def check(*arguments: object, message: str) -> None:
        before = _files(tmp_path)
        result = evonas(*arguments)
        assert result.exit_code == 2, result.output
        assert result.exception is None or isinstance(result.exception, SystemExit), result.exc_info
        (line,) = result.stderr.splitlines()
        assert line.startswith("error: ")
        assert re.search(message, line), line
        assert _files(tmp_path) == before

    return check


def _files(folder: Path) -> dict[str, bytes | None]:
    """Every path below, with its content; SQLite's and the lock's own side files come and go with readers."""
    paths = [p for p in sorted(folder.rglob("*")) if not p.name.endswith(("-wal", "-shm", ".lock"))]
    return {str(path): path.read_bytes() if path.is_file() else None for path in paths}
