"""Progress on a pipe: a line every few seconds, the first at once, the last always; nothing with --quiet."""

from __future__ import annotations

import io
from types import SimpleNamespace
from typing import Any

import pytest

from evonas.cli.console import Console
from evonas.config import RunConfig
from evonas.individual import Evaluation
from evonas.objectives import parse_objectives
from evonas.run import progress
from evonas.run.progress import PLAIN_INTERVAL, SearchProgress
from tests.evonas.cli.conftest import Evonas

SMALL = ["--population", 2, "--children", 1, "--generations", 1, "--epochs", 1, "--n-train", 100]


class Clock:
    """A time that passes only when it is told to."""

    def __init__(self) -> None:
        self.now = 100.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(progress, "time", SimpleNamespace(monotonic=clock.monotonic))
    return clock


class Session:
    """A search as its observer sees it."""

    def __init__(self, clock: Clock, *, generations: int, children: int, **console: Any) -> None:
        self._clock, self._file, self._id = clock, io.StringIO(), 0
        self.observer = SearchProgress(Console(file=self._file, width=200, **console))
        self._children = children
        names = ["val_error", "flops"]
        config = RunConfig(generations=generations, children=children)
        self.observer.begun(config, parse_objectives(names, (), names), [], 0.0)

    def generation(self, number: int, seconds: float, *, status: Any = "ok") -> None:
        """All trials of a generation, which take ``seconds`` each."""
        self.observer.asked(number, self._children, self._children)
        for _ in range(self._children):
            self._clock.now += seconds
            metrics = {"val_error": 1 / (2 + self._id), "flops": 10.0 + self._id} if status == "ok" else {}
            error = None if status == "ok" else "RuntimeError: out of luck"
            self.observer.evaluated(Evaluation(self._id, 1, status, metrics, seconds, error))
            self._id += 1
        self.observer.told()

    @property
    def lines(self) -> list[str]:
        return self._file.getvalue().splitlines()


def test_many_short_generations_give_a_line_every_few_seconds_and_the_last(clock: Clock) -> None:
    session = Session(clock, generations=200, children=4)
    begin = clock.now
    with session.observer:
        for number in range(201):
            session.generation(number, 0.05)
        passed = clock.now - begin
    assert session.lines[0].startswith("generation 0/200: front 4, hypervolume")
    assert session.lines[-1].startswith("generation 200/200: front")
    assert passed / PLAIN_INTERVAL - 1 <= len(session.lines) <= passed / PLAIN_INTERVAL + 3
    assert all("front" in line for line in session.lines)


def test_a_long_generation_is_heard_of_while_it_goes_on(clock: Clock) -> None:
    session = Session(clock, generations=1, children=4)
    with session.observer:
        session.generation(0, 2.0)
        session.generation(1, 2 * PLAIN_INTERVAL)
    assert [line.split(":")[0] for line in session.lines] == [
        "generation 0/1, 3 of 4 trials", "generation 0/1", "generation 1/1, 1 of 4 trials",
        "generation 1/1, 2 of 4 trials", "generation 1/1, 3 of 4 trials", "generation 1/1",
    ]
    assert "s left" in session.lines[2]


def test_an_interrupt_leaves_the_last_state(clock: Clock) -> None:
    session = Session(clock, generations=9, children=2)
    with session.observer:  # which ends as after an interrupt
        for number in range(3):
            session.generation(number, 0.1)
    assert [line.split(":")[0] for line in session.lines] == ["generation 0/9", "generation 2/9"]


def test_epochs_of_a_search_for_a_family_are_as_rare_and_the_last_is_told(clock: Clock) -> None:
    session = Session(clock, generations=1, children=2)
    for epoch in range(1, 101):
        clock.now += 0.2
        session.observer.searching(epoch, 100, {"loss": 1 / epoch})
    assert session.lines[0].startswith("search, epoch 1/100: loss 1,")
    assert session.lines[-1].startswith("search, epoch 100/100: loss 0.01,")
    assert len(session.lines) <= 100 * 0.2 / PLAIN_INTERVAL + 2


def test_a_quiet_console_prints_nothing_and_failures_are_counted(clock: Clock) -> None:
    session = Session(clock, generations=1, children=2, quiet=True)
    with session.observer:
        session.generation(0, 9.0)
        session.generation(1, 9.0, status="failed")
    assert session.lines == []
    assert (session.observer.n_done, session.observer.n_failed) == (4, 2)
    assert session.observer.last_error == "RuntimeError: out of luck"


# -- --quiet


@pytest.mark.parametrize("option", ["--quiet", "-q"])
def test_a_quiet_search_prints_where_the_run_is_and_no_more(evonas: Evonas, option: str) -> None:
    result = evonas("evolve", *SMALL, "--out", "r", option)
    assert result.exit_code == 0, result.output
    assert (result.stdout, result.stderr) == ("The run is complete: r\n", "")
    again = evonas("resume", "r", "--generations", 2, option)
    assert (again.stdout, again.stderr) == ("The run is complete: r\n", "")
    limited = evonas("seed", "--method", "random", "--members", 2, "--epochs", 1, "--n-train", 100, "--time-limit",
                     0.001, "--out", "s", option)
    assert limited.stdout == "The time limit is reached: s; go on with: evonas resume s --time-limit 0.002\n"


def test_a_quiet_search_still_says_what_went_wrong(evonas: Evonas) -> None:
    refused = evonas("evolve", "--quiet", "--dataset", "digit", "--out", "r")
    assert (refused.exit_code, refused.stdout) == (2, "")
    assert refused.stderr.startswith("error: ")


def test_a_quiet_retraining_prints_the_table_only(evonas: Evonas, run: Any, best: int) -> None:
    result = evonas("retrain", run, "--ids", best, "--seeds", 1, "--epochs", 1, "--quiet")
    assert result.exit_code == 0, result.output
    assert "individual" not in result.stdout
    assert "test_accuracy" in result.stdout
