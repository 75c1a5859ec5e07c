"""Command ``evonas report``: a run as a page."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from evonas.cli.compare import check_same_data, check_teachers
from evonas.cli.console import say, say_written
from evonas.cli.made_by import made_by
from evonas.cli.options import OUTPUT
from evonas.types import UserError

if TYPE_CHECKING:
    from evonas.report.html import Drawings
    from evonas.types import Json


def report(
    runs: Annotated[list[Path], typer.Argument(help="A run directory, and others to draw beside it.")],
    out: Annotated[
        Path | None, typer.Option(help="File to write [RUN/report.html].", rich_help_panel=OUTPUT)
    ] = None,
    watch: Annotated[
        bool, typer.Option("--watch", help="Serve it here instead, kept up to date.", rich_help_panel=OUTPUT)
    ] = False,
    port: Annotated[
        int, typer.Option(min=0, max=65535, help="For --watch; 0 is any free one.", rich_help_panel=OUTPUT)
    ] = 8321,
) -> None:
    """Write a run as one HTML page that works offline, also while the run goes on."""
    from evonas.report.html import Drawings, render, write
    from evonas.serialization.files import check_ending

    if out is not None:
        check_ending(out, ".html", ".htm")
    drawings = Drawings()
    if watch:
        _serve(lambda: collect_runs(runs, drawings), port)
        return
    path = out or runs[0] / "report.html"
    write(path, render(collect_runs(runs, drawings)))
    say_written(path)


def _serve(collect: Callable[[], Json], port: int) -> None:
    from evonas.report.html.serve import HOST, Feed, make_server

    with make_server(Feed(collect), port) as server:
        say(f"the report is at http://{HOST}:{server.server_port}/ until Ctrl-C")
        with suppress(KeyboardInterrupt):
            server.serve_forever(poll_interval=0.2)


def collect_runs(runs: list[Path], drawings: Drawings) -> Json:
    """Return the contents of the page.

    Raise :class:`UserError` if a run cannot be read, is named twice or does not fit.
    """
    from evonas.report.html import Subject, collect
    from evonas.run.export import formats_of
    from evonas.run.open import open_run
    from evonas.run.presets import described

    if twice := {path for path in runs if [other.resolve() for other in runs].count(path.resolve()) > 1}:
        raise UserError(f"{min(twice)} is named twice: name each run once")
    with ExitStack() as stack:
        opened = {path: stack.enter_context(open_run(path)) for path in runs}
        check_same_data(opened)
        check_teachers(opened, allowed=True)
        subject, *others = (
            Subject(path, run.objectives, run.space, run.store, described(run.config, run.space))
            for path, run in opened.items()
        )
        founders = [source.run for source in subject.store.info.seeds if source.ids]
        made = made_by(opened[subject.path].config, subject.path, founders)
        return collect(subject, others, formats=formats_of(subject.space), drawings=drawings, made_by=made)
