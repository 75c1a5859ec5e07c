"""Metric of one's own as an objective: the largest error among the classes. Usage: own_metric.py [RUN]"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import ClassVar, Generic

import numpy as np

from evonas.config import RunConfig
from evonas.data import load
from evonas.data.samples import Splits
from evonas.evaluation import CostEvaluator, TrainedEvaluator, merge
from evonas.evaluation.base import goals_of
from evonas.evaluation.training import predict
from evonas.objectives import parse_objectives
from evonas.rng import Stream, stream
from evonas.run import loop
from evonas.run.plugins import create_space
from evonas.search import NSGA2
from evonas.space import G, Phenotype, SearchSpace
from evonas.store import RunStore, create
from evonas.training import Stop
from evonas.types import Goal, Metrics

WORST = "val_worst_class_error"


@dataclass(frozen=True)
class WorstClass(Generic[G]):
    """Largest error of a class on the validation samples; merged with an evaluator that trains."""

    space: SearchSpace[G]
    splits: Splits
    shares_memory: bool = True

    metric_names: ClassVar[tuple[str, ...]] = (WORST,)
    goals: ClassVar[Mapping[str, Goal]] = {WORST: "min"}

    def measure(self, phenotype: Phenotype[G], stop: Stop) -> Metrics:
        """The metric of a network as training has left it."""
        if not phenotype.weights:
            raise ValueError(f"{WORST} needs trained weights: merge it with an evaluator that trains")
        samples = self.splits.validation
        outputs = predict(self.space, phenotype.genotype, phenotype.weights, samples)
        labels = samples.y.astype(np.int64)
        wrong = outputs.argmax(axis=1) != labels
        return {WORST: max(float(wrong[labels == label].mean()) for label in np.unique(labels))}


def main(out: Path) -> None:
    """Search on the digits, or continue the run."""
    config = RunConfig(population=12, children=8, generations=6, epochs=6, objectives=(WORST, "flops"),
                       self_distillation=False)
    splits = load(config.dataset)
    space = create_space(config.space, splits.task, config.space_options)
    evaluator = merge(
        TrainedEvaluator(space, splits, config.recipe), WorstClass(space, splits),
        CostEvaluator(space, ("edges", "flops")),
    )
    objectives = parse_objectives(config.objectives or (), (), evaluator.metric_names, goals_of(evaluator))
    searcher = NSGA2(
        space, objectives, population=config.population, children=config.children, generations=config.generations,
        rungs=config.budgets, rng=np.random.default_rng(stream(config.seed, Stream.SEARCH)),
    )
    if not out.exists():
        documents = {"config": config.to_json(), "task": asdict(splits.task)}
        create(out, fingerprint=splits.fingerprint, normalisation=splits.scaling.to_json(), **documents)
    with RunStore(out, space, writing=True) as store:
        loop.run(searcher, evaluator, store, seed=config.seed)


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "runs/worst"))
