"""Searches of cells beside what they must beat, on a small setting: python scripts/benchmark_cells.py COMMAND

Fashion-MNIST, 4 000 training images, 3 cells of 8 channels, the first on 14 x 14 pixels; smaller for ``evolution``. One
seed takes minutes. COMMAND.md, and for two of them a plot, are written to ``--out``; killed, the same command goes on.
"""

import json
from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from cells_benchmark.evolution import run_all
from cells_benchmark.lab import Lab, mean, write
from matplotlib.figure import Figure

from evonas.cli.app import exit_codes
from evonas.relaxed.methods import ScalarSettings
from evonas.report.plot import save_figure
from search_spaces.cell.genotype import nasbench201_string

Seeds = Annotated[int, typer.Option(min=1, help="Searches of each kind.")]
Out = Annotated[Path, typer.Option(help="Folder of the searches and the results.")]
app = typer.Typer(help=__doc__, no_args_is_help=True, add_completion=False)

SPACE: Mapping[str, Any] = {"cells": 3, "nodes": 4, "channels": 8, "stem_stride": 2}
SMALL: Mapping[str, Any] = {**SPACE, "nodes": 2, "channels": 4}
BENCH201: Mapping[str, Any] = {"operations": "nasbench201", "cells": 17, "channels": 4, "stem_stride": 2}
#: Of the collapse. Skips win in networks that are hard to train without: in 8 cells later than in 17, in 3 and 6 never.
FEW_IMAGES, MANY_EPOCHS = 1280, 30
#: Of pools, skips and convolutions; with the accuracy, parameters and operations that were published (Firsov 2025).
PENALTIES = {
    "A": ((0.33, 0.33, 0.33), "82.5 | 38304 | 12, 10, 6"), "B": ((0.15, 0.15, 0.70), "79.2 | 5120 | 17, 11, 0"),
    "C": ((0.70, 0.15, 0.15), "85.0 | 143488 | 0, 15, 13"), "D": ((0.15, 0.70, 0.15), "81.4 | 12320 | 18, 1, 9"),
}
#: Of the range of log10(lambda).
PLACES = (0.0, 0.2, 0.4, 0.6, 0.8, 1.0)
#: Searches of 300 to 400 steps, where DARTS had 20 000: logits learn faster than by the published 3e-4 (DARTS) and 1e-3
#: (scalar hypernetwork).
FAST: Mapping[str, Any] = {"arch_learning_rate": 1e-2}
NO_REMEDY: Mapping[str, Any] = {"auxiliary_skip": False, "beta_decay": 0.0, "warm_up": 0.0}


@app.command()
@exit_codes()
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
@exit_codes()
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
@exit_codes()
def collapse(seeds: Seeds = 3, out: Out = Path("runs/cells")) -> None:
    """DARTS on the cell of NAS-Bench-201, with remedies and without: skips among its edges, epoch by epoch."""
    lab = Lab(out / "collapse", BENCH201, MANY_EPOCHS, FEW_IMAGES)
    rows = []
    for name, settings in {"without remedies": NO_REMEDY, "with remedies": {}}.items():
        nets = [lab.searched("darts", seed, name=name, **FAST, **settings) for seed in range(seeds)]
        found = [net.family(lab.space, 1, np.random.default_rng(0))[0] for net in nets]
        trained = [lab.measured(genotype, seed) for seed, genotype in enumerate(found)]
        for seed, (genotype, row) in enumerate(zip(found, trained, strict=True)):
            lines = (lab.out / f"{name}-{seed}" / "epochs.jsonl").read_text().splitlines()
            skips = {e["epoch"]: round(e["skips"] * lab.space.choices.n_choices) for e in map(json.loads, lines)}
            shown = [n for epoch, n in skips.items() if epoch % (MANY_EPOCHS // 10) == 0]
            cell = nasbench201_string(genotype.cells[0])
            rows.append(f"{name}, {seed} | {' '.join(map(str, shown))} | {row['accuracy']:.1f} | `{cell}`")
    header = "search, seed | edges of 6 that prefer the skip, along the search | accuracy, % | cell"
    write(lab.out, f"DARTS on the cell of NAS-Bench-201, {seeds} seeds.", header, rows)


@app.command()
@exit_codes()
def evolution(
    seeds: Seeds = 3, out: Out = Path("runs/cells"),
    seconds: Annotated[float, typer.Option(min=1, help="Wall-clock of each run.")] = 100,
) -> None:
    """Evolution from a hypernetwork's family and from random cells, beside random search, in the same time."""
    run_all(out / "evolution", SMALL, seeds, seconds)


if __name__ == "__main__":
    app()
