"""Printed tables of the benchmark, at most 120 columns wide."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby

from rich.box import SIMPLE
from rich.table import Table

from .cells import TARGETS, Cell, Row
from .memory import LIMIT_MB, Memory
from .networks import local_network
from .peers import N_EDGES, N_SAMPLES, Machine, Peer, native_gflops
from .steps import BACKENDS, REFERENCE
from .throughput import Throughput

SEARCH_AT_LEAST = 10.0
#: Headings that fit 120 columns.
HEADINGS = {
    "dense_layer": "dense\nlayer", "csr": "CSR", "torch_sparse": "torch\nsparse", "padded_gather": "padded\ngather",
    "embedding_bag": "embedding\nbag", "native": "native",
}


def ratio_table(rows: Sequence[Row], peak: float) -> Table:
    """Return ratios of all backends, and the native trainer's performance.

    A backend that cannot take part has a dash.
    """
    title = f"Times as fast as masked dense; a thread's measured peak is {peak:.0f} GFLOP/s (float32 matrix product)"
    table = Table(title=title, caption="! less than asked for", box=SIMPLE, padding=(0, 1, 0, 0))
    names = ("shape", "density", "batch", "threads", "dense\nms", *(HEADINGS[b] for b in BACKENDS if b != REFERENCE))
    for name in (*names, "native\nGFLOP/s", "of\npeak", "at\nleast", "aim"):
        table.add_column(name, justify="right", no_wrap=True)
    for cell, group in groupby(rows, key=_cell):
        table.add_row(*_ratio_row(cell, {row.backend: row for row in group}, peak))
    return table


def _cell(row: Row) -> Cell:
    return Cell(row.shape, row.density, row.batch, row.threads)


def _ratio_row(cell: Cell, rows: dict[str, Row], peak: float) -> list[str]:
    ratios = [_ratio(rows[name].ratio) if name in rows else "-" for name in BACKENDS if name != REFERENCE]
    native, target = rows.get("native"), TARGETS.get(cell)
    speed = ["-", "-"] if native is None else [
        f"{native.gflops:.1f}", f"{native.gflops / (peak * cell.threads):.0%}"
    ]
    bars = ["", ""] if target is None else [f"{target.at_least:g}", f"{target.aim:g}"]
    if native is not None and target is not None and native.ratio < target.at_least:
        bars[0] += " !"
    dense = f"{rows[REFERENCE].ms:.1f}"
    return [cell.shape, f"{cell.density:.1%}", str(cell.batch), str(cell.threads), dense, *ratios, *speed, *bars]


def _ratio(value: float) -> str:
    return f"{value:.0f}" if value >= 30 else f"{value:.1f}" if value >= 3 else f"{value:.2f}"


def cell_line(rows: Sequence[Row]) -> str:
    """Return one cell in a line, for a pipe."""
    cell = _cell(rows[0])
    edges = local_network(cell.shape, cell.density).genotype.n_edges
    ratios = ", ".join(f"{row.backend} {_ratio(row.ratio)}" for row in rows[1:])
    head = f"{cell.shape} {cell.density:.1%} ({edges} edges) batch {cell.batch} threads {cell.threads}"
    return f"{head}: {REFERENCE} {rows[0].ms:.2f} ms, {ratios}"


def machine_line(machine: Machine) -> str:
    """Return the machine in a sentence."""
    return (
        f"{machine.processor} with {', '.join(machine.instruction_sets)}; one thread has {machine.peak_gflops:.0f} "
        "GFLOP/s in torch's product of float32 matrices of 1024 x 1024, the peak of which shares are told"
    )


def peer_table(native_seconds: float, peers: Sequence[Peer], peak: float) -> Table:
    """Return epochs of other networks against the native epoch.

    Args:
        native_seconds: Seconds of the native epoch.
        peers: The others.
        peak: GFLOP/s that one thread can have.
    """
    own = native_gflops(native_seconds)
    title = (f"One epoch of {N_SAMPLES} samples; native, with {N_EDGES} edges: {native_seconds:.3f} s, {own:.1f} "
             f"GFLOP/s ({own / peak:.0%} of the peak)")
    table = Table(box=SIMPLE, title=title)
    for name in ("peer", "epoch s", "times native", "at least", "GFLOP/s", "of peak"):
        table.add_column(name, justify="left" if name == "peer" else "right")
    for peer in peers:
        table.add_row(peer.name, f"{peer.seconds:.3f}", _ratio(peer.ratio), _ratio(peer.at_least),
                      f"{peer.gflops:.1f}", f"{peer.gflops / peak:.0%}")
    return table


def step_table(rows: Sequence[Row], peak: float) -> Table:
    """Return training steps of other packages beside the native ones: milliseconds, and what they reach of the peak.

    Args:
        rows: Measurements, cell by cell.
        peak: GFLOP/s that one thread can have.
    """
    table = Table(box=SIMPLE, title="One training step on one thread; GFLOP/s count arithmetic on the edges alone")
    for name in ("shape", "density", "batch", "backend", "ms", "times native", "GFLOP/s", "of peak"):
        table.add_column(name, justify="left" if name == "backend" else "right")
    for cell, group in groupby(rows, key=_cell):
        found = list(group)
        native = next((row.ms for row in found if row.backend == "native"), None)
        for row in found:
            ratio = "-" if native is None else _ratio(row.ms / native)
            table.add_row(cell.shape, f"{cell.density:.1%}", str(cell.batch), row.backend, f"{row.ms:.2f}", ratio,
                          f"{row.gflops:.1f}", f"{row.gflops / peak:.0%}")
    return table


def throughput_table(data: str, found: Sequence[Throughput]) -> Table:
    """Return candidates a minute, and the ratio of the first to each."""
    table = Table(box=SIMPLE, title=f"Candidates trained a minute on {data}, 2 jobs")
    for name in ("trainer", "candidates/min", "native is faster by", "at least"):
        table.add_column(name, justify="left" if name == "trainer" else "right")
    for one in found:
        bars = ["", ""] if one is found[0] else [_ratio(found[0].per_minute / one.per_minute), _ratio(SEARCH_AT_LEAST)]
        table.add_row(one.trainer, f"{one.per_minute:.1f}", *bars)
    return table


def memory_line(memory: Memory) -> str:
    """Return the peak memory in a sentence."""
    return (
        f"Training {memory.n_edges} edges takes {memory.training:.0f} MB at its peak (allowed: {LIMIT_MB} MB), "
        f"beyond {memory.samples:.0f} MB of samples and {memory.packed:.0f} MB of their packed copy, which all share."
    )
