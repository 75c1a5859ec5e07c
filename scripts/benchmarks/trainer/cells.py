"""Times of the backends side by side, one cell of (shape, density, batch, threads) at a time."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import product
from statistics import median
from time import perf_counter
from typing import NamedTuple

import torch

from .networks import SHAPES, local_network, random_splits, step_flops
from .steps import BACKENDS, REFERENCE, Steps, all_steps, clock

DENSITIES = (0.005, 0.02, 0.05, 0.1, 0.2, 0.5)
BATCHES = (64, 256, 1024)
THREADS = (1, 2)
#: Rounds in which every backend takes its turn; more follow while time remains.
LEAST_ROUNDS, MOST_ROUNDS = 3, 40
#: Share of the cell's time that a turn should last: several fast steps, or one slow step.
TURN = 0.01


class Cell(NamedTuple):
    """Measured combination.

    Attributes:
        shape: Name of the network's shape.
        density: Share of possible edges.
        batch: Samples of a batch.
        threads: Threads, or candidates at once.
    """

    shape: str
    density: float
    batch: int
    threads: int


class Row(NamedTuple):
    """Measurement of one backend.

    Attributes:
        shape: Name of the network's shape.
        density: Share of possible edges.
        batch: Samples of a batch.
        threads: Threads, or candidates at once.
        backend: Name of the backend.
        ratio: Time of a step of the reference over that of this backend: the median over rounds in which both ran.
        ms: Median time of a step. With several threads the trainers train that many candidates, and it is the elapsed
            time over the steps of all; formats under autograd spread one step over the threads if that is faster.
        gflops: Arithmetic on the edges per second, without any other computation of the backend.
    """

    shape: str
    density: float
    batch: int
    threads: int
    backend: str
    ratio: float
    ms: float
    gflops: float


class Target(NamedTuple):
    """Ratios for the native trainer.

    Attributes:
        at_least: Required ratio.
        aim: Wanted ratio.
    """

    at_least: float
    aim: float


TARGETS: Mapping[Cell, Target] = {
    Cell("S", 0.005, 64, 1): Target(80, 120), Cell("S", 0.05, 64, 1): Target(35, 60),
    Cell("S", 0.05, 256, 1): Target(17, 25), Cell("M", 0.02, 256, 1): Target(23, 35),
    Cell("M", 0.05, 256, 1): Target(10, 16), Cell("M", 0.2, 256, 1): Target(3.5, 6),
    Cell("L", 0.05, 256, 1): Target(10, 15), Cell("L", 0.2, 256, 1): Target(3.3, 6),
}


def sweep(
    shapes: Iterable[str], densities: Iterable[float], batches: Iterable[int], threads: Iterable[int]
) -> list[Cell]:
    """Return all combinations; cells of the same network are neighbours.

    Args:
        shapes: Names of shapes.
        densities: Shares of possible edges.
        batches: Samples of a batch.
        threads: Numbers of threads.
    """
    return [Cell(*values) for values in product(shapes, densities, batches, threads)]


@dataclass
class _Turns:
    """Measurements of one backend in a cell."""

    steps: Steps
    n_steps: int
    times: list[float] = field(default_factory=list)
    spent: float = 0.0

    def take(self) -> None:
        begin = perf_counter()
        self.times.append(self.steps.seconds(self.n_steps))
        self.spent += perf_counter() - begin


def measure(cell: Cell, *, seconds: float, backends: Sequence[str] = BACKENDS) -> list[Row]:
    """Return rows of all backends that can take part, the reference first.

    After a warm-up the backends take turns. From the fourth round on, those that have used up their share of the time
    skip their turns.

    Args:
        cell: The combination.
        seconds: Time of the cell; it is exceeded if :data:`LEAST_ROUNDS` rounds take longer.
        backends: Names of the backends.
    """
    network = local_network(cell.shape, cell.density)
    splits = random_splits(SHAPES[cell.shape].n_inputs, SHAPES[cell.shape].n_samples)
    found = all_steps(network, splits, batch=cell.batch, threads=cell.threads, backends=backends)
    turns = {name: _warm(steps, TURN * seconds) for name, steps in found.items()}
    share, reference = seconds / len(turns), turns[REFERENCE]
    for n in range(MOST_ROUNDS):
        if n >= LEAST_ROUNDS and reference.spent > share:
            break
        for turn in turns.values():
            if n < LEAST_ROUNDS or turn.spent <= share:
                turn.take()
    flops = step_flops(network.genotype, cell.batch)
    return list(_rows(cell, {name: turn.times for name, turn in turns.items()}, flops))


def _warm(steps: Steps, turn: float) -> _Turns:
    first = steps.seconds(1)  # packs inputs, allocates, compiles
    typical = first if first > turn else steps.seconds(1)
    return _Turns(steps, max(1, round(turn / max(typical, 1e-6))))


def _rows(cell: Cell, times: Mapping[str, Sequence[float]], flops: int) -> Iterator[Row]:
    for name, own in times.items():
        ratio = median(dense / mine for dense, mine in zip(times[REFERENCE], own, strict=False))
        seconds = median(own)
        yield Row(*cell, name, ratio, 1e3 * seconds, flops / seconds / 1e9)


def peak_gflops(repetitions: int = 12) -> float:
    """Return GFLOP/s of the best of several float32 products of 1024 x 1024 matrices: nearly that of the FMA units."""
    n = 1024
    torch.set_num_threads(1)
    a, b = torch.rand(n, n), torch.rand(n, n)
    out, best = torch.empty(n, n), float("inf")
    for _ in range(repetitions):
        begin = clock(1)
        torch.mm(a, b, out=out)
        best = min(best, clock(1) - begin)
    return 2 * n**3 / best / 1e9
