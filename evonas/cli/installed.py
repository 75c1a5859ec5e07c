"""evonas datasets, evonas spaces: what there is to work with."""

from __future__ import annotations

from typing import Annotated

import typer

from evonas.cli.console import make_console, say
from evonas.cli.options import DataRoot

datasets = typer.Typer(invoke_without_command=True)


@datasets.callback()
def list_datasets(context: typer.Context, data_root: DataRoot = None) -> None:
    """The data sets there are, and what is missing to use them."""
    if context.invoked_subcommand is not None:
        return
    from evonas.data import catalogue
    from evonas.report.tables import Column, table

    entries, console = catalogue(root=data_root), make_console()
    columns = [
        Column("name", [e.name for e in entries], numbers=False),
        Column("task", [e.task.kind for e in entries], numbers=False, secondary=True),
        Column("input", [" x ".join(map(str, e.task.input_shape)) for e in entries]),
        Column("outputs", [str(e.task.n_outputs) for e in entries], secondary=True),
        Column("train", [str(e.n_train) for e in entries]),
        Column("test", [str(e.n_test) for e in entries]),
        Column("found", ["no" if e.missing else str(e.folder or "embedded") for e in entries], numbers=False),
    ]
    console.print(table(columns, width=console.width))
    for entry in entries:
        if text := entry.missing or entry.note:
            say(text if entry.missing else f"{entry.name}: {text}")


@datasets.command()
def fetch(
    name: Annotated[str, typer.Argument(help="mnist or fashion-mnist.")],
    data_root: DataRoot = None,
    url: Annotated[str | None, typer.Option(help="Base address of a mirror [the publisher's].")] = None,
) -> None:
    """Download a data set, and verify it."""
    from evonas.data import fetch as download

    say(f"{name} is in {download(name, root=data_root, url=url)}, verified")


def spaces(
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="Also what each would run on.")] = False,
) -> None:
    """The installed search spaces."""
    from evonas.plugins import available_spaces, create_space
    from evonas.report.tables import Column, table
    from evonas.training import Trainable
    from evonas.types import Task

    points = dict(sorted(available_spaces().items()))
    columns = [
        Column("name", list(points), numbers=False),
        Column("from", [point.value for point in points.values()], numbers=False),
    ]
    if verbose:
        task = Task("classification", (1, 8, 8), 10)  # any will do
        built = [create_space(name, task, {}) for name in points]
        backends = [space.backend if isinstance(space, Trainable) else "plain torch loop" for space in built]
        columns.append(Column("runs on", backends, numbers=False))
    make_console().print(table(columns))
