"""Train a hypernetwork over cells, then ask it for architectures. Usage: search_cells.py [DATASET] [FOLDER]

A stopped search continues. Settings: 10 000 images of Fashion-MNIST, 3 cells of 4 nodes with 8 channels.
"""

import sys
from pathlib import Path

import numpy as np

from evonas.data import load
from evonas.run.plugins import create_space
from evonas.supernet.checkpoint import load_hypernet
from evonas.supernet.search import SupernetSearch
from evonas.supernet.settings import VectorSettings
from evonas.training import Recipe, Stop

dataset, folder = [*sys.argv[1:], *["fashion-mnist", "runs/hypernet"][len(sys.argv) - 1 :]]
directory = Path(folder)
directory.mkdir(parents=True, exist_ok=True)
splits = load(dataset, n_train=10_000)
space = create_space("cell", splits.task, {"operations": "firsov", "cells": 3, "nodes": 4, "channels": 8})
search = SupernetSearch(space, "hypernet-vector", VectorSettings(tau=0.25))
family = search.search(
    splits, Recipe(), n_members=10, epochs=search.epochs, seed=np.random.SeedSequence(0), stop=Stop(),
    directory=directory, report=lambda epoch, n_epochs, metrics: print(f"epoch {epoch}/{n_epochs}", dict(metrics)),
)
sizes = [space.cost(member.genotype)["params"] for member in family.members]
print(f"{len(sizes)} members of {min(sizes):.0f} to {max(sizes):.0f} parameters")

net = load_hypernet(directory, space.choices)  # as `evonas sample` does
for name, penalties in {
    "A": (0.33, 0.33, 0.33), "B": (0.15, 0.15, 0.70), "C": (0.70, 0.15, 0.15), "D": (0.15, 0.70, 0.15)
}.items():
    genotype = net.ask(space, penalties)
    counts = space.arch_of(genotype).sum(axis=0)
    named = ", ".join(f"{count:.0f} {operation}" for operation, count in zip(net.operations, counts, strict=True))
    print(f"{name} {penalties}: {space.cost(genotype)['params']:.0f} parameters, {named}")
