"""Scores, one at a time into a CSV file, and all of them as Markdown."""

from __future__ import annotations

import csv
import io
import time
import warnings
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path

import numpy as np
from sklearn.model_selection import train_test_split

from evonas.report.comparison_tables import mean_text
from evonas.serialization.files import atomic_write
from evonas.types import UserError

from .methods import METHODS, n_params
from .tables import Table

#: Share of the rows in the test part.
TEST = 0.3


@dataclass(frozen=True)
class Score:
    """Score of one method on one split.

    Attributes:
        table: Name of the table.
        method: Name of the method.
        split: Seed of the split.
        limit: Time limit of evonas in seconds; 0 for the others, which have none.
        score: Accuracy in %, or 100 R².
        seconds: Time of ``fit``.
        params: Trained values; None if the method has no such number.
    """

    table: str
    method: str
    split: int
    limit: float
    score: float
    seconds: float
    params: int | None


def measure(name: str, table: Table, method: str, split: int, seconds: float) -> Score:
    """Fit on 70 % of the rows, stratified by class, and score on the others.

    Args:
        name: Name of the table.
        table: The table.
        method: Name of the method.
        split: Seed of the split.
        seconds: Time limit of evonas.
    """
    x, y = table.read()
    strata = y if table.kind == "classification" else None
    a, b, s, t = train_test_split(x, y, test_size=TEST, random_state=split, stratify=strata)
    model = METHODS[method](table.kind, seconds, split)
    began = time.monotonic()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # warnings of methods that have not converged
        model.fit(a, s)
    took = time.monotonic() - began
    limit = seconds if method == "evonas" else 0.0
    return Score(name, method, split, limit, 100 * float(model.score(b, t)), took, n_params(model))


def measure_all(
    tables: dict[str, Table], methods: Sequence[str], n_splits: int, seconds: float, path: Path,
    report: Callable[[str], None],
) -> list[Score]:
    """Measure every method on every split of every table; scores in the file are not measured again.

    Args:
        tables: Tables by name.
        methods: Names of :data:`METHODS`.
        n_splits: Number of splits; their seeds count from 0.
        seconds: Time limit of evonas.
        path: CSV file, written after every fit.
        report: Called with each score as text.
    """
    scores = read(path)
    known = {(s.table, s.method, s.split, s.limit) for s in scores}
    for name, table in tables.items():
        for split in range(n_splits):
            for method in methods:
                if (name, method, split, seconds if method == "evonas" else 0.0) in known:
                    continue
                score = measure(name, table, method, split, seconds)
                scores.append(score)
                write(path, scores)
                report(f"{name}, split {split}, {method}: {score.score:.2f} in {score.seconds:.1f} s")
    return scores


def read(path: Path) -> list[Score]:
    """Read the scores in a file, none without a file; raise :class:`UserError` for a file of another kind."""
    if not path.exists():
        return []
    try:
        return [_score(row) for row in csv.DictReader(io.StringIO(path.read_text()))]
    except (KeyError, TypeError, ValueError) as error:
        raise UserError(f"{path} holds no scores of this benchmark ({error}): choose another --out") from None


def _score(row: dict[str, str]) -> Score:
    return Score(
        row["table"], row["method"], int(row["split"]), float(row["limit"]), float(row["score"]), float(row["seconds"]),
        int(row["params"]) if row["params"] else None,
    )


def write(path: Path, scores: Sequence[Score]) -> None:
    """Write the file, whole or not at all."""
    text = io.StringIO()
    writer = csv.DictWriter(text, [field.name for field in fields(Score)], lineterminator="\n")
    writer.writeheader()
    writer.writerows(asdict(score) for score in scores)
    atomic_write(path, text.getvalue().encode())


def markdown(scores: Sequence[Score], tables: dict[str, Table], methods: Sequence[str], seconds: float) -> str:
    """Return a Markdown table with a row for each table.

    It has mean and deviation of each method's scores, and parameters and time of evonas and the MLP.

    Args:
        scores: All scores.
        tables: Tables by name.
        methods: Names of the columns.
        seconds: Time limit of evonas.
    """
    asked = [s for s in scores if s.limit in (0.0, seconds)]
    by_cell = {(n, m): [s for s in asked if (s.table, s.method) == (n, m)] for n in tables for m in methods}
    lines = [
        f"Accuracy in % (of a regression 100 R²) on {TEST:.0%} of the rows, mean ± deviation over the splits. evonas "
        f"has {seconds:g} s for each; the others have the defaults of scikit-learn, networks and linear models on "
        "standardised columns: mlp has 100 hidden neurons and up to 300 epochs, forest 200 trees, linear is logistic "
        "or ridge regression.",
        "",
        f"| table | {' | '.join(methods)} | parameters, evonas | mlp | seconds, evonas | mlp |",
        "|---" * (len(methods) + 5) + "|",
    ]
    for name in tables:
        cells = [mean_text([s.score for s in by_cell[name, m]], ".2f") for m in methods]
        for value in ("params", "seconds"):
            for method in ("evonas", "mlp"):
                numbers = [getattr(s, value) for s in by_cell.get((name, method), [])]
                known = [number for number in numbers if number is not None]
                cells.append(f"{np.mean(known):.{0 if value == 'params' else 1}f}" if known else "-")
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"
