"""Toy runs in processes of their own, to be killed, that are forked from one that has imported all they need.

Usage: killed_run.py; then a line of JSON on standard input for each run, see :func:`play`. It prints ``begun PID``, the
ids of evaluations as they are reported, and ``ended CODE``.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import traceback
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from evonas.evaluation import Job, processes
from evonas.individual import Evaluation
from evonas.run import loop
from evonas.search import SEARCHERS, traits_of
from evonas.store import RunStore, create
from evonas.testing.toy import OBJECTIVES, Digits, ToyEvaluator, ToySpace

processes.FIRST_SECONDS = float("inf")  # on a slow machine, too, trials run in threads of the process that is killed

#: Generations of a run; fewer where each takes long, or where a run is killed only twice.
GENERATIONS = {"": 40, "heavy": 40, "surrogate": 12}


@dataclass
class Announcer:
    """Prints the id of every evaluation that was reported as stored.

    Attributes:
        most: Number of evaluations after which the run stands still, so that it is not over before it is killed.
    """

    most: int

    def asked(self, generation: int, n_trials: int, n_missing: int) -> None:
        pass

    def evaluated(self, evaluation: object) -> None:
        print(evaluation.id, flush=True)  # type: ignore[attr-defined]
        self.most -= 1
        while not self.most:
            signal.pause()

    def told(self) -> None:
        pass


class Heavy(ToyEvaluator):
    """Trains in no time, and gives many weights: the first is that of the toy."""

    def __call__(self, job: Job[Digits]) -> Evaluation[Digits]:
        evaluation = super().__call__(job)
        assert evaluation.weights is not None
        return replace(evaluation, weights={"depth": np.repeat(evaluation.weights["depth"], 50_000)})


def play(directory: Path, how: str, most: int) -> None:
    """Begin a run, or go on with it.

    Args:
        directory: Its directory.
        how: ``"heavy"``, ``"asynchronous"`` or the name of a searcher; empty for the usual one.
        most: See :class:`Announcer`.
    """
    space, heavy = ToySpace(), how == "heavy"
    kind = SEARCHERS.get(how, SEARCHERS["nsga2"])
    rungs = (1, 3) if traits_of(kind).rungs == "several" else (1,)
    if not directory.exists():
        create(directory, config={}, task={}, fingerprint="", normalisation={})
    searcher = kind(
        space, OBJECTIVES, population=8, children=6, generations=GENERATIONS.get(how, 20), rungs=rungs,
        rng=np.random.default_rng(0),
    )
    with RunStore(directory, space, writing=True) as store:
        evaluator = Heavy() if heavy else ToyEvaluator(seconds=0.01)
        loop.run(
            searcher, evaluator, store, seed=0, n_jobs=1 if heavy else 2, asynchronous=how == "asynchronous",
            observers=[Announcer(most)],
        )


def main() -> None:
    for line in sys.stdin:
        directory, how, most = json.loads(line)
        process = os.fork()
        if process == 0:
            code = 1
            try:
                print(f"begun {os.getpid()}", flush=True)
                play(Path(directory), how, most)
                code = 0
            except BaseException:
                traceback.print_exc()
            finally:
                os._exit(code)
        print(f"ended {os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])}", flush=True)


if __name__ == "__main__":
    main()
