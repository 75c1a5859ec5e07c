"""Command line of the benchmark."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Sequence
from contextlib import nullcontext
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, Any

import torch
import typer
from rich.console import Console
from rich.progress import Progress

from evonas.cli.options import parse_names
from evonas.serialization.files import write_output
from evonas.types import suggestion
from search_spaces.neuron.trainer.native import available, instruction_set

from . import cells, tables
from .memory import peak_memory
from .networks import SHAPES
from .packages import INSTALL
from .peers import compare, compare_steps, machine
from .throughput import throughput

QUICK_SECONDS, FULL_SECONDS, PEER_ROUNDS, N_CANDIDATES = 6.0, 8.0, 7, 24


def main(
    quick: Annotated[bool, typer.Option(help="Only the cells that have a target; under two minutes.")] = False,
    peers: Annotated[
        bool, typer.Option(help="A dense network of the same size, sparselab and SparseProp, and the machine's peak.")
    ] = False,
    search: Annotated[bool, typer.Option(help="Candidates trained a minute.")] = False,
    memory: Annotated[bool, typer.Option(help="Peak memory of a network of 1 000 000 edges.")] = False,
    shape: Annotated[list[str] | None, typer.Option(help="S, M or L, like S,M; may be repeated.")] = None,
    density: Annotated[list[float] | None, typer.Option(help="Share of possible edges; may be repeated.")] = None,
    batch: Annotated[list[int] | None, typer.Option(help="Samples a step; may be repeated.")] = None,
    threads: Annotated[list[int] | None, typer.Option(help="Threads, or candidates at once; may be repeated.")] = None,
    seconds: Annotated[float | None, typer.Option(help="What a cell should take [6 if quick, else 8].")] = None,
    data_root: Annotated[Path | None, typer.Option(help="Folder of the data sets [$EVONAS_DATA].")] = None,
    json_file: Annotated[
        Path | None, typer.Option("--json", help="Write the rows of the cells here, and what --peers finds.")
    ] = None,
) -> None:
    """Measure the speed of training. Without --quick, --peers, --search or --memory: all cells, half an hour."""
    console = Console() if Console().is_terminal else Console(width=120)
    isa = f"native {instruction_set()}" if available() else "native trainer not built"
    load, n_cores = os.getloadavg()[0], os.cpu_count()
    console.print(f"torch {torch.__version__}, {isa}, {platform.machine()}, {n_cores} cores", highlight=False)
    if load > 1:
        console.print(f"Other programs are at work (load {load:.1f}): mistrust what needs more than one thread.")
    selected = any(option is not None for option in (shape, density, batch, threads))
    document: Any = None
    if quick or selected or (json_file and not peers) or not (peers or search or memory):
        chosen = list(cells.TARGETS) if quick else _sweep(parse_names(shape), density, batch, threads)
        rows = _measure(console, chosen, seconds or (QUICK_SECONDS if quick else FULL_SECONDS))
        document = [row._asdict() for row in rows]
    if peers:
        found = _compare(console, seconds or FULL_SECONDS)
        document = found if document is None else {"cells": document, **found}
    if json_file:
        write_output(json_file, (json.dumps(document, indent=1) + "\n").encode())
    if search:
        console.print(tables.throughput_table(*throughput(data_root, N_CANDIDATES)))
    if memory:
        console.print(tables.memory_line(peak_memory()), highlight=False)


def _compare(console: Console, seconds: float) -> dict[str, Any]:
    """Print the machine and the peers, and return what was measured.

    Args:
        console: Prints.
        seconds: Time of each cell.
    """
    here = machine()
    console.print(tables.machine_line(here), highlight=False)
    for package, command in INSTALL.items():
        if find_spec(package) is None:
            console.print(f"{package} is not installed; to compare with it: {command}", markup=False)
    native, found = compare(PEER_ROUNDS)
    console.print(tables.peer_table(native, found, here.peak_gflops))
    rows = compare_steps(seconds, lambda rows: console.print(tables.cell_line(rows), highlight=False, soft_wrap=True))
    console.print(tables.step_table(rows, here.peak_gflops))
    return {
        "machine": here._asdict(), "native_seconds": native, "epochs": [peer._asdict() for peer in found],
        "steps": [row._asdict() for row in rows],
    }


def _sweep(
    shape: Sequence[str] | None, density: Sequence[float] | None, batch: Sequence[int] | None,
    threads: Sequence[int] | None,
) -> list[cells.Cell]:
    for name in shape or ():
        if name not in SHAPES:
            raise typer.BadParameter(f"unknown shape {name!r}{suggestion(name, SHAPES)}")
    for share in density or ():
        if not 0 < share <= 1:
            raise typer.BadParameter(f"expected a density in (0, 1], got {share}")
    for number in (*(batch or ()), *(threads or ())):
        if number < 1:
            raise typer.BadParameter(f"expected positive numbers of samples and threads, got {number}")
    return cells.sweep(shape or SHAPES, density or cells.DENSITIES, batch or cells.BATCHES, threads or cells.THREADS)


def _measure(console: Console, chosen: Sequence[cells.Cell], seconds: float) -> list[cells.Row]:
    """Measure, show progress, print the table.

    Args:
        console: Prints.
        chosen: The combinations.
        seconds: Time of each.
    """
    peak = cells.peak_gflops()
    rows: list[cells.Row] = []
    progress = Progress(console=console, transient=True) if console.is_terminal else None
    with progress or nullcontext():
        task = progress.add_task("cells", total=len(chosen)) if progress else None
        for cell in chosen:
            found = cells.measure(cell, seconds=seconds)
            rows += found
            if progress and task is not None:
                progress.update(task, advance=1, description=f"{cell.shape} {cell.density:.1%} batch {cell.batch}")
            else:
                console.print(tables.cell_line(found), highlight=False, soft_wrap=True)
    console.print(tables.ratio_table(rows, peak))
    return rows
