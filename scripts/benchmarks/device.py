"""A GPU beside the CPU of the same machine: python -m scripts.benchmarks.device [--dry-run]

Gradients are checked first, and nothing is timed if they are wrong. Then candidate-epochs a second of populations, of
sizes as a search has them, beside native threads on all cores; a search for an equal time on either; an epoch of a
supernet on either; and steps of DARTS at its published size. It takes about five minutes. ``--dry-run`` runs all of it
small in Triton's interpreter, on a machine without a GPU.
"""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
import typer
from rich.console import Console
from rich.table import Table

from evonas.cli.failing import exit_codes
from evonas.types import Task

if TYPE_CHECKING:
    import torch

    from evonas.data.samples import Splits
    from search_spaces.neuron.trainer.base import Network

#: Networks at once, their edges, and samples of a step: from many networks of the sizes that a search begins with to
#: few of the largest, at a batch of 64, which a search has unless told otherwise, and of 256, four times the work at
#: once.
POPULATIONS = ((2048, 1_000, 256), (1024, 2_650, 256), (1024, 2_650, 64), (512, 20_700, 256), (256, 20_700, 64),
               (64, 100_000, 256))
#: Largest relative error of a gradient against float64.
MOST_ERROR = 1e-4
#: Samples of an epoch, by which candidate-epochs are counted.
EPOCH = 50_000


@dataclass(frozen=True)
class Scale:
    """Sizes of everything; those of ``--dry-run`` end within a minute in the interpreter.

    Attributes:
        populations: Networks at once, their edges, and samples of a step.
        n_samples: Samples on the GPU; on the CPU ``n_cpu_samples`` are enough.
        n_cpu_samples: See ``n_samples``.
        n_distinct: Different networks; a population repeats them.
        search: Settings of the search.
        seconds: Seconds of each search.
        supernet: Options of the cell space for the epoch of a supernet, and its samples.
        darts: Options of the cell space for the steps of DARTS.
        batch: Samples of these steps.
        n_images: Samples of the supernet's epoch.
        side: Pixels of a side of the images of cells.
        threads: Threads of the CPU for cells.
    """

    populations: Sequence[tuple[int, int, int]] = POPULATIONS
    n_samples: int = EPOCH
    n_cpu_samples: int = 10_240
    n_distinct: int = 16
    search: dict[str, Any] | None = None
    seconds: float = 40.0
    supernet: dict[str, Any] | None = None
    darts: dict[str, Any] | None = None
    batch: int = 64
    n_images: int = 4096
    side: int = 32
    threads: int = os.cpu_count() or 1


DRY = Scale(
    populations=((2, 60, 16),), n_samples=32, n_cpu_samples=32, n_distinct=2, search={"space_options":
    {"founders": "log-uniform", "founder_edges": [40, 80], "edges": [40, 80]}, "population": 2, "children": 2,
    "generations": 1, "epochs": 1, "n_train": 64, "n_validation": 32}, seconds=30.0,
    supernet={"cells": 3, "channels": 2}, darts={"cells": 3, "channels": 2}, batch=4, n_images=16,
    side=8, threads=1,
)
FULL = Scale(
    search={"population": 256, "children": 256, "generations": 1000}, supernet={"channels": 16},
    darts={"operations": "darts", "cells": 8, "channels": 16},
)


@exit_codes()
def main(
    dry_run: Annotated[bool, typer.Option(help="All of it, small, in Triton's interpreter on the CPU.")] = False,
    seconds: Annotated[float | None, typer.Option(help="Seconds of each of the two searches [40].")] = None,
    dataset: Annotated[str, typer.Option(help="Data set of the search.")] = "fashion-mnist",
    data_root: Annotated[Path | None, typer.Option(help="Folder of the data sets [$EVONAS_DATA].")] = None,
    batch_size: Annotated[int, typer.Option(help="Samples of a step of the search.")] = 64,
) -> None:
    """Measure this machine's GPU beside its CPU."""
    if dry_run:
        os.environ["TRITON_INTERPRET"] = "1"
    scale = DRY if dry_run else FULL
    scale = scale if seconds is None else replace(scale, seconds=seconds)
    from evonas.training.device import find

    device = find("cpu" if dry_run else "cuda")
    console = Console() if Console().is_terminal else Console(width=120)
    say = console.print
    say(f"{_name(device)}, {os.cpu_count()} cores", highlight=False)
    errors = gradient_errors(device)
    say(f"largest relative errors of gradients against float64: {errors}", highlight=False)
    if max(errors.values()) > MOST_ERROR:
        raise SystemExit(f"a gradient is wrong by more than {MOST_ERROR:g}: nothing else was measured")
    say(throughput_table(scale, device))
    say(search_table(scale, "digits" if dry_run else dataset, data_root, batch_size, device))
    say(cells_table(scale, device))


