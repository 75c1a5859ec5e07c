"""Searches of cells beside their baselines, on a small setting: python -m scripts.benchmarks.cells COMMAND

Fashion-MNIST, 4 000 training images, 3 cells of 8 channels, the first on 14 x 14 pixels; smaller for ``evolution``. One
seed takes minutes. COMMAND.json and .md, and a plot, are written to ``--out`` as cells-COMMAND; if the command is
killed, the same command continues.
"""

from pathlib import Path
from typing import Annotated

import typer

from evonas.cli.failing import exit_codes
from scripts.benchmarks.cells.collapse import run_collapse
from scripts.benchmarks.cells.curve import run_curve
from scripts.benchmarks.cells.evolution import run_evolution
from scripts.benchmarks.cells.table import run_kappa, run_table

WarmStart = Annotated[int, typer.Option(min=1, help="Searches of each kind.")]
Out = Annotated[Path, typer.Option(help="Folder of the searches and the results.")]
Seconds = Annotated[float, typer.Option(min=1, help="Wall-clock of each run.")]
OUT = Path("runs/benchmarks")
app = typer.Typer(help=__doc__, no_args_is_help=True, add_completion=False)


@app.command()
@exit_codes()
def table(seeds: WarmStart = 3, out: Out = OUT) -> None:
    """Compare the vector hypernetwork's networks at the published penalties."""
    run_table(out / "cells-table", seeds)


@app.command()
@exit_codes()
def kappa(seeds: WarmStart = 3, out: Out = OUT) -> None:
    """The table for three weights of the charge, and with the published temperature between references."""
    run_kappa(out / "cells-kappa", seeds)


@app.command()
@exit_codes()
def curve(seeds: WarmStart = 3, out: Out = OUT) -> None:
    """Compare the scalar hypernetwork along lambda with DARTS and as many random cells."""
    run_curve(out / "cells-curve", seeds)


@app.command()
@exit_codes()
def collapse(seeds: WarmStart = 3, out: Out = OUT) -> None:
    """Run DARTS on the cell of NAS-Bench-201, with remedies and without: skips among its edges, epoch by epoch."""
    run_collapse(out / "cells-collapse", seeds)


@app.command()
@exit_codes()
def evolution(seeds: WarmStart = 3, out: Out = OUT, seconds: Seconds = 100) -> None:
    """Compare evolution from a hypernetwork's family, evolution from random cells, and random search in equal time."""
    run_evolution(out / "cells-evolution", seeds, seconds)


if __name__ == "__main__":
    app()
