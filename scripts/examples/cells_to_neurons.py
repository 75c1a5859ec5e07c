"""Search for cells, then evolve their neurons. Usage: cells_to_neurons.py [METHOD] [DATASET] [FOLDER]

A differentiable search gives a family of small cells with weights. Each member of its front is lowered to single
neurons, one for each channel and place, whose edges share a weight for each tap; then they are released, pruned and
evolved.
"""

import sys
from pathlib import Path

from evonas.config import RunConfig
from evonas.front import front
from evonas.run import start
from evonas.run.open import open_run

defaults = ["hypernet-vector", "digits", "runs/lowered"]
method, dataset, folder = [*sys.argv[1:], *defaults[len(sys.argv) - 1 :]]
common = {"dataset": dataset, "objectives": ("trainval_error", "flops"), "epochs": 3, "jobs": 2}

cells = Path(folder) / "cells"
options = {"operations": "tiny", "cells": 3, "channels": 4}  # stem_stride=2 for images of 16 pixels or more
start.seed(
    RunConfig(**common, space="cell", space_options=options, searcher="random", seeder=method, search_epochs=10),
    cells, n_members=6,
)
neurons = Path(folder) / "neurons"
start.evolve(
    RunConfig(**common, space_options={"edges": (200, 200_000)}, population=12, children=8, generations=6),
    neurons, seed_from=[cells],
)
for directory in (cells, neurons):
    print(directory)
    with open_run(directory) as run:
        for record in front(run.store.records(), run.objectives):
            numbers = "{flops:8.0f} FLOPs  {params:6.0f} parameters  {val_accuracy:.1%}".format(**record.metrics)
            print(f"{record.id:4d} {numbers}  {record.operator}")