def _name(device: torch.device) -> str:
    import torch

    return torch.cuda.get_device_name(device) if device.type == "cuda" else "Triton's interpreter"


def gradient_errors(device: torch.device) -> dict[str, float]:
    """Largest errors of the gradients of some networks, relative to the norm, against float64 autograd."""
    import torch

    from evonas.training import Recipe
    from search_spaces.neuron.module import NeuronModule
    from search_spaces.neuron.trainer.cuda import CudaTrainer

    worst = {"edge": 0.0, "bias": 0.0, "gain": 0.0}
    splits = _random_splits(16, (1, 4, 4))
    for network in _networks(splits.task, 60, 3):
        module = NeuronModule(network).double()
        outputs = module(torch.from_numpy(splits.train.x).double())
        torch.nn.functional.cross_entropy(outputs, torch.from_numpy(splits.train.y)).backward()  # type: ignore[no-untyped-call]
        found = CudaTrainer(device).gradients(network, splits.train, splits.task, Recipe())
        for name in worst:
            exact = getattr(module, name).grad.numpy()
            error = float(np.linalg.norm(getattr(found, name) - exact)) / max(float(np.linalg.norm(exact)), 1e-12)
            worst[name] = max(worst[name], error)
    return worst


def _random_splits(n: int, shape: tuple[int, ...] = (1, 28, 28)) -> Splits:
    """Random samples of ten classes."""
    from evonas.data.samples import Samples, Splits

    rng, task = np.random.default_rng(0), Task("classification", shape, 10)
    samples = Samples(rng.standard_normal((n, *shape), np.float32), rng.integers(0, task.n_outputs, n))
    return Splits("random", task, samples, Samples(samples.x[:0], samples.y[:0]), fingerprint="")


def _networks(task: Task, n_edges: int, n: int) -> list[Network]:
    """Sparse founders of about as many edges, with fresh weights."""
    from search_spaces.neuron.space import create
    from search_spaces.neuron.training import network_of
    from search_spaces.neuron.weights import fresh

    rng = np.random.default_rng(0)
    space = create(task, {"founders": "log-uniform", "founder_edges": [n_edges, n_edges], "edges": [10, 2 * n_edges]})
    genotypes = [space.sample(rng) for _ in range(n)]
    return [network_of(genotype, fresh(genotype, rng), "layer-affine") for genotype in genotypes]


def throughput_table(scale: Scale, device: torch.device) -> Table:
    """Candidate-epochs a second of populations on the GPU and of native threads on all cores, and what a step does."""
    from evonas.training import Recipe, Stop
    from search_spaces.neuron.trainer import choose_trainer
    from search_spaces.neuron.trainer.base import Assignment
    from search_spaces.neuron.trainer.cuda import CudaTrainer

    table = Table(
        "networks x edges", "batch", "device: candidate-epochs/s", "TFLOP/s", "CPU, all cores", "ratio", "begin, s",
        title=f"training, epochs of {EPOCH} samples",
    )
    many, few, n_cores = _random_splits(scale.n_samples), _random_splits(scale.n_cpu_samples), os.cpu_count() or 1
    trainer, cpu = CudaTrainer(device), choose_trainer("auto")
    for n, n_edges, batch in scale.populations:
        distinct = _networks(many.task, n_edges, min(n, scale.n_distinct))
        networks, recipe = [distinct[i % len(distinct)] for i in range(n)], Recipe(batch_size=batch)

        def seconds(epochs: int, networks: Sequence[Network] = networks, recipe: Recipe = recipe) -> float:
            assignments = [Assignment(network, recipe, epochs, i, Stop()) for i, network in enumerate(networks)]
            begin = time.perf_counter()
            for group in trainer.train_many(assignments, many):
                for _, result in group:
                    if isinstance(result, Exception):
                        raise result
            return time.perf_counter() - begin

        seconds(1)  # compiles
        first = seconds(1)
        epoch = max(seconds(3) - first, 1e-9) / 2
        done = n * scale.n_samples / EPOCH / epoch
        mean_edges = float(np.mean([network.genotype.n_edges for network in networks]))

        def train(index: int, networks: Sequence[Network] = distinct, recipe: Recipe = recipe) -> None:
            network = networks[index % len(networks)]
            cpu.train(Assignment(network, recipe, 1, index, Stop()), few)

        with ThreadPoolExecutor(n_cores) as pool:
            list(pool.map(train, range(n_cores)))
            begin = time.perf_counter()
            list(pool.map(train, range(2 * n_cores)))
        on_cpu = 2 * n_cores * scale.n_cpu_samples / EPOCH / (time.perf_counter() - begin)
        table.add_row(
            f"{n} x {mean_edges:.0f}", str(batch), f"{done:.4g}", f"{6 * mean_edges * EPOCH * done / 1e12:.3g}",
            f"{on_cpu:.4g}", f"{done / on_cpu:.2f}", f"{max(first - epoch, 0):.2f}",
        )
    return table


