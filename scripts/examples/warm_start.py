"""Differentiable search, then evolution, then the front. Usage: warm_start.py [METHOD] [DATASET] [FOLDER]

The search gives a family of cells with weights; they are trained further, and their front founds an evolution.
"""

import sys
from pathlib import Path

from evonas.config import RunConfig
from evonas.front import front
from evonas.run import start
from evonas.run.open import open_run

defaults = ["hypernet-scalar", "digits", "runs/cells"]
method, dataset, folder = [*sys.argv[1:], *defaults[len(sys.argv) - 1 :]]
common = {"space": "cell", "dataset": dataset, "objectives": ("val_error", "params"), "epochs": 3, "jobs": 2}
options = {"cells": 3, "nodes": 2, "channels": 4}

seeded = Path(folder) / "seeded"
start.seed(
    RunConfig(**common, space_options=options, searcher="random", seeder=method, search_epochs=20), seeded, n_members=8
)
evolved = Path(folder) / "evolved"
start.evolve(
    RunConfig(**common, space_options=options, population=8, children=8, generations=4), evolved, seed_from=[seeded]
)
with open_run(evolved) as run:
    for record in front(run.store.records(), run.objectives):
        numbers = "{params:7.0f} parameters  {val_accuracy:.1%}".format(**record.metrics)
        print(record.id, numbers, record.operator, run.store.member(record.id).genotype)
