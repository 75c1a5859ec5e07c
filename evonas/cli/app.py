"""Typer application: every command, in the panels of the help."""

from __future__ import annotations

import sys
from contextlib import suppress
from typing import Annotated

import typer

import evonas
from evonas.cli import (
    compare,
    final,
    front,
    individual,
    installed,
    measure,
    predict,
    report,
    sample,
    score,
    search,
    targets,
)
from evonas.cli.commands import CONTEXT, Application, Command
from evonas.cli.failing import written_output

#: Commands by their panel of the help.
PANELS = {
    "Search": (search.evolve, search.seed, search.resume),
    "Look": (
        front.front, individual.show, individual.lineage, report.report, compare.compare, sample.sample, score.score,
    ),
    "Take away": (final.retrain, measure.measure, final.export, predict.predict),
    "What there is": (installed.spaces, installed.searchers, installed.metrics, targets.targets),
}


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"evonas {evonas.__version__}")
        raise typer.Exit()


app = typer.Typer(
    cls=Application, no_args_is_help=True, pretty_exceptions_enable=False, context_settings=CONTEXT,
    rich_markup_mode="markdown",  # rich's own markup would swallow [defaults]
)


@app.callback()
def options(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    """Evolutionary, multi-objective, neuron-level neural architecture search."""


for panel, commands in PANELS.items():
    for command in commands:
        app.command(cls=Command, rich_help_panel=panel)(command)
app.add_typer(installed.datasets, name="datasets", rich_help_panel="What there is")


def main() -> None:
    """Run the command line; characters that an encoding lacks are printed as escapes."""
    for stream in (sys.stdout, sys.stderr):
        with suppress(AttributeError):  # a stream may have been replaced by another object
            stream.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]
    with written_output():
        app()
