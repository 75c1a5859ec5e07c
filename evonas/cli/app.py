"""The typer application, and what every command shares."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

import evonas
from evonas.cli import compare, final, individual, inspect, installed, report, sample, search
from evonas.cli.console import say_aside
from evonas.cli.interruption import exit_code, signals_interrupt
from evonas.types import UserError


class Commands(TyperGroup):
    """Every command ends in an exit code: 2 with one sentence for bad input, 130 when it was interrupted."""

    def invoke(self, ctx: Any) -> Any:
        """Run the command that the line names; typer handles bad usage itself."""
        with exit_codes():
            return super().invoke(ctx)


@contextmanager
def exit_codes() -> Iterator[None]:
    """Turns errors into exits, warnings into notes; for scripts, too."""
    with warnings.catch_warnings(), signals_interrupt():
        warnings.showwarning = _show_warning
        try:
            yield
        except UserError as error:
            say_aside("error: " + " ".join(line.strip() for line in str(error).splitlines()))  # SQLite quotes lines
            raise typer.Exit(2) from None
        except KeyboardInterrupt as interrupt:
            say_aside("interrupted")
            raise typer.Exit(exit_code(interrupt)) from None


def _show_warning(message: Warning | str, *_: object, **__: object) -> None:
    say_aside(f"note: {message}")


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"evonas {evonas.__version__}")
        raise typer.Exit()


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
    compare.compare, sample.sample, final.retrain, final.measure, final.export,
):
    app.command()(command)
app.add_typer(installed.datasets, name="datasets")
app.command()(installed.spaces)


def main() -> None:
    """Entry point of the program."""
    app()
