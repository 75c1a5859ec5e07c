"""Comparison of the native trainer with usual alternatives: a dense network, and other packages for sparse ones."""

from __future__ import annotations

import platform
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import NamedTuple

import torch
from threadpoolctl import threadpool_limits
from torch import nn

from search_spaces.neuron.trainer.native import NativeTrainer
from search_spaces.neuron.trainer.sample_order import n_batches

from .cells import Cell, Row, measure, peak_gflops
from .networks import N_CLASSES, SHAPES, local_network, random_splits, step_flops
from .packages import INSTALL, package_module
from .steps import REFERENCE, AutogradSteps, TrainerSteps, clock

#: Training samples of MNIST without a sixth for validation; the batch size; edges of the sparse network.
N_SAMPLES, BATCH, N_EDGES = 48_000, 256, 26_000
#: Hidden neurons of the dense network, which has 25 450 parameters.
HIDDEN = 32
#: Steps of other packages that are timed in a round, since they need several times as long.
PACKAGE_STEPS = 15
#: Required ratios of the packages to the native epoch.
AT_LEAST = {"sparselab": 8.0, "sparseprop": 7.0}
#: Steps that are compared: small and large networks, at densities that search spaces have.
CELLS = (
    Cell("S", 0.05, 256, 1), Cell("M", 0.02, 256, 1), Cell("M", 0.05, 256, 1), Cell("L", 0.05, 256, 1),
)
#: Extensions by their names in Linux's list.
EXTENSIONS = {"avx2": "AVX2", "fma": "FMA", "avx512f": "AVX-512", "asimd": "NEON"}


class Machine(NamedTuple):
    """What limits all.

    Attributes:
        processor: Its name.
        instruction_sets: Its extensions for vectors.
        peak_gflops: GFLOP/s of one thread in torch's product of float32 matrices, nearly that of the FMA units.
    """

    processor: str
    instruction_sets: tuple[str, ...]
    peak_gflops: float


class Peer(NamedTuple):
    """Measurement of an epoch of a network.

    Attributes:
        name: Name of the network.
        seconds: Median seconds of an epoch.
        ratio: Median ratio to the native epoch.
        at_least: Required ratio.
        gflops: Arithmetic on the weights a second, in 10^9.
    """

    name: str
    seconds: float
    ratio: float
    at_least: float
    gflops: float


def machine(cpuinfo: Path = Path("/proc/cpuinfo")) -> Machine:
    """Describe this machine, and measure its peak.

    Args:
        cpuinfo: Linux's description; elsewhere torch says what it uses.
    """
    lines = cpuinfo.read_text().splitlines() if cpuinfo.is_file() else []
    told = {name.strip(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    flags = told.get("flags", told.get("Features", "")).split()
    found = tuple(name for flag, name in EXTENSIONS.items() if flag in flags)
    known = found or (torch.backends.cpu.get_cpu_capability(),)
    return Machine(told.get("model name", platform.machine()), known, peak_gflops())


def compare(rounds: int) -> tuple[float, list[Peer]]:
    """Return seconds of the native epoch, with the set-up of the run, and the peers; all on one thread, taking turns.

    Packages are left out if they are not installed.
    """
    network = local_network("S", N_EDGES / SHAPES["S"].n_pairs)
    splits = random_splits(SHAPES["S"].n_inputs, N_SAMPLES)
    n_steps, sparse = n_batches(N_SAMPLES, BATCH), step_flops(network.genotype, BATCH)
    native = TrainerSteps(NativeTrainer(), network, splits, BATCH, 1)
    dense = f"dense {SHAPES['S'].n_inputs}-{HIDDEN}-{N_CLASSES}"
    peers = {
        f"{dense}, batches gathered": (AutogradSteps(_dense(), splits, BATCH, 1, shuffled=True), n_steps, 2.0,
                                       dense_flops(BATCH)),
        f"{dense}, batches ready": (AutogradSteps(_dense(), splits, BATCH, 1), n_steps, 2.0, dense_flops(BATCH)),
    }
    for package in INSTALL:
        if (module := package_module(package, network)) is not None:
            steps = AutogradSteps(module, splits, BATCH, 1, shuffled=True)
            peers[f"{package}, batches gathered"] = (steps, PACKAGE_STEPS, AT_LEAST[package], sparse)
    own: list[float] = []
    times: dict[str, list[float]] = {name: [] for name in peers}
    with threadpool_limits(1):  # packages have brought their threads by now
        native.train(1)  # packs the inputs
        for _ in range(rounds):
            begin = clock(1)
            native.train(1)
            own.append(clock(1) - begin)
            for name, (peer, n_timed, *_) in peers.items():
                times[name].append(n_steps * peer.seconds(n_timed))
    found = [
        Peer(name, median(times[name]), median(t / o for t, o in zip(times[name], own, strict=True)), at_least,
             n_steps * flops / median(times[name]) / 1e9)
        for name, (_, _, at_least, flops) in peers.items()
    ]
    return median(own), found


def compare_steps(seconds: float, report: Callable[[list[Row]], None]) -> list[Row]:
    """Return training steps of masked dense, other packages and the native trainer, on one thread, taking turns.

    Args:
        seconds: Time of each of :data:`CELLS`.
        report: Called with the rows of each.
    """
    rows: list[Row] = []
    for package in INSTALL:  # packages bring their threads, which are limited then
        package_module(package, local_network(CELLS[0].shape, CELLS[0].density))
    with threadpool_limits(1):
        for cell in CELLS:
            found = measure(cell, seconds=seconds, backends=(REFERENCE, *INSTALL, "native"))
            report(found)
            rows += found
    return rows


def native_gflops(seconds: float) -> float:
    """Return the arithmetic on the edges a second, in 10^9, of a native epoch, by its seconds."""
    network = local_network("S", N_EDGES / SHAPES["S"].n_pairs)
    return n_batches(N_SAMPLES, BATCH) * step_flops(network.genotype, BATCH) / seconds / 1e9


def dense_flops(batch: int) -> int:
    """Count multiplications and additions of a training step of the dense network, as :func:`step_flops` does."""
    first, second = SHAPES["S"].n_inputs * HIDDEN, HIDDEN * N_CLASSES
    return batch * (4 * first + 6 * second)


def _dense() -> nn.Module:
    """Build the dense network."""
    return nn.Sequential(nn.Linear(SHAPES["S"].n_inputs, HIDDEN), nn.ReLU(), nn.Linear(HIDDEN, N_CLASSES))
