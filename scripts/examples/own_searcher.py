"""Searcher of one's own, MAP-Elites (Mouret 2015, https://arxiv.org/abs/1504.04909), and a run with it.

Usage: own_searcher.py [RUN]
"""

from __future__ import annotations

import math
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import numpy as np

from evonas.config import RunConfig
from evonas.data import load
from evonas.evaluation import CostEvaluator, TrainedEvaluator, merge
from evonas.individual import Member, Trial
from evonas.objectives import Objectives, parse_objectives
from evonas.rng import Stream, stream
from evonas.run import loop
from evonas.run.plugins import create_space
from evonas.search import History
from evonas.search.generational import Generational, keys, members_of
from evonas.space import G, Offspring, SearchSpace
from evonas.store import RunStore, create
from evonas.types import Json


class MapElites(Generational[G]):
    """Searcher that keeps the best by the first objective in every range of the last, and mutates any of these.

    Args:
        space: Source of genotypes.
        objectives: The first is the quality, the last the cost.
        population: Founders.
        children: Offspring of a generation.
        generations: Generations after the founders.
        ranges: Ranges of the cost in each unit of its loss, which is a decade if that is a logarithm.
        rungs: Budgets of a trial in epochs.
        rng: The searcher's own generator.
    """

    def __init__(
        self, space: SearchSpace[G], objectives: Objectives, *, population: int, children: int, generations: int,
        ranges: float = 8.0, rungs: tuple[int, ...] = (1,), rng: np.random.Generator,
    ) -> None:
        super().__init__(space, objectives, generations=generations, rungs=rungs, rng=rng)
        self._population, self._children, self._ranges = population, children, ranges
        self._elites: dict[int, Member[G]] = {}

    def _bear(self) -> Sequence[Trial[G]]:
        return self._trials(self._child, self._children) if self._elites else self._found(self._population)

    def _child(self) -> tuple[Offspring[G], tuple[Member[G], ...]]:
        parent = self._elites[int(self._rng.choice(sorted(self._elites)))]
        return self._space.mutate(parent.genotype, self._rng), (parent,)

    def _learn(self, members: list[Member[G]]) -> None:
        for member in members:
            if member.evaluation.status == "ok" and self._confirmed(member):
                place = self._place(member)
                if place not in self._elites or self._quality(member) < self._quality(self._elites[place]):
                    self._elites[place] = member

    def _place(self, member: Member[G]) -> int:
        return math.floor(self._ranges * self._objectives.items[-1].loss(member.evaluation.metrics))

    def _quality(self, member: Member[G]) -> float:
        return self._objectives.items[0].loss(member.evaluation.metrics)

    def state(self) -> Json:
        """Return the state as JSON: the base class's part, and the elites."""
        return {**super().state(), "elites": keys(list(self._elites.values()))}

    def restore(self, state: Json, history: History[G]) -> None:
        """Continue exactly where :meth:`state` was taken."""
        super().restore(state, history)
        self._elites = {self._place(member): member for member in members_of(state["elites"], history)}


def main(out: Path) -> None:
    """Search on the digits, or continue the run."""
    config = RunConfig(population=12, children=8, generations=6, epochs=6, objectives=("val_error", "flops"),
                       self_distillation=False)
    splits = load(config.dataset)
    space = create_space(config.space, splits.task, config.space_options)
    evaluator = merge(TrainedEvaluator(space, splits, config.recipe), CostEvaluator(space, ("edges", "flops")))
    searcher = MapElites(
        space, parse_objectives(config.objectives or (), (), evaluator.metric_names), population=config.population,
        children=config.children, generations=config.generations, rungs=config.budgets,
        rng=np.random.default_rng(stream(config.seed, Stream.SEARCH)),
    )
    if not out.exists():
        documents = {"config": config.to_json(), "task": asdict(splits.task)}
        create(out, fingerprint=splits.fingerprint, normalisation=splits.scaling.to_json(), **documents)
    with RunStore(out, space, writing=True) as store:
        loop.run(searcher, evaluator, store, seed=config.seed)


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "runs/elites"))
