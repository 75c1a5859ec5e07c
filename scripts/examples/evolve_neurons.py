"""Evolve neuron-level networks with the Python API, part by part. Usage: evolve_neurons.py [DATASET] [RUN]"""

import sys
from dataclasses import asdict
from pathlib import Path

import numpy as np

from evonas.config import RunConfig
from evonas.data import load
from evonas.evaluation import CostEvaluator, TrainedEvaluator, merge
from evonas.front import front
from evonas.objectives import parse_objectives
from evonas.rng import Stream, stream
from evonas.run import loop
from evonas.run.plugins import create_space
from evonas.search import NSGA2
from evonas.store import RunStore, create

dataset, directory = [*sys.argv[1:], *["digits", "runs/script"][len(sys.argv) - 1 :]]
config = RunConfig(
    dataset=dataset, objectives=("val_error", "flops"), constraints=("flops<=8000",), population=24, children=16,
    generations=8, epochs=10, self_distillation=False, training={"batch_size": 32}, space_options={"edges": (64, 5000)},
)
splits = load(config.dataset)  # train and validation; the test set is not loaded
space = create_space(config.space, splits.task, config.space_options)
cost = CostEvaluator(space, ("edges", "params", "flops", "flops_total", "neurons", "depth"))
evaluator = merge(TrainedEvaluator(space, splits, config.recipe), cost)
objectives = parse_objectives(config.objectives or (), config.constraints, evaluator.metric_names)
searcher = NSGA2(
    space, objectives, population=config.population, children=config.children, generations=config.generations,
    rungs=config.budgets, rng=np.random.default_rng(stream(config.seed, Stream.SEARCH)),
)
if not Path(directory).exists():  # else continue the run; `evonas resume` would do the same
    documents = {"config": config.to_json(), "task": asdict(splits.task), "normalisation": asdict(splits.scaling)}
    create(Path(directory), fingerprint=splits.fingerprint, **documents)
with RunStore(Path(directory), space, writing=True) as store:
    loop.run(searcher, evaluator, store, seed=config.seed, n_jobs=2)
    for member in front(store.records(), objectives):
        print("{:4d}  {edges:5.0f} edges  {val_accuracy:.1%}".format(member.id, **member.metrics), member.operator)
