"""Times of the bookkeeping of a run as it grows: python -m scripts.benchmarks.bookkeeping [--most 100000]

Nothing is trained: metrics are drawn so that the front grows to some hundred members, weights are 300 numbers. The
table says at each size what a generation costs the searcher (ask and the drawing of its children; tell and state) and
the store, and how long the run takes to open (database, searcher, records). Times are those of the processor, so that a
busy machine says the same.
"""

from __future__ import annotations

import tempfile
import time
from pathlib import Path
from typing import Annotated, NamedTuple

import numpy as np
import typer
from rich.console import Console
from rich.table import Table

from evonas.cli.failing import exit_codes
from evonas.evaluation import Job
from evonas.individual import Evaluation, Trial
from evonas.objectives import parse_objectives
from evonas.search import NSGA2
from evonas.space import Offspring
from evonas.store import Group, RunStore, create
from evonas.testing.toy import LEVELS, Digits, ToySpace
from evonas.training import Stop

CHILDREN, POPULATION, N_WEIGHTS, N_DIGITS = 100, 100, 300, 64
#: Generations before each size over which times are averaged.
AVERAGED = 20
OBJECTIVES = parse_objectives(["val_error", "flops"], [], ["val_error", "flops"])


class Row(NamedTuple):
    """Times at one size.

    Attributes:
        evaluations: Evaluations in the run.
        front: Members of the searcher's archive.
        ask: Milliseconds a generation for asking and drawing.
        tell: Milliseconds a generation for telling, the state included.
        stored: Evaluations stored a second.
        opened: Seconds until the run is open.
    """

    evaluations: int
    front: int
    ask: float
    tell: float
    stored: float
    opened: float


class LongSpace(ToySpace):
    """Space of genotypes of :data:`N_DIGITS` digits, among which a child is hardly ever one that was there before."""

    def sample(self, rng: np.random.Generator) -> Digits:
        """Random digits."""
        return Digits(tuple(rng.integers(LEVELS, size=N_DIGITS).tolist()))

    def mutate(self, parent: Digits, rng: np.random.Generator, operator: str | None = None) -> Offspring[Digits]:
        """Another value of one digit.

        Args:
            parent: The parent.
            rng: Draws place and value.
            operator: Not used.
        """
        values = list(parent.values)
        values[int(rng.integers(N_DIGITS))] = int(rng.integers(LEVELS))
        return Offspring(Digits(tuple(values)), "change_digit")

    def validate(self, genotype: Digits) -> None:
        """Accept all."""


def measured(trial: Trial[Digits], rng: np.random.Generator) -> Evaluation[Digits]:
    """A made-up result: the error falls with the sum of the digits, with noise that many members of a front have."""
    values = trial.individual.genotype.values
    cost = LongSpace().cost(trial.individual.genotype)["flops"]
    error = 10.0 / (1.0 + sum(values)) + 1e-2 * rng.exponential()
    metrics = {"val_error": error, "val_accuracy": 1.0 - error, "trainval_error": error, "flops": cost, "params": 18.0}
    weights = {"values": rng.normal(size=N_WEIGHTS).astype(np.float32)}
    return Job(trial, np.random.SeedSequence(0), None, Stop()).result(metrics, weights=weights)


def searcher(n: int) -> NSGA2[Digits]:
    """A searcher that asks for ``n`` trials and more."""
    return NSGA2(
        LongSpace(), OBJECTIVES, population=POPULATION, children=CHILDREN, generations=n // CHILDREN + 1,
        rng=np.random.default_rng(0),
    )


def grow(directory: Path, sizes: list[int]) -> list[Row]:
    """Rows for a run that grows to the given sizes.

    Args:
        directory: Folder of the run, to be made.
        sizes: Numbers of evaluations, ascending.
    """
    create(directory, config={}, task={}, fingerprint="", normalisation={})
    rows, rng = [], np.random.default_rng(1)
    for size in sizes:
        store, search, opened = reopened(directory, sizes[-1])
        times: list[tuple[float, float, float]] = []
        n = len(store.records())
        while n < size:
            begin = time.process_time()
            trials = search.ask()
            drawn = list(trials)
            asked = time.process_time()
            evaluations = [measured(trial, rng) for trial in drawn]
            made = time.process_time()
            with Group(store) as group:
                for trial, evaluation in zip(drawn, evaluations, strict=True):
                    group.add_individual(trial.individual)
                    group.add(evaluation, elapsed=1.0)
            written = time.process_time()
            search.tell([store.evaluation(*trial.key) for trial in drawn])
            store.add_state(search.state())
            times.append((asked - begin, time.process_time() - written, written - made))
            n += len(drawn)
        front = len(search.state()["archive"])
        store.close()
        ask, tell, stored = np.mean(times[-AVERAGED:], axis=0)
        store, _, opened = reopened(directory, sizes[-1])
        store.close()
        rows.append(Row(n, front, 1e3 * ask, 1e3 * tell, CHILDREN / stored, opened))
    return rows


def reopened(directory: Path, n: int) -> tuple[RunStore[Digits], NSGA2[Digits], float]:
    """The run, open for writing, with its searcher, and the seconds that took.

    Args:
        directory: Folder of the run.
        n: Number of evaluations that the searcher asks for.
    """
    begin = time.process_time()
    store, search = RunStore(directory, LongSpace(), writing=True), searcher(n)
    store.records()
    _ = store.elapsed
    if store.state is not None:
        search.restore(store.state, store)
    return store, search, time.process_time() - begin


@exit_codes()
def main(
    most: Annotated[int, typer.Option(min=1, help="Evaluations.")] = 100_000,
    out: Annotated[Path | None, typer.Option(help="Folder of the run [a temporary one].")] = None,
) -> None:
    """Print the times of the bookkeeping of a run as it grows."""
    sizes = [size for size in (1_000, 10_000, 100_000, 1_000_000) if size <= most] or [most]
    with tempfile.TemporaryDirectory() as folder:
        rows = grow((out or Path(folder)) / "run", sizes)
    table = Table(title=f"{CHILDREN} children a generation, {N_WEIGHTS} weights each")
    for name in ("evaluations", "front", "ask, ms", "tell, ms", "stored a second", "opened in s"):
        table.add_column(name, justify="right")
    for row in rows:
        table.add_row(
            f"{row.evaluations:,}", str(row.front), f"{row.ask:.1f}", f"{row.tell:.1f}", f"{row.stored:,.0f}",
            f"{row.opened:.2f}",
        )
    Console().print(table)


if __name__ == "__main__":
    typer.run(main)
