"""Evolution of cells in equal time: from a hypernetwork's family, from random cells, and random search."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from evonas.cli.console import say
from evonas.config import RunConfig
from evonas.front import hypervolume
from evonas.report.compare import RunRecords, compare
from evonas.report.comparison_tables import mean_text
from evonas.report.plot import save_figure
from evonas.run.open import OpenRun, open_run
from evonas.store import Record
from evonas.types import Doubles, UserError
from scripts.benchmarks.front.schedule import Search

from .lab import DATA, write
from .settings import SPACE

#: Small space, since evolution needs many networks in minutes.
SMALL: Mapping[str, Any] = {**SPACE, "nodes": 2, "channels": 4}
FEW: Mapping[str, Any] = {"n_train": 1000, "n_validation": 500}


def run_evolution(folder: Path, n_seeds: int, seconds: float) -> None:
    """Complete every run, then write the comparison.

    Args:
        folder: Folder of runs and results.
        n_seeds: Runs of each kind.
        seconds: Time of each run, its search included.

    Raises:
        UserError: The time is over before evolution begins.
    """
    common: dict[str, Any] = {
        **DATA, **FEW, "space": "cell", "space_options": SMALL, "epochs": 3, "time_limit": seconds,
    }
    # After 3 epochs no overfitting has begun that a teacher could reduce.
    evolve: dict[str, Any] = {
        **common, "population": 16, "children": 8, "generations": 1_000_000, "self_distillation": False,
        "crossover_rate": 0.1,  # as measured when it was the default; alone it was found to hurt neuron networks
    }
    family: dict[str, Any] = {**common, "searcher": "random", "seeder": "hypernet-vector", "search_epochs": 8}
    runs: dict[str, list[list[Path]]] = {"seeded": [], "unseeded": [], "random search": []}
    for seed in range(n_seeds):
        search, seeded, unseeded, random = (
            folder / f"{name}-{seed}" for name in ("search", "seeded", "unseeded", "random")
        )
        _go_on(RunConfig(**family, population=8, generations=0, seed=seed), search)
        left = _left(search, seconds)
        _go_on(RunConfig(**{**evolve, "time_limit": left}, seed=seed), seeded, [search])
        _go_on(RunConfig(**evolve, seed=seed), unseeded)
        _go_on(RunConfig(**evolve, searcher="random", seed=seed), random)
        for members, stages in zip(runs.values(), ([search, seeded], [unseeded], [random]), strict=True):
            members.append(stages)
    _compare(folder, runs, seconds)


def _go_on(config: RunConfig, directory: Path, seeds: Sequence[Path] = ()) -> None:
    Search(config, directory, seeds).go_on(report=say)


def _left(search: Path, seconds: float) -> float:
    """Return the remaining seconds.

    Raise :class:`UserError` unless the time was enough for the search and its family.
    """
    with open_run(search) as run:
        n_trained = sum(r.budget > 0 for r in run.store.records())
        left = seconds - run.store.elapsed
        if n_trained < run.config.population or left <= 0:
            raise UserError(
                f"the {seconds:g} seconds were over when the search had ended and {n_trained} of its "
                f"{run.config.population} networks were trained: give more with --seconds and another --out"
            )
        return left


def _compare(folder: Path, groups: Mapping[str, Sequence[Sequence[Path]]], seconds: float) -> None:
    """Write hypervolumes over the time that a run and those that it was seeded from have taken together.

    Args:
        folder: Folder of results.
        groups: Runs by their kind, each with the stages before it.
        seconds: Time of each run.
    """
    times = np.linspace(0, seconds, 61)[1:]
    with ExitStack() as stack:
        opened = {
            name: [[stack.enter_context(open_run(path)) for path in stages] for stages in members]
            for name, members in groups.items()
        }
        last = {
            name: [RunRecords(f"{name} {i}", s[-1].store.records(), s[-1].objectives, s[-1].store.elapsed)
                   for i, s in enumerate(members)] for name, members in opened.items()
        }
        comparison = compare(last)
        reference = comparison.objectives.reference(comparison.reference)
        curves = {
            name: np.array([
                [hypervolume(seen, comparison.objectives, reference) for seen in _seen(stages, times)]
                for stages in members
            ]) for name, members in opened.items()
        }
    rows = [
        f"{name} | {' | '.join(mean_text(values[:, i].tolist(), '.3f') for i in (14, 29, 44, 59))} | "
        f"{mean_text([float(len(run.records)) for run in last[name]], '.0f')}" for name, values in curves.items()
    ]
    at = ", ".join(f"{key} = {value:g}" for key, value in comparison.reference.items())
    logs = ", ".join(o.metric for o in comparison.objectives.items if o.log)
    write(
        folder, f"Hypervolume up to {at} (log10 of {logs}) after parts of {seconds:g} seconds, one job; mean ± "
        "deviation over seeds.",
        "run | 25 % | 50 % | 75 % | 100 % | evaluations", rows,
    )
    figure = Figure(figsize=(8, 5), layout="constrained")
    axes = figure.add_subplot(xlabel="seconds, the search included", ylabel="hypervolume", title="cells")
    for name, values in curves.items():
        axes.plot(times, values.mean(axis=0), lw=2, label=f"{name}, mean of {len(values)} runs")
        axes.fill_between(times, values.min(axis=0), values.max(axis=0), alpha=0.15)
    axes.legend()
    save_figure(figure, folder.with_suffix(".png"))


def _seen(stages: Sequence[OpenRun], times: Doubles) -> Iterator[list[Record]]:
    """Yield the records of the current stage at each time, those that it was seeded with included."""
    begins = np.cumsum([0.0, *(stage.store.elapsed for stage in stages[:-1])])
    everything = [stage.store.records() for stage in stages]
    for now in times:
        number = int(np.searchsorted(begins, now, side="right")) - 1
        yield [r for r in everything[number] if r.elapsed <= now - begins[number]]
