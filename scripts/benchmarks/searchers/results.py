"""Results of searches, a line of JSON each, so that a stopped benchmark continues."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from evonas.serialization.files import atomic_write
from scripts.benchmarks.pooled import in_processes

from .contestants import contestant
from .play import ERROR, Bench, play, read_bench

#: Costs, in full trainings, after which a search is looked at.
LOOKS = (10, 20, 30, 50, 75, 100, 150, 192, 250, 300)
#: Cost after which a search has missed its aim: as many evaluations as there are cells.
MOST = 15_625
#: Wanted share of the hypervolume.
AIM = 0.99

Result = dict[str, Any]


class Game(NamedTuple):
    """A search that is to be run.

    Attributes:
        name: Name of the searcher.
        kind: ``"val_error"``: the least error; else the cost that is minimised beside it.
        seed: Seed of the searcher.
    """

    name: str
    kind: str
    seed: int


class Aim(Protocol):
    """Aim of a search, and the progress towards it."""

    value: float
    reached: bool

    def take(self, number: int) -> None:
        """Learn of a cell that was trained in full."""
        ...


@dataclass
class BestCell:
    """The cell with the least validation error: its test accuracy in %, NaN before there is one."""

    bench: Bench
    value: float = math.nan
    reached: bool = False
    best: int = -1

    def take(self, number: int) -> None:
        if self.best < 0 or self.bench.error[number] < self.bench.error[self.best]:
            self.best, self.value = number, float(self.bench.test[number])
            self.reached = number == self.bench.optimum


@dataclass
class Volume:
    """The front in error and a cost: its share of the true hypervolume in %."""

    bench: Bench
    cost: str
    value: float = 0.0
    reached: bool = False
    front: list[int] = field(default_factory=list)

    def take(self, number: int) -> None:
        points = self.bench.points(self.cost)
        if not math.isfinite(points[number, 1]) or (points[self.front] <= points[number]).all(axis=1).any():
            return
        self.front = [n for n in self.front if not (points[number] <= points[n]).all()] + [number]
        self.value = 100 * self.bench.share(self.front, self.cost)
        self.reached = self.value >= 100 * AIM


def search(bench: Bench, game: Game, most: int) -> Result:
    """Run one search and look at it, see :data:`LOOKS`.

    It goes on up to the last look, and from there until its aim is reached.

    Args:
        bench: The table.
        game: What is searched by what.
        most: Cost after which the search is given up, in full trainings.

    Returns:
        The game's fields, ``most``, ``cost`` (up to the aim; None if it was missed) and ``looks``.
    """
    single = game.kind == ERROR
    aim: Aim = BestCell(bench) if single else Volume(bench, game.kind)
    objectives = (ERROR,) if single else (ERROR, game.kind)
    cost, looks = None, [aim.value] * len(LOOKS)
    for step in play(bench, contestant(game.name, bench, objectives, game.seed)):
        if step.full:
            aim.take(step.number)
            cost = step.cost if aim.reached and cost is None else cost
        for place, look in enumerate(LOOKS):
            if step.cost <= look:
                looks[place] = aim.value
        if step.cost >= most or (cost is not None and step.cost >= LOOKS[-1]):
            break
    seen = [None if math.isnan(value) else round(value, 4) for value in looks]
    return {**game._asdict(), "cost": cost, "most": most, "looks": seen}


def read_results(file: Path) -> list[Result]:
    """Read the results that are written; an incomplete last line is dropped."""
    if not file.exists():
        return []
    lines = file.read_text().split("\n")[:-1]
    return [json.loads(line) for line in lines]


def missing(results: Sequence[Result], names: Sequence[str], kinds: Sequence[str], n_seeds: int) -> list[Game]:
    """Return the games without a result, seed by seed: at any time all searchers have had about equally many.

    Args:
        results: Those that are there.
        names: Names of the searchers.
        kinds: See :class:`Game`.
        n_seeds: Number of seeds, from 0 on.
    """
    known = {(r["name"], r["kind"], r["seed"]) for r in results}
    games = [Game(name, kind, seed) for seed in range(n_seeds) for name in names for kind in kinds]
    return [game for game in games if game not in known]


def run_missing(
    bench: Bench, file: Path, games: Sequence[Game], most: int, *, n_jobs: int = 1,
    source: tuple[Path | None, str, str | None] = (None, "cifar10", None),
) -> Iterator[Result]:
    """Run games and append their results to the file as they end.

    Args:
        bench: The table.
        file: File of the results.
        games: See :func:`missing`.
        most: Cost after which a search is given up, in full trainings.
        n_jobs: Searches at a time, in processes of their own if there are several.
        source: Arguments of :func:`read_bench`, by which other processes read the table.
    """
    atomic_write(file, "".join(json.dumps(r) + "\n" for r in read_results(file)).encode())
    for result in (
        (search(bench, game, most) for game in games) if n_jobs == 1
        else in_processes(partial(_search, most=most), games, n_jobs, begin=_read, arguments=source)
    ):
        with file.open("a") as appended:
            appended.write(json.dumps(result) + "\n")
        yield result


#: The table of a worker.
_BENCH: list[Bench] = []


def _read(root: Path | None, dataset: str, device: str | None) -> None:
    _BENCH[:] = [read_bench(root, dataset, device)]


def _search(game: Game, most: int) -> Result:
    return search(_BENCH[0], game, most)
