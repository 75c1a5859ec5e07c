"""The typer application, and what every command shares."""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperCommand, TyperGroup

import evonas
from evonas.cli import compare, final, individual, inspect, installed, predict, report, sample, search
from evonas.cli.failing import exit_codes, written_output


class Commands(TyperGroup):
    """Every command ends in an exit code, see :mod:`evonas.cli.failing`."""

    def invoke(self, ctx: Any) -> Any:
        """Run the command that the line names; typer handles bad usage itself."""
        with exit_codes():
            return super().invoke(ctx)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"evonas {evonas.__version__}")
        raise typer.Exit()


class Command(TyperCommand):
    """Every path of the command line is expanded here, and nowhere else."""

    def invoke(self, ctx: Any) -> Any:
        """Run the command: a shell leaves ``--out=~/x`` as it is."""
        ctx.params = {name: _expanded(value) for name, value in ctx.params.items()}
        return super().invoke(ctx)


def _expanded(value: Any) -> Any:
    if isinstance(value, list | tuple):
        return [_expanded(each) for each in value]
    return Path(os.path.expanduser(value)) if isinstance(value, Path) else value


app = typer.Typer(
    cls=Commands, no_args_is_help=True, pretty_exceptions_enable=False, add_completion=False,
    rich_markup_mode="markdown",  # rich's own markup would swallow [defaults]
)


@app.callback()
def options(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    """Evolutionary, multi-objective, neuron-level neural architecture search."""


for command in (
    search.evolve, search.seed, search.resume, inspect.front, individual.show, individual.lineage, report.report,
    compare.compare, sample.sample, final.retrain, final.measure, final.export, predict.predict,
):
    app.command(cls=Command)(command)
app.add_typer(installed.datasets, name="datasets")
app.command()(installed.spaces)


def main() -> None:
    """Run the command line. What an encoding lacks is printed as an escape."""
    for stream in (sys.stdout, sys.stderr):
        with suppress(AttributeError):  # in the place of a stream there may be anything
            stream.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]
    with written_output():
        app()
