"""A toy run in a process of its own, to be killed. Usage: killed_run.py DIRECTORY [heavy|asynchronous|SEARCHER]"""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np

from evonas.evaluation import Job
from evonas.individual import Evaluation
from evonas.run import loop
from evonas.search import SEARCHERS, traits_of
from evonas.store import RunStore, create
from evonas.testing.toy import OBJECTIVES, Digits, ToyEvaluator, ToySpace


class Announcer:
    """Prints the id of every evaluation that was reported as stored."""

    def asked(self, generation: int, n_trials: int, n_missing: int) -> None:
        pass

    def evaluated(self, evaluation: object) -> None:
        print(evaluation.id, flush=True)  # type: ignore[attr-defined]

    def told(self) -> None:
        pass


class Heavy(ToyEvaluator):
    """Trains in no time, and gives many weights: the first is that of the toy."""

    def __call__(self, job: Job[Digits]) -> Evaluation[Digits]:
        evaluation = super().__call__(job)
        assert evaluation.weights is not None
        return replace(evaluation, weights={"depth": np.repeat(evaluation.weights["depth"], 50_000)})


def main(directory: Path, how: str) -> None:
    space, heavy = ToySpace(), how == "heavy"
    kind = SEARCHERS.get(how, SEARCHERS["nsga2"])
    rungs = (1, 3) if traits_of(kind).rungs == "several" else (1,)
    if not directory.exists():
        create(directory, config={}, task={}, fingerprint="", normalisation={})
    searcher = kind(
        space, OBJECTIVES, population=8, children=6, generations=12 if how == "surrogate" else 40, rungs=rungs,
        rng=np.random.default_rng(0),
    )
    with RunStore(directory, space, writing=True) as store:
        evaluator = Heavy() if heavy else ToyEvaluator(seconds=0.01)
        loop.run(
            searcher, evaluator, store, seed=0, n_jobs=1 if heavy else 2, asynchronous=how == "asynchronous",
            observers=[Announcer()],
        )


if __name__ == "__main__":
    main(Path(sys.argv[1]), (*sys.argv[2:], "")[0])
