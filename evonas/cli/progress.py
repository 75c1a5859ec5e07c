"""Progress of long work: a live bar on a terminal, plain lines on a pipe."""

from __future__ import annotations

import time
from collections.abc import Iterable
from typing import Any

import numpy as np
from rich.console import Console, RenderableType
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.text import Text

from evonas.config import RunConfig
from evonas.individual import Evaluation
from evonas.objectives import Objectives
from evonas.report.front import default_reference, front, hypervolume
from evonas.store import Record
from evonas.types import Metrics


class _Bar(Progress):
    """A bar for the trials of a generation, and below it one line for the run."""

    news = ""

    def get_renderables(self) -> Iterable[RenderableType]:
        yield self.make_tasks_table(self.tasks)
        yield Text(self.news, style="dim", overflow="ellipsis", no_wrap=True)


class SearchProgress:
    """An observer of the engine: generation, evaluations a second, front size, hypervolume, time left."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._config = RunConfig()
        self._records: list[Record] = []
        self._objectives = Objectives(())
        self._generation = self._n_done = self._n_failed = 0
        self._begin = self._session = time.monotonic()
        self._bar = _Bar(
            TextColumn("{task.description}"), BarColumn(bar_width=24), MofNCompleteColumn(), TimeElapsedColumn(),
            console=console, transient=True,
        )
        self._task = self._bar.add_task("preparing", total=None)

    def __enter__(self) -> SearchProgress:
        if self._console.is_terminal:
            self._bar.start()
        return self

    def __exit__(self, *exception: object) -> None:
        if self._console.is_terminal:  # else it would print an empty line
            self._bar.stop()

    def begun(self, config: RunConfig, objectives: Objectives, records: list[Record], elapsed: float) -> None:
        """The run is open; ``records`` are the evaluations that it holds already."""
        self._config, self._objectives, self._records = config, objectives, records
        self._generation = max((r.birth for r in records), default=0)
        self._begin = time.monotonic() - elapsed
        self._session = time.monotonic()
        if elapsed and not self._console.is_terminal:
            self._console.print(f"resuming after {len(records)} evaluations, {elapsed:.0f} s", highlight=False)

    def timing(self, n_done: int, n_rounds: int) -> None:
        """Rounds of timing the parts of networks are done, before the run begins."""
        self._bar.update(self._task, description="timing parts of networks", total=n_rounds, completed=n_done)
        if n_done == 0 and not self._console.is_terminal:
            self._console.print("timing parts of networks for the table of latencies", highlight=False)

    def noted(self, sentence: str) -> None:
        """Something about the founders."""
        self._console.print(f"note: {sentence}", markup=False, highlight=False)

    def searching(self, epoch: int, n_epochs: int, metrics: Metrics) -> None:
        """An epoch of the search for a family ended; evaluations a second are counted from its end."""
        self._session = time.monotonic()
        values = ", ".join(f"{name} {value:.4g}" for name, value in metrics.items())
        self._bar.news = values
        self._bar.update(self._task, description="searching for a family", total=n_epochs, completed=epoch)
        if not self._console.is_terminal:
            elapsed = time.monotonic() - self._begin
            self._console.print(f"search, epoch {epoch}/{n_epochs}: {values}, {elapsed:.0f} s", highlight=False)

    def asked(self, generation: int, n_trials: int, n_missing: int) -> None:
        """A generation begins."""
        self._generation = generation
        name = f"generation {generation}/{self._config.generations}"
        self._bar.update(self._task, description=name, total=n_trials, completed=n_trials - n_missing)

    def evaluated(self, evaluation: Evaluation[Any]) -> None:
        """A trial ended."""
        e, elapsed = evaluation, time.monotonic() - self._begin
        self._n_done += 1
        if e.status == "failed":
            self._n_failed += 1
            self._console.print(f"individual {e.id} failed: {e.error}", markup=False, highlight=False)
        self._records.append(
            Record(e.id, e.budget, self._generation, "", (), e.status, dict(e.metrics), e.seconds, elapsed, e.error)
        )
        self._bar.update(self._task, advance=1)

    def told(self) -> None:
        """A generation ended; of its records only the front is still of interest."""
        objectives = self._objectives
        point = default_reference(self._records, objectives)
        members = front(self._records, objectives)
        volume = hypervolume(members, objectives, objectives.reference(point))
        elapsed, limit = time.monotonic() - self._begin, self._config.time_limit
        failed = f", {self._n_failed} failed" if self._n_failed else ""
        rate = self._n_done / max(time.monotonic() - self._session, 1e-9)
        n_left = (self._config.generations - self._generation) * self._config.children
        left = min(n_left / rate if rate else np.inf, np.inf if limit is None else max(0.0, limit - elapsed))
        news = f"front {len(members)}, hypervolume {volume:.4f}, {rate:.2f} evaluations/s{failed}"
        news += f", {left:.0f} s left" if np.isfinite(left) else ""
        self._bar.news = news
        if not self._console.is_terminal:
            head = f"generation {self._generation}/{self._config.generations}"
            self._console.print(f"{head}: {news}, {elapsed:.0f} s", highlight=False)
        kept = {r.id for r in members}
        self._records = [r for r in self._records if r.birth == 0 or r.id in kept]
