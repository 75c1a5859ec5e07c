"""Scores of architectures by this project's proxies, a line of CSV each as soon as it is there."""

from __future__ import annotations

import csv
import math
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from evonas.capabilities.display import Readable
from evonas.data import load
from evonas.evaluation.proxies import MEASURED
from evonas.evaluation.proxies.scorer import Scorer
from evonas.run.plugins import create_space
from evonas.types import UserError
from scripts.benchmarks.pooled import in_processes

#: Proxies of one network.
KNOWN = (*MEASURED, "params", "flops")
COLUMNS = ["index", "proxy", "score", "seconds"]
#: Samples that are read at least: some of every class, and some for validation, which are not used.
FEW = 200


class Score(NamedTuple):
    """One score.

    Attributes:
        architecture: Index of the architecture.
        proxy: Name of the proxy.
        score: The score; NaN if it failed.
        seconds: CPU seconds of the proxy.
    """

    architecture: int
    proxy: str
    score: float
    seconds: float


class Task(NamedTuple):
    """Proxies that an architecture still needs.

    Attributes:
        architecture: Index of the architecture.
        text: The architecture as the benchmark writes it.
        proxies: Their names.
    """

    architecture: int
    text: str
    proxies: tuple[str, ...]


def make_scorer(dataset: str, data_root: Path | None, n_samples: int, draw: int = 0) -> Scorer[Any]:
    """Return a scorer of the benchmark's networks that holds as many samples as it uses.

    Args:
        dataset: Name of the data set.
        data_root: Folder of the data sets; None searches the usual ones.
        n_samples: Number of samples.
        draw: Number of the draw: each has weights and samples of its own.
    """
    splits = load(dataset, root=data_root, n_train=max(n_samples * (draw + 1), FEW), validation=FEW)
    own, one = np.arange(n_samples) + n_samples * draw, np.arange(1)
    few = replace(splits, train=splits.train.take(own), validation=splits.validation.take(one))
    space = create_space("nasbench201", splits.task, {})
    return Scorer(space, few, seed=draw, n_samples=n_samples, weights_seed=draw or None)


def read_scores(path: Path) -> dict[tuple[int, str], Score]:
    """Read the scores that are written, by architecture and proxy; an incomplete last line is dropped.

    Raises:
        UserError: The file has other columns.
    """
    if not path.exists():
        return {}
    text = path.read_text()
    lines = text[: text.rfind("\n") + 1].splitlines()
    if lines and lines[0].split(",") != COLUMNS:
        raise UserError(f"{path}: expected the columns {', '.join(COLUMNS)}, got {lines[0]!r:.80}: choose another "
                        "--out")
    rows = (Score(int(i), name, float(score), float(s)) for i, name, score, s in csv.reader(lines[1:]))
    return {(row.architecture, row.proxy): row for row in rows}


def tasks(table: pd.DataFrame, chosen: Sequence[int], names: Sequence[str], known: Mapping[tuple[int, str], Score]
          ) -> list[Task]:
    """Return what is missing, architecture by architecture.

    Args:
        table: Its column ``arch_str`` has the architectures.
        chosen: Indices of the architectures.
        names: Names of the proxies.
        known: Scores that are there.
    """
    found = []
    for index in chosen:
        if left := tuple(name for name in names if (index, name) not in known):
            found.append(Task(index, str(table["arch_str"][index]), left))
    return found


def run(scorer: Scorer[Any], todo: Sequence[Task], path: Path, *, n_jobs: int, end: float = math.inf
        ) -> Iterator[Score]:
    """Score architectures and append each score to a file.

    Args:
        scorer: See :func:`make_scorer`.
        todo: What is missing.
        path: The file.
        n_jobs: Architectures at a time, in processes of their own if there are several.
        end: Time on the monotonic clock after which no further architecture is begun.
    """
    kept = read_scores(path)
    with path.open("w", newline="") as file:  # without the rest of a line that was cut
        csv.writer(file).writerows([COLUMNS, *kept.values()])
    batches = (_scored(scorer, task) for task in _until(todo, end)) if n_jobs == 1 else _pooled(
        scorer, todo, n_jobs, end
    )
    for batch in batches:
        with path.open("a", newline="") as file:
            csv.writer(file).writerows(batch)
        yield from batch


def _until(todo: Sequence[Task], end: float) -> Iterator[Task]:
    for task in todo:
        if time.monotonic() > end:
            return
        yield task


def _scored(scorer: Scorer[Any], task: Task) -> list[Score]:
    space = scorer.space
    assert isinstance(space, Readable)
    genotype, scores = space.parse(task.text), []
    for name in task.proxies:
        begin = time.process_time()
        found, _ = scorer.scores(genotype, [name])
        scores.append(Score(task.architecture, name, found.get(name, math.nan), round(time.process_time() - begin, 3)))
    return scores


def _pooled(scorer: Scorer[Any], todo: Sequence[Task], n_jobs: int, end: float) -> Iterator[list[Score]]:
    """Yield the scores of each architecture as it ends.

    Args:
        scorer: The scorer.
        todo: Architectures with their proxies.
        n_jobs: Number of processes.
        end: Time on the monotonic clock after which no further architecture is begun.
    """
    return in_processes(_of_worker, _until(todo, end), n_jobs, begin=_keep, arguments=(scorer,))


#: The scorer of a worker.
_SCORER: list[Scorer[Any]] = []


def _keep(scorer: Scorer[Any]) -> None:
    _SCORER[:] = [scorer]


def _of_worker(task: Task) -> list[Score]:
    return _scored(_SCORER[0], task)
