"""Evolve neuron-level networks with the Python API, part by part. Usage: evolve_neurons.py [DATASET] [RUN]"""

import sys
from dataclasses import asdict
from pathlib import Path

import numpy as np

from evonas import engine
from evonas.config import RunConfig
from evonas.data import load
from evonas.evaluation import CostEvaluator, TrainedEvaluator, merge
from evonas.objectives import parse_objectives
from evonas.plugins import create_space
from evonas.report.front import front
from evonas.search import NSGA2
from evonas.store import RunStore, create
from evonas.training import Recipe

dataset = sys.argv[1] if len(sys.argv) > 1 else "digits"
directory = Path(sys.argv[2] if len(sys.argv) > 2 else f"runs/script-{dataset}")

# What `evonas front` and `evonas export` need to know of the run later.
config = RunConfig(dataset=dataset, objectives=("val_error", "flops"), space_options={"max_edges": 5000})
splits = load(dataset)  # train and validation; the test set is out of reach
space = create_space("neuron", splits.task, config.space_options)
trained = TrainedEvaluator(space, splits, Recipe(batch_size=32))
cost = CostEvaluator(space, ("edges", "params", "flops", "flops_total", "neurons", "depth"))
evaluator = merge(trained, cost)
objectives = parse_objectives(config.objectives or (), ["flops<=8000"], evaluator.metric_names)
searcher = NSGA2(space, objectives, population=24, children=16, generations=8, budget=10, rng=np.random.default_rng(0))

if not directory.exists():  # else go on where the run stopped
    normalisation = asdict(splits.scaling) if splits.scaling else None
    documents = {"config": config.to_json(), "task": asdict(splits.task), "normalisation": normalisation}
    create(directory, fingerprint=splits.fingerprint, **documents)
with RunStore(directory, space, writing=True) as store:
    engine.run(searcher, evaluator, store, seed=0, n_jobs=2)
    for member in front(store.records(), objectives):
        m = member.metrics
        print(f"{member.id:4d}  {m['edges']:5.0f} edges  {100 * m['val_accuracy']:.1f} %  ({member.operator})")
