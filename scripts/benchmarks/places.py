"""Evaluations a minute where trials run: python -m scripts.benchmarks.places [--workers 2] [--trials 120]

Trials wait in the place of training, so that workers need no core each. The first table says what a place costs: trials
of the same length. The second says what the barrier of a generation costs: trials that take 0.03 to 2 seconds by their
size, as networks of 300 to 20 000 edges do.
"""

from __future__ import annotations

import tempfile
import time
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from rich.console import Console
from rich.table import Table

from evonas.cli.failing import exit_codes
from evonas.evaluation import Job
from evonas.evaluation.cluster.place import connected
from evonas.evaluation.executor import Place, evaluate_all
from evonas.evaluation.local import Local
from evonas.individual import Evaluation, Individual, Trial
from evonas.run import loop
from evonas.search import NSGA2
from evonas.store import RunStore, create
from evonas.testing.toy import OBJECTIVES, Digits, ToyEvaluator, ToySpace
from evonas.training import Stop

#: Seconds that the smallest and the largest network take, and the FLOPs of the largest.
SHORTEST, LONGEST, MOST_FLOPS = 0.03, 2.0, 1801.0
POPULATION, CHILDREN = 20, 10


@dataclass(frozen=True)
class Sized(ToyEvaluator):
    """A trial takes as long as a network of its size."""

    def __call__(self, job: Job[Digits]) -> Evaluation[Digits]:
        """Wait, and give the toy's result."""
        time.sleep(self.work(job.trial))
        return super().__call__(job)

    def work(self, trial: Trial[Digits]) -> float:
        """Seconds that the trial takes."""
        share = ToySpace().cost(trial.individual.genotype)["flops"] / MOST_FLOPS
        return float(SHORTEST * (LONGEST / SHORTEST) ** share)


def alike(place: Place, seconds: float, n: int, *, threads: bool) -> float:
    """Evaluations a minute of trials of one length; what starts with the first of them is not counted.

    Args:
        place: Place where they run.
        seconds: Seconds that each takes.
        n: Number of the trials.
        threads: Whether they run in threads, where the place has these.
    """
    evaluator = ToyEvaluator(seconds=seconds, threads=threads)
    begin = 0.0
    for n_trials in (place.n_workers, n):
        genotypes = [ToySpace().sample(np.random.default_rng(id)) for id in range(n_trials)]
        trials = [Trial(Individual(id, genotype, 0, ""), 1) for id, genotype in enumerate(genotypes)]
        jobs = [Job(trial, np.random.SeedSequence(trial.individual.id), None, Stop()) for trial in trials]
        begin = time.perf_counter()
        assert sum(e.status == "ok" for e in evaluate_all(evaluator, jobs, stop=Stop(), place=place)) == n_trials
    return 60 * n / (time.perf_counter() - begin)


def searched(place: Place, n: int, *, asynchronous: bool) -> float:
    """Evaluations a minute of a search among networks of all sizes.

    Args:
        place: Place where trials run.
        n: Number of evaluations.
        asynchronous: Whether there is no barrier between generations.
    """
    searcher = NSGA2(
        ToySpace(), OBJECTIVES, population=POPULATION, children=CHILDREN, generations=n, rng=np.random.default_rng(0)
    )
    with tempfile.TemporaryDirectory() as folder:
        create(Path(folder) / "run", config={}, task={}, fingerprint="", normalisation={})
        with RunStore(Path(folder) / "run", ToySpace(), writing=True) as store:
            begin = time.perf_counter()
            loop.run(searcher, Sized(), store, seed=0, place=place, asynchronous=asynchronous, n_evaluations=n)
            return 60 * n / (time.perf_counter() - begin)


@exit_codes()
def main(
    workers: Annotated[int, typer.Option(min=1, help="Trials at a time.")] = 2,
    trials: Annotated[int, typer.Option(min=1, help="Trials of each measurement.")] = 120,
) -> None:
    """Print evaluations a minute where trials run, and what the barrier of a generation costs."""
    lengths = (0.03, 0.1, 0.5)
    title = f"evaluations a minute, {workers} workers"
    costs = Table("place", *(f"{seconds:g} s" for seconds in lengths), title=title)
    barrier = Table("place", "generations", "asynchronous", "gain", title=f"trials of {SHORTEST:g} to {LONGEST:g} s")
    with ExitStack() as stack:
        local, processes = Local(workers), Local(workers)
        stack.callback(local.close)
        cluster = stack.enter_context(connected(f"local:{workers}"))
        places: list[tuple[str, Place, bool]] = [
            ("threads", local, True), ("processes", processes, False), ("Dask, local", cluster, True)
        ]
        for name, place, threads in places:
            costs.add_row(name, *(f"{alike(place, seconds, trials, threads=threads):.0f}" for seconds in lengths))
        for name, place, _ in (places[0], places[2]):
            one, other = (searched(place, trials, asynchronous=asynchronous) for asynchronous in (False, True))
            barrier.add_row(name, f"{one:.0f}", f"{other:.0f}", f"{other / one:.2f}")
    for table in (costs, barrier):
        Console().print(table)


if __name__ == "__main__":
    typer.run(main)