def search_table(scale: Scale, dataset: str, data_root: Path | None, batch_size: int, device: torch.device) -> Table:
    """A search on either for equal times: evaluations, hypervolume, and errors on the test set."""
    from evonas import front as fronts
    from evonas.config import RunConfig
    from evonas.run import start
    from evonas.run.open import open_run
    from evonas.run.retrain import measure_on_test

    table = Table("trained on", "evaluations", "hypervolume", "best test error", "seconds",
                  title=f"search on {dataset}, {scale.seconds:.0f} s each")
    found = []
    given = dict(scale.search or {})
    options = given.pop("space_options", {})
    with tempfile.TemporaryDirectory() as folder:
        for trainer in ("cuda", "auto"):
            jobs = 1 if trainer == "cuda" else os.cpu_count() or 1
            config = RunConfig(
                dataset=dataset, data_root=data_root, device="cpu", jobs=jobs, time_limit=scale.seconds,
                training={"batch_size": batch_size}, space_options={**options, "trainer": trainer}, **given,
            )
            begin = time.perf_counter()
            start.evolve(config, Path(folder, trainer))
            with open_run(Path(folder, trainer)) as run:
                records = run.store.records()
                members = fronts.front(records, run.objectives)
                tested = measure_on_test(run, [member.id for member in members])
                error = min((metrics["test_error"] for metrics in tested.values()), default=float("nan"))
                found.append((trainer, records, run.objectives, error, time.perf_counter() - begin))
    objectives = found[0][2]
    reference = fronts.default_reference([record for row in found for record in row[1]], objectives)
    for trainer, records, _, error, taken in found:
        volume = fronts.hypervolume(records, objectives, objectives.reference(reference))
        name = _name(device) if trainer == "cuda" else f"CPU, {os.cpu_count()} jobs"
        table.add_row(name, str(len(records)), f"{volume:.4f}", f"{error:.4f}", f"{taken:.0f}")
    return table


def cells_table(scale: Scale, device: torch.device) -> Table:
    """An epoch of a supernet on either, and a step of DARTS at its published size with the memory that it needs."""
    import torch

    from evonas.supernet.settings import DartsSettings, SposSettings

    table = Table("cells", "device", "CPU", "ratio", "peak memory, GB", title="seconds")
    shape = 3, scale.side, scale.side
    space, splits = _cell_space(shape, scale.supernet or {}), _random_splits(scale.n_images, shape)
    settings = SposSettings(batch_size=scale.batch, threads=scale.threads)
    taken = [_epoch_seconds(space, splits, settings, where) for where in (device, torch.device("cpu"))]
    table.add_row("an epoch of a supernet, spos", *_compared(*taken), "")
    space, splits = _cell_space(shape, scale.darts or {}), _random_splits(4 * scale.batch, shape)
    bilevel = DartsSettings(order=2, batch_size=scale.batch, threads=scale.threads)
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
    taken = [_epoch_seconds(space, splits, bilevel, where) / 2 for where in (device, torch.device("cpu"))]
    peak = f"{torch.cuda.max_memory_allocated(device) / 1e9:.1f}" if device.type == "cuda" else "-"
    table.add_row("a step of DARTS, second order", *_compared(*taken), peak)
    return table


def _cell_space(shape: tuple[int, ...], options: dict[str, Any]) -> Any:
    from search_spaces.cell.space import create

    return create(Task("classification", shape, 10), options)


def _compared(one: float, other: float) -> Iterator[str]:
    return iter((f"{one:.3f}", f"{other:.3f}", f"{other / one:.1f}"))


def _epoch_seconds(space: Any, splits: Splits, settings: Any, device: torch.device) -> float:
    """Seconds of an epoch of a supernet, the second of two."""
    from evonas.supernet.training import SupernetTraining
    from evonas.training import Stop
    from evonas.training.device import using

    times = [time.perf_counter()]
    with tempfile.TemporaryDirectory() as folder, using(str(device)):
        training = SupernetTraining(space, splits, settings, n_epochs=2, seed=np.random.SeedSequence(0))
        training.run(Path(folder), Stop(), lambda *_: times.append(time.perf_counter()))
    return times[-1] - times[-2]


if __name__ == "__main__":  # guard, since worker processes import this file
    typer.run(main)
