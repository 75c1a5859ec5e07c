"""Progress bar of a download."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn


class DownloadBar:
    """Progress of each file that :func:`evonas.data.fetch` reports, as a bar."""

    def __init__(self, bar: Progress, name: str) -> None:
        self._bar = bar
        self._task = bar.add_task(f"downloading {name}", total=None)
        self._total = 0

    @property
    def total(self) -> int:
        """Bytes of the file, 0 if the server does not say; a new number begins a new file, or the same again."""
        return self._total

    @total.setter
    def total(self, n_bytes: int) -> None:
        self._total = n_bytes
        self._bar.reset(self._task, total=n_bytes or None)

    def update(self, n_bytes: int) -> None:
        """Advance the bar by some bytes."""
        self._bar.update(self._task, advance=n_bytes)

    def reset(self) -> None:
        """Restart the count."""
        self._bar.reset(self._task)

    def close(self) -> None:
        """Mark the file as complete."""


@contextmanager
def download_bar(console: Console, name: str) -> Iterator[DownloadBar]:
    """Show a bar on a terminal, and nothing elsewhere."""
    columns = TextColumn("{task.description}"), BarColumn(bar_width=24), DownloadColumn(), TransferSpeedColumn()
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        yield DownloadBar(bar, name)
