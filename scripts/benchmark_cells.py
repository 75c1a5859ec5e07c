"""Searches of cells beside what they must beat, on a small setting: python scripts/benchmark_cells.py COMMAND

Fashion-MNIST, 4 000 training images, cells of 8 channels on images of 14 x 14. COMMAND.md, and for two of them a plot,
are written to ``--out``; killed, the same command goes on.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Any, TypeAlias

import numpy as np
import typer
from front_benchmark.schedule import Search
from matplotlib.figure import Figure

from evonas.assembly import OpenRun, open_run
from evonas.cli.app import exit_codes
from evonas.cli.console import say
from evonas.config import RunConfig
from evonas.data import held_out, load
from evonas.data.samples import Splits
from evonas.encoding import write_whole
from evonas.evaluation.base import Job
from evonas.individual import Individual, Trial
from evonas.plugins import create_space
from evonas.relaxed.methods import METHODS, ScalarSettings
from evonas.relaxed.search import SupernetSearch
from evonas.relaxed.trained import FILE, TrainedHypernet, load_hypernet
from evonas.report.compare import RunRecords, compare
from evonas.report.comparison_tables import mean_text
from evonas.report.front import hypervolume
from evonas.report.plot import save_figure
from evonas.retrain import FinalEvaluator
from evonas.store import Record
from evonas.training import Recipe, Stop
from evonas.types import Doubles
from search_spaces.cell.genotype import CellGenotype, nasbench201_string
from search_spaces.cell.space import CellSpace

Rows: TypeAlias = Sequence[Mapping[str, float]]
Seeds = Annotated[int, typer.Option(min=1, help="Searches of each kind.")]
Out = Annotated[Path, typer.Option(help="Folder of the searches and the results.")]
app = typer.Typer(help=__doc__, no_args_is_help=True, add_completion=False)

DATA: Mapping[str, Any] = {"dataset": "fashion-mnist", "n_train": 4000, "n_validation": 1000}
SPACE: Mapping[str, Any] = {"cells": 3, "nodes": 4, "channels": 8, "stem_stride": 2}
BENCH201: Mapping[str, Any] = {"operations": "nasbench201", "cells": 3, "channels": 8, "stem_stride": 2}
#: Of a training from scratch.
EPOCHS = 8
#: Of pools, skips and convolutions; with the accuracy, parameters and operations that were published (Firsov 2025).
PENALTIES = {
    "A": ((0.33, 0.33, 0.33), "82.5 | 38304 | 12, 10, 6"), "B": ((0.15, 0.15, 0.70), "79.2 | 5120 | 17, 11, 0"),
    "C": ((0.70, 0.15, 0.15), "85.0 | 143488 | 0, 15, 13"), "D": ((0.15, 0.70, 0.15), "81.4 | 12320 | 18, 1, 9"),
}
#: Of the range of log10(lambda).
PLACES = (0.0, 0.2, 0.4, 0.6, 0.8, 1.0)
#: Searches are 20 to 60 times shorter than published ones, so logits learn faster than by the published 3e-4 (DARTS)
#: and 1e-3 (scalar hypernetwork).
FAST = {"arch_learning_rate": 1e-2}
NO_REMEDY = {"auxiliary_skip": False, "beta_decay": 0.0, "warm_up": 0.0}


@dataclass(frozen=True)
class Lab:
    """Searches and trainings in a folder; what is there is not computed again."""

    out: Path
    options: Mapping[str, Any]
    search_epochs: int

    @cached_property
    def splits(self) -> Splits:
        return load(**self._data)

    @cached_property
    def space(self) -> CellSpace:
        space = create_space("cell", self.splits.task, self.options)
        assert isinstance(space, CellSpace)
        return space

    @cached_property
    def _final(self) -> FinalEvaluator:
        return FinalEvaluator(self.space, self.splits, held_out.load_test(**self._data), Recipe())

    @property
    def _data(self) -> Any:
        return {"name": DATA["dataset"], "n_train": DATA["n_train"], "validation": DATA["n_validation"]}

    def searched(self, method: str, seed: int, *, name: str = "", **settings: Any) -> TrainedHypernet:
        """The logits of a search; one that was stopped goes on. What it reports stands in ``epochs.jsonl``."""
        directory = self.out / f"{name or method}-{seed}"
        directory.mkdir(parents=True, exist_ok=True)

        def report(epoch: int, n_epochs: int, metrics: Mapping[str, float]) -> None:
            with (directory / "epochs.jsonl").open("a") as file:
                file.write(json.dumps({"epoch": epoch, **metrics}) + "\n")
            say(f"{directory}: epoch {epoch}/{n_epochs}")

        if not (directory / FILE).exists():
            SupernetSearch(self.space, method, METHODS[method](**settings)).search(
                self.splits, Recipe(), n_members=1, epochs=self.search_epochs, seed=np.random.SeedSequence(seed),
                stop=Stop(), directory=directory, report=report,
            )
        return load_hypernet(directory, self.space.choices)

    def measured(self, genotype: CellGenotype, seed: int) -> dict[str, float]:
        """Operations by name, costs, and the test accuracy in % after training from scratch."""
        path = self.out / "trained.json"
        known: dict[str, float] = json.loads(path.read_bytes()) if path.exists() else {}
        key = f"{genotype.digest}-{seed}"
        if key not in known:
            trial = Trial(Individual(0, genotype, 0, "retrain"), EPOCHS)
            outcome = self._final(Job(trial, np.random.SeedSequence(seed), None, Stop()))
            known[key] = 100 * outcome.metrics["test_accuracy"]
            write_whole(path, json.dumps(known).encode())
            say(f"trained from scratch: {known[key]:.2f} %")
        counts = self.space.arch_of(genotype).sum(axis=0)
        operations = dict(zip(self.space.choices.operations, counts.tolist(), strict=True))
        return {**operations, **self.space.cost(genotype), "accuracy": known[key]}


def write(stem: Path, sentence: str, header: str, rows: Sequence[str]) -> None:
    """A Markdown table with what one should know of it."""
    columns = header.count("|") + 1
    lines = [sentence, "", f"| {header} |", "|---" * columns + "|", *(f"| {row} |" for row in rows)]
    write_whole(stem.with_suffix(".md"), ("\n".join(lines) + "\n").encode())
    say("\n".join(lines))


def mean(rows: Rows, key: str, digits: str = ".1f") -> str:
    """Over seeds, with the deviation."""
    return mean_text([row[key] for row in rows], digits)


@app.command()
def table(seeds: Seeds = 3, out: Out = Path("runs/cells")) -> None:
    """The vector hypernetwork, asked with the published penalties."""
    lab = Lab(out / "table", SPACE, 8)
    nets = [lab.searched("hypernet-vector", seed) for seed in range(seeds)]
    measured = {
        name: [lab.measured(net.ask(lab.space, penalty), seed) for seed, net in enumerate(nets)]
        for name, (penalty, _) in PENALTIES.items()
    }
    names = lab.space.choices.operations
    rows = [
        f"{name} {PENALTIES[name][0]} | {mean(each, 'accuracy')} | {mean(each, 'params', '.0f')} | "
        f"{' | '.join(mean(each, operation) for operation in names)} | {PENALTIES[name][1]}"
        for name, each in measured.items()
    ]
    raised = [(rarer, name) for rarer, name in zip("CDB", names, strict=True)]
    fewer = sum(measured[rarer][s][name] < measured["A"][s][name] for s in range(seeds) for rarer, name in raised)
    size = {name: [row["params"] for row in each] for name, each in measured.items()}
    ordered = sum(size["C"][s] > size["A"][s] > size["B"][s] for s in range(seeds))
    write(
        lab.out, f"Mean ± deviation over {seeds} seeds. A raised penalty means fewer of the operation in {fewer} of "
        f"{3 * seeds} cases; parameters are C > A > B in {ordered} of {seeds} seeds.",
        f"penalty of {', '.join(names)} | accuracy, % | parameters | {' | '.join(names)} | "
        "published: % | parameters | counts", rows,
    )


@app.command()
def curve(seeds: Seeds = 3, out: Out = Path("runs/cells")) -> None:
    """The scalar hypernetwork along lambda, beside DARTS and as many random cells."""
    lab = Lab(out / "curve", SPACE, 10)
    low, high = ScalarSettings().log_lambda
    lambdas = [10 ** (low + place * (high - low)) for place in PLACES]
    groups: dict[str, list[dict[str, float]]] = {f"λ = {value:.1e}": [] for value in lambdas}
    groups |= {"DARTS": [], "random": []}
    n_monotone = 0
    for seed in range(seeds):
        net = lab.searched("hypernet-scalar", seed, **FAST)
        family = [lab.measured(net.ask(lab.space, [value]), seed) for value in lambdas]
        for each, row in zip(groups.values(), family, strict=False):
            each.append(row)
        n_monotone += all(b["params"] <= a["params"] for a, b in pairwise(family))
        rng = np.random.default_rng(seed)
        darts = lab.searched("darts", seed, **FAST)
        groups["DARTS"].append(lab.measured(darts.family(lab.space, 1, rng)[0], seed))
        groups["random"] += [lab.measured(lab.space.sample(rng), seed) for _ in lambdas]
    names = lab.space.choices.operations
    write(
        lab.out, f"Mean ± deviation over {seeds} seeds; parameters fall monotonically along λ in {n_monotone} of them.",
        f"cells | parameters | accuracy, % | {' | '.join(names)}",
        [f"{name} | {mean(each, 'params', '.0f')} | {mean(each, 'accuracy')} | "
         f"{' | '.join(mean(each, operation) for operation in names)}" for name, each in groups.items()],
    )
    figure = Figure(figsize=(8, 5), layout="constrained")
    axes = figure.add_subplot(xscale="log", xlabel="parameters", ylabel="test accuracy, %")
    family = [row for name, each in groups.items() if name.startswith("λ") for row in each]
    for name, each in {"scalar hypernetwork": family, "random": groups["random"], "DARTS": groups["DARTS"]}.items():
        axes.scatter([row["params"] for row in each], [row["accuracy"] for row in each], label=name, alpha=0.8)
    axes.legend()
    save_figure(figure, lab.out.with_suffix(".png"))


@app.command()
def collapse(seeds: Seeds = 3, out: Out = Path("runs/cells")) -> None:
    """DARTS on the cell of NAS-Bench-201, with remedies and without: skips among its edges, epoch by epoch."""
    lab = Lab(out / "collapse", BENCH201, 20)
    rows = []
    for name, settings in {"without remedies": NO_REMEDY, "with remedies": {}}.items():
        nets = [lab.searched("darts", seed, name=name, **FAST, **settings) for seed in range(seeds)]
        found = [net.family(lab.space, 1, np.random.default_rng(0))[0] for net in nets]
        trained = [lab.measured(genotype, seed) for seed, genotype in enumerate(found)]
        for seed, (genotype, row) in enumerate(zip(found, trained, strict=True)):
            lines = (lab.out / f"{name}-{seed}" / "epochs.jsonl").read_text().splitlines()
            skips = {e["epoch"]: round(e["skips"] * lab.space.choices.n_choices) for e in map(json.loads, lines)}
            cell = nasbench201_string(genotype.cells[0])
            rows.append(f"{name}, {seed} | {' '.join(map(str, skips.values()))} | {row['accuracy']:.1f} | `{cell}`")
    header = "search, seed | edges of 6 that prefer the skip, epoch by epoch | accuracy, % | cell"
    write(lab.out, f"DARTS on the cell of NAS-Bench-201, {seeds} seeds.", header, rows)


@app.command()
def evolution(
    seeds: Seeds = 3, out: Out = Path("runs/cells"),
    seconds: Annotated[float, typer.Option(help="Wall-clock of each run.")] = 120,
) -> None:
    """Evolution from a hypernetwork's family and from random cells, beside random search, in the same time."""
    folder = out / "evolution"
    common: dict[str, Any] = {**DATA, "space": "cell", "space_options": SPACE, "epochs": 2, "time_limit": seconds}
    evolve: dict[str, Any] = {**common, "population": 16, "children": 8, "generations": 1_000_000}
    runs: dict[str, list[list[Path]]] = {"seeded": [], "unseeded": [], "random search": []}
    for seed in range(seeds):
        first, *alone = (folder / f"{name}-{seed}" for name in ("search", "unseeded", "random"))
        family: dict[str, Any] = {**common, "searcher": "random", "seeder": "hypernet-vector", "search_epochs": 2}
        _go_on(RunConfig(**family, population=8, generations=0, seed=seed), first, [])
        with open_run(first) as run:
            left = seconds - run.store.elapsed
        _go_on(RunConfig(**{**evolve, "time_limit": left}, seed=seed), folder / f"seeded-{seed}", [first])
        runs["seeded"].append([first, folder / f"seeded-{seed}"])
        for name, path, settings in zip(list(runs)[1:], alone, (evolve, {**evolve, "searcher": "random"}), strict=True):
            _go_on(RunConfig(**settings, seed=seed), path, [])
            runs[name].append([path])
    _compare_in_time(folder, runs, seconds)


def _go_on(config: RunConfig, directory: Path, seeds: Sequence[Path]) -> None:
    Search(config, directory, seeds).go_on(report=say)


def _compare_in_time(folder: Path, groups: Mapping[str, Sequence[Sequence[Path]]], seconds: float) -> None:
    """Hypervolume over the time that a run and those that it was seeded from have taken together."""
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
    write(
        folder, f"Hypervolume up to {at} after parts of {seconds:g} seconds, one job; mean ± deviation over seeds.",
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
    """What the stage that is going on has evaluated by each time, or was seeded with."""
    begins = np.cumsum([0.0, *(stage.store.elapsed for stage in stages[:-1])])
    everything = [stage.store.records() for stage in stages]
    for now in times:
        number = int(np.searchsorted(begins, now, side="right")) - 1
        yield [r for r in everything[number] if r.elapsed <= now - begins[number]]


if __name__ == "__main__":
    with exit_codes():
        app()
