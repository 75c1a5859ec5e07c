"""A toy run in a process of its own, to be killed. Usage: killed_run.py DIRECTORY"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
from toy import OBJECTIVES, ToyEvaluator, ToySpace

from evonas import engine
from evonas.search import NSGA2
from evonas.store import RunStore, create


class Announcer:
    """Prints the id of every evaluation that was reported as stored."""

    def asked(self, generation: int, n_trials: int, n_missing: int) -> None:
        pass

    def evaluated(self, evaluation: object) -> None:
        print(evaluation.id, flush=True)  # type: ignore[attr-defined]

    def told(self) -> None:
        pass


def main(directory: Path) -> None:
    space = ToySpace()
    if not directory.exists():
        create(directory, config={}, task={}, fingerprint="", normalisation={})
    searcher = NSGA2(space, OBJECTIVES, population=8, children=6, generations=40, rng=np.random.default_rng(0))
    with RunStore(directory, space, writing=True) as store:
        engine.run(searcher, ToyEvaluator(seconds=0.01), store, seed=0, n_jobs=2, observers=[Announcer()])


if __name__ == "__main__":
    main(Path(sys.argv[1]))
