"""evonas report: the file, the server, and what is refused."""

from __future__ import annotations

import http.client
import json
import re
import socket
import sqlite3
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import Result

from evonas.cli.report import collect_runs
from evonas.report.html import Drawings
from evonas.report.html.serve import Feed, make_server
from evonas.report.population import replay
from evonas.run.open import open_run

Evonas = Callable[..., Result]


def data_of(page: Path) -> Any:
    found = re.search(r'<script type="application/json" id="data">(.*?)</script>', page.read_text(), re.DOTALL)
    assert found is not None
    return json.loads(found[1])


def test_report_writes_one_page_into_the_run(evonas: Evonas, run: Path) -> None:
    result = evonas("report", run)
    assert result.exit_code == 0, result.output
    assert "report.html" in result.stdout
    data = data_of(run / "report.html")
    assert len(data["evaluations"]["id"]) == 14
    front = [row.split(",")[0] for row in evonas("front", run, "--csv").stdout.splitlines()[1:]]
    assert [str(data["evaluations"]["id"][row]) for row in data["front"]] == front
    assert set(data["drawings"]) == set(front)
    text = evonas("front", run).stdout
    assert f"knee {data['evaluations']['id'][data['knee']]}" in text
    assert f"hypervolume {data['hypervolume']['curves'][0]['value'][-1]:.4f}" in text


def test_the_population_is_replayed_as_the_searcher_left_it(finished: Path) -> None:
    with open_run(finished) as run:
        config, state = run.config, run.store.state
        history = replay(
            run.store.records(), run.objectives, rungs=config.budgets, survival=config.survival, size=config.population
        )
    assert [[r.id, r.budget] for r in history[-1].members] == [list(key) for key in state["population"]]


def test_further_runs_are_drawn_beside_it(evonas: Evonas, run: Path, settings: Path) -> None:
    options = ["--generations", 0, "--epochs", 1, "--population", 2]
    evonas("evolve", settings, *options, "--searcher", "random", "--out", "other")
    assert evonas("report", run, "other", "--out", "page.html").exit_code == 0
    data = data_of(Path("page.html"))
    assert [other["name"] for other in data["others"]] == ["other"]
    assert [curve["name"] for curve in data["hypervolume"]["curves"]] == ["run", "other"]
    evonas("evolve", settings, *options, "--objectives", "val_loss,edges", "--out", "strange")
    result = evonas("report", run, "strange")
    assert result.exit_code == 2
    assert "strange has other objectives than" in result.output


def test_a_run_without_an_evaluation_has_a_page(evonas: Evonas, settings: Path) -> None:
    evonas("evolve", settings, "--time-limit", 0.001, "--out", "r")
    with sqlite3.connect("r/run.db") as database:
        database.execute("DELETE FROM evaluations")
        database.execute("DELETE FROM states")
    assert evonas("report", "r").exit_code == 0
    data = data_of(Path("r/report.html"))
    assert data["front"] == []
    assert data["knee"] is None


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["nowhere"], "nowhere is not a run"),
        (["{run}", "--out", "no/folder/page.html"], "cannot write the report no/folder/page.html"),
        (["{run}", "{run}"], "is named twice"),
        (["{run}", "--watch", "--port", "{used}"], "is in use: give another with --port"),
    ],
)
def test_bad_input_is_one_sentence(evonas: Evonas, run: Path, arguments: list[str], sentence: str) -> None:
    with socket.socket() as used:
        used.bind(("127.0.0.1", 0))
        used.listen()
        port = used.getsockname()[1]
        result = evonas("report", *(text.format(run=run, used=port) for text in arguments))
    assert result.exit_code == 2
    assert sentence in result.output
    assert len(result.output.splitlines()) == 1


@pytest.fixture
def address(run: Path) -> Iterator[int]:
    with make_server(Feed(lambda: collect_runs([run], Drawings())), 0) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server.server_port
        server.shutdown()
        thread.join()


def ask(port: int, path: str, *, method: str = "GET", host: str | None = None) -> tuple[int, bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", port)
    connection.request(method, path, headers={} if host is None else {"Host": host})
    answer = connection.getresponse()
    return answer.status, answer.read()


def test_the_server_gives_the_page_and_nothing_else(address: int, run: Path) -> None:
    assert ask(address, "/")[1].startswith(b"<!DOCTYPE html>")
    assert json.loads(ask(address, "/version.json")[1]) == [[14, 0]]
    for path in ("/run.db", "/../run.db", "/weights", "/%2e%2e/run.db", f"/{run}/run.db", "//etc/passwd", "/?x"):
        assert ask(address, path)[0] == 404
    assert ask(address, "/", method="POST")[0] == 501
    assert ask(address, "/", host="evil.example")[0] == 403


def test_a_run_is_not_read_more_often_than_it_can_bear() -> None:
    clock, looks = [0.0], list[float]()

    def collect() -> str:
        looks.append(clock[0])
        clock[0] += 3.0  # a large run takes a while
        return f"look {len(looks)}"

    feed = Feed(collect, clock=lambda: clock[0])
    assert feed.newest() == "look 1"
    clock[0] = 38.9
    assert feed.newest() == "look 1"
    clock[0] = 39.0
    assert feed.newest() == "look 2"
