"""A small run shared by all tests that only read, and the command line as a function."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, TypeAlias

import pytest
from typer.testing import CliRunner, Result

from evonas.cli.app import app
from evonas.run.open import open_run

#: Calls ``evonas`` with arguments; each is turned into text.
Evonas: TypeAlias = Callable[..., Result]
#: Asserts that ``evonas`` with arguments is refused.
Refused: TypeAlias = Callable[..., None]
#: What a browser needs in a container.
CHROMIUM = ["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking",
            "--disable-component-update", "--disable-sync"]

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
                lineage = (r.id, r.budget, r.generation, r.operator, r.parents)
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


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    api = pytest.importorskip("playwright.sync_api", reason="the report is tested with playwright")
    found = [path for name in ("chromium", "chromium-browser", "google-chrome") if (path := shutil.which(name))]
    if not found:
        pytest.skip("there is no Chromium to test the report in: install the package chromium")
    with api.sync_playwright() as play:
        chromium = play.chromium.launch(executable_path=found[0], args=CHROMIUM, timeout=120_000)
        yield chromium
        chromium.close()


@pytest.fixture
def open_page(browser: Any) -> Iterator[Callable[..., Any]]:
    """Opens a file, at a fragment and on a screen of some size; what the page complains of fails the test."""
    complaints: list[str] = []
    contexts: list[Any] = []

    def opened(address: Path, fragment: str = "", **screen: Any) -> Any:
        contexts.append(browser.new_context(**{"viewport": {"width": 1400, "height": 1000}, **screen}))
        contexts[-1].set_default_timeout(60_000)
        page = contexts[-1].new_page()
        page.on("console", lambda message: complaints.append(message.text))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("request", lambda request: request.url.startswith(("file:", "data:")) or complaints.append(request.url))
        page.goto(address.resolve().as_uri() + fragment)
        return page

    yield opened
    for context in contexts:
        context.close()
    assert complaints == []


@pytest.fixture
def report(evonas: Evonas, finished: Path, tmp_path: Path) -> Path:
    assert evonas("report", finished, "--out", tmp_path / "page.html").exit_code == 0
    return tmp_path / "page.html"
