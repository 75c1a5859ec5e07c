"""DARTS on the cell of NAS-Bench-201, with remedies against its collapse into skips and without."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from evonas.report.plot import save_figure
from search_spaces.cell.genotype import nasbench201_string

from .lab import Lab, write
from .settings import FAST

#: The network of NAS-Bench-201: three stages of 5 cells with a residual block before the second and the third. Skips
#: win in networks that are hard to train without: in 8 cells later than in 17, in 3 and 6 not within 60 epochs.
BENCH201: Mapping[str, Any] = {"operations": "nasbench201", "cells": 15, "channels": 4, "stem_stride": 2}
FEW_IMAGES, EPOCHS = 640, 60
#: Colours of the lines of the plot.
COLOURS: Mapping[str, str] = {"without remedies": "tab:red", "with remedies": "tab:blue"}
NO_REMEDY: Mapping[str, Any] = {"auxiliary_skip": False, "beta_decay": 0.0, "warm_up": 0.0, "cool_down": 0.0}


def run_collapse(out: Path, n_seeds: int) -> None:
    """Write the skips among the edges, epoch by epoch, and the accuracies of the cells."""
    lab, judge = Lab(out, BENCH201, EPOCHS, FEW_IMAGES), Lab(out, BENCH201, EPOCHS)
    rows = []
    figure = Figure(figsize=(8, 4), layout="constrained")
    axes = figure.add_subplot(xlabel="epoch of the search", ylabel="edges of 6 that prefer the skip", ylim=(-0.2, 6.2))
    for name, settings in {"without remedies": NO_REMEDY, "with remedies": {}}.items():
        nets = [lab.searched("darts", seed, name=name, **FAST, **settings) for seed in range(n_seeds)]
        found = [net.family(lab.space, 1, np.random.default_rng(0))[0] for net in nets]
        trained = [judge.measured(genotype, seed) for seed, genotype in enumerate(found)]
        for seed, (genotype, row) in enumerate(zip(found, trained, strict=True)):
            lines = (lab.out / f"{name}-{seed}" / "epochs.jsonl").read_text().splitlines()
            skips = {e["epoch"]: round(e["skips"] * lab.space.choices.n_choices) for e in map(json.loads, lines)}
            axes.plot([*skips], [*skips.values()], color=COLOURS[name], alpha=0.8, label=None if seed else name)
            shown = [n for epoch, n in skips.items() if epoch % (EPOCHS // 12) == 0]
            cell = nasbench201_string(genotype.cells[0])
            rows.append(f"{name}, {seed} | {' '.join(map(str, shown))} | {row['accuracy']:.1f} | `{cell}`")
    header = "search, seed | edges of 6 that prefer the skip, along the search | accuracy, % | cell"
    write(lab.out, f"DARTS on the cell of NAS-Bench-201, {n_seeds} seeds.", header, rows)
    axes.legend()
    save_figure(figure, lab.out.with_suffix(".png"))
