"""Progress of long work: a live bar on a terminal, plain lines on a pipe, no more than one every few seconds."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
from rich.console import Console, RenderableType
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.text import Text

from evonas.config import RunConfig
from evonas.individual import Evaluation
from evonas.objectives import Objectives
from evonas.report.standing import Standing
from evonas.store import Record
from evonas.types import MOST, Metrics

#: Seconds between two plain lines.
PLAIN_INTERVAL = 5.0


class _Bar(Progress):
    """A bar for the trials of a generation, and below it one line for the run."""

    news = ""

    def get_renderables(self) -> Iterable[RenderableType]:
        yield self.make_tasks_table(self.tasks)
        yield Text(self.news, style="dim", overflow="ellipsis", no_wrap=True)


class SearchProgress:
    """An observer of the engine: generation, evaluations a second, front size, hypervolume, time left.

    Args:
        console: Console that shows it.
        each_generation: Print a line at the end of each generation, however short it was, on a stream that is no
            terminal.

    Attributes:
        n_done: Trials of this session that have ended, failed ones included.
        n_failed: Number of evaluations that failed.
        last_error: The error of the last of them.
    """

    def __init__(self, console: Console, *, each_generation: bool = False) -> None:
        self._console = console
        self._config = RunConfig()
        self._standing = Standing(Objectives(()))
        self._n_before = self.n_done = self.n_failed = self._n_trials = self._n_ended = 0
        self.last_error: str | None = None
        self._begin = self._session = time.monotonic()
        self._plain = _PlainLines(
            console, at_once={"search", "generation"}, always={"generation"} if each_generation else set()
        )
        self._bar = _Bar(
            TextColumn("{task.description}"), BarColumn(bar_width=24), MofNCompleteColumn(), TimeElapsedColumn(),
            console=console, transient=True, disable=console.quiet,
        )
        self._task = self._bar.add_task("preparing", total=None)

    def __enter__(self) -> SearchProgress:
        if self._console.is_terminal:
            self._bar.start()
        return self

    def __exit__(self, *exception: object) -> None:
        if self._console.is_terminal:  # else it would print an empty line
            self._bar.stop()
        self._plain.flush()

    def begun(self, config: RunConfig, objectives: Objectives, records: list[Record], elapsed: float) -> None:
        """Called as the run is open.

        Args:
            config: Configuration of the run.
            objectives: Objectives of the run.
            records: Evaluations that it holds already.
            elapsed: Seconds of earlier sessions.
        """
        self._config, self._standing = config, Standing(objectives, records)
        self._n_before = sum(not r.imported for r in records)
        self._begin = time.monotonic() - elapsed
        self._session = time.monotonic()
        if self._n_before:
            self._plain.say(f"resuming after {len(records)} evaluations, {elapsed:.0f} s")

    def timing(self, n_done: int, n_rounds: int) -> None:
        """Rounds of timing the parts of networks are done, before the run begins."""
        self._bar.update(self._task, description="timing parts of networks", total=n_rounds, completed=n_done)
        if n_done == 0:
            self._plain.say("timing parts of networks for the table of latencies")

    def noted(self, sentence: str) -> None:
        """Something about the founders."""
        self._console.print(f"note: {sentence}", markup=False, highlight=False)

    def searching(self, epoch: int, n_epochs: int, metrics: Metrics) -> None:
        """Called as an epoch of the search for a family ends; evaluations a second are counted from its end.

        Args:
            epoch: Number of the epoch.
            n_epochs: Number of all epochs.
            metrics: Metrics of the epoch.
        """
        self._session = time.monotonic()
        values = ", ".join(f"{name} {value:.4g}" for name, value in metrics.items())
        self._bar.news = values
        self._bar.update(self._task, description="searching for a family", total=n_epochs, completed=epoch)
        self._plain.offer("search", lambda: f"search, epoch {epoch}/{n_epochs}: {values}, {self._elapsed:.0f} s")
        if epoch == n_epochs:
            self._plain.flush()

    def asked(self, generation: int, n_trials: int, n_missing: int) -> None:
        """Called as a generation begins.

        Args:
            generation: Number of the generation.
            n_trials: Number of its trials.
            n_missing: Number of trials still to evaluate.
        """
        self._standing.begin(generation)
        self._n_trials, self._n_ended = n_trials, n_trials - n_missing
        self._bar.update(self._task, description=self._head, total=n_trials, completed=n_trials - n_missing)

    def evaluated(self, evaluation: Evaluation[Any]) -> None:
        """A trial ended."""
        e = evaluation
        self.n_done += 1
        self._n_ended += 1
        if e.status == "failed":
            self.n_failed += 1
            self.last_error = e.error
            self._console.print(f"individual {e.id} failed: {e.error}", markup=False, highlight=False)
        self._standing.add(e)
        self._bar.update(self._task, advance=1)
        if self._n_ended < self._n_trials:  # after the last one the generation ends
            self._plain.offer("trials", self._line)

    def told(self) -> None:
        """A generation ended."""
        self._standing.end()
        if self._console.is_terminal:
            self._bar.news = self._news()
        self._plain.offer("generation", self._line)

    def _line(self) -> str:
        """State of the run in one plain line."""
        trials = f", {self._n_ended} of {self._n_trials} trials" if self._n_ended < self._n_trials else ""
        return f"{self._head}{trials}: {self._news()}, {self._elapsed:.0f} s"

    def _news(self) -> str:
        """The front as it was when a generation last ended, the pace, what failed and what is left."""
        news, members = "", self._standing.members
        if members is not None:
            news = f"front {len(members)}, hypervolume {self._standing.hypervolume():.4f}, "
        rate = self.n_done / max(time.monotonic() - self._session, 1e-9)
        failed = f", {self.n_failed} failed" if self.n_failed else ""
        n_left = np.inf
        if self._is_bounded:
            n_left = (self._config.generations - self._standing.generation) * self._config.children
        if (most := self._config.evaluations) is not None:
            n_left = min(n_left, most - self._n_before - self.n_done - self._n_trials + self._n_ended)
        limit = np.inf if self._config.time_limit is None else max(0.0, self._config.time_limit - self._elapsed)
        left = min(max(0, n_left + self._n_trials - self._n_ended) / rate if rate else np.inf, limit)
        time_left = f", {left:.0f} s left" if np.isfinite(left) else ""
        return f"{news}{rate:.2f} evaluations/s{failed}{time_left}"

    @property
    def _head(self) -> str:
        if (most := self._config.evaluations) is not None:
            return f"evaluation {self._n_before + self.n_done}/{most}"
        of = f"/{self._config.generations}" if self._is_bounded else ""
        return f"generation {self._standing.generation}{of}"

    @property
    def _is_bounded(self) -> bool:
        """Whether the run ends by a number of generations: else the time ends it."""
        return self._config.generations < MOST

    @property
    def _elapsed(self) -> float:
        return time.monotonic() - self._begin


class _PlainLines:
    """Lines for a stream that is no terminal: one every few seconds, and the last.

    Args:
        console: Console that prints them.
        at_once: Kinds of lines of which the first is printed when it comes.
        always: Kinds of which all are printed.
    """

    def __init__(self, console: Console, *, at_once: set[str], always: set[str]) -> None:
        self._console = console
        self._at_once, self._always = at_once, always
        self._waiting: Callable[[], str] | None = None
        self._printed = time.monotonic()

    def say(self, line: str) -> None:
        """Print it now."""
        if not self._console.is_terminal:
            self._console.print(line, markup=False, highlight=False)
            self._printed = time.monotonic()

    def offer(self, kind: str, line: Callable[[], str]) -> None:
        """Print it if it is time, else keep it until a newer one comes."""
        self._waiting = line
        if kind in self._at_once | self._always or time.monotonic() - self._printed >= PLAIN_INTERVAL:
            self.flush()
        self._at_once.discard(kind)

    def flush(self) -> None:
        """Print what still waits."""
        if self._waiting is not None:
            self.say(self._waiting())
        self._waiting = None
