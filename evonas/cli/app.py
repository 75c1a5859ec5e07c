"""The typer application, and what every command shares."""

from __future__ import annotations

import sys
import warnings

import typer
from rich.console import Console

from evonas.cli import final, inspect, search
from evonas.types import UserError

app = typer.Typer(
    no_args_is_help=True, pretty_exceptions_enable=False, add_completion=False,
    help="Evolutionary, multi-objective, neuron-level neural architecture search.",
)
for command in (
    search.evolve, search.resume, inspect.front, inspect.show, final.retrain, final.export, inspect.datasets,
    inspect.spaces,
):
    app.command()(command)


def main() -> None:
    """Entry point: turns bad input into one sentence and exit code 2."""
    errors = Console(stderr=True)
    def show_warning(message: Warning | str, *_: object, **__: object) -> None:
        errors.print(f"note: {message}", markup=False, highlight=False, soft_wrap=True)

    warnings.showwarning = show_warning
    try:
        app()
    except UserError as error:
        errors.print(f"error: {error}", markup=False, highlight=False, soft_wrap=True)
        sys.exit(2)

