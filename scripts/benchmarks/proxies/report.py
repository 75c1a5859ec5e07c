"""Rank correlations of the proxies as one document, its table and its plot."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from evonas.evaluation.proxies import JOINED
from evonas.evaluation.proxies.scorer import joined
from evonas.report.correlation import rank_correlation
from evonas.report.plot import save_figure
from evonas.types import Doubles
from scripts.benchmarks.stored import store

from .scoring import Score
from .tables import ACCURACY, OVERALL, PARAMS, PUBLISHED


def document(
    table: pd.DataFrame, scores: Mapping[tuple[int, str], Score], chosen: Sequence[int], names: Sequence[str],
    *, again: Sequence[Mapping[tuple[int, str], Score]] = (), dataset: str, n_samples: int,
) -> dict[str, Any]:
    """Return the correlations of each proxy over the architectures that it has scored.

    Args:
        table: The published accuracies and scores.
        scores: Scores of this project.
        chosen: Indices of the architectures that count.
        names: Names of the proxies; those whose ranks are joined are added where all their parts are there.
        again: Scores of each further draw of weights and images.
        dataset: Name of the data set whose images were used.
        n_samples: Number of images.
    """
    scored = [i for i in chosen if any((i, name) in scores for name in names)]
    values, *others = (
        {name: np.array([of[i, name].score if (i, name) in of else math.nan for i in scored])
         for name in names if any((i, name) in of for i in scored)}
        for of in (scores, *again)
    )
    values |= {
        name: joined([values[part] for part in parts]) for name, parts in JOINED.items() if {*parts} <= values.keys()
    }
    rows = table.loc[scored]
    accuracy, params = (rows[column].to_numpy(np.float64) for column in (ACCURACY, PARAMS))
    entries = {
        name: _entry(name, each, accuracy, params)
        | {"seconds": _mean([scores[i, name].seconds for i in scored if (i, name) in scores])}
        | _draws(name, [each, *(other[name] for other in others if name in other)], rows)
        for name, each in values.items()
    }
    return {"dataset": dataset, "samples": n_samples, "architectures": len(scored), "proxies": entries,
            "accuracy": _plain(accuracy), "scores": {name: _plain(each) for name, each in values.items()}}


def _entry(name: str, values: Doubles, accuracy: Doubles, params: Doubles) -> dict[str, Any]:
    found = rank_correlation(values, accuracy, params)._asdict()
    numbers = {**found, "published": OVERALL.get(name, math.nan)}
    return {key: None if math.isnan(value) else value for key, value in numbers.items()}


def _draws(name: str, draws: Sequence[Doubles], rows: pd.DataFrame) -> dict[str, Any]:
    """Return how far draws agree with published scores, each for itself, and with each other, by pairs.

    Args:
        name: Name of the proxy.
        draws: Scores of each draw, ``(n_architectures,)``.
        rows: Published scores of the same architectures.
    """
    column = PUBLISHED.get(name)
    published = rows[column].to_numpy(np.float64) if column is not None and column in rows else None
    return {
        "with_published": [] if published is None else [_agreement(draw, published) for draw in draws],
        "between_draws": [_agreement(*pair) for pair in combinations(draws, 2)],
    }


def _agreement(first: Doubles, second: Doubles) -> float | None:
    """Spearman's correlation of two scores of the same architectures; None if it is not defined."""
    found = rank_correlation(first, second, np.ones(len(first))).spearman
    return None if math.isnan(found) else found


def _mean(seconds: Sequence[float]) -> float | None:
    return float(np.mean(seconds)) if seconds else None


def _plain(values: Doubles) -> list[float | None]:
    return [None if math.isnan(value) else float(f"{value:.6g}") for value in values]


def markdown(document: Mapping[str, Any]) -> str:
    """Return a table with a row for each proxy.

    Args:
        document: As :func:`document` makes it.
    """
    lines = [
        "| proxy | networks | Spearman of our draws with published scores | with each other | Spearman with accuracy | "
        "published, all networks | Kendall with accuracy | partial, given parameters | CPU seconds a network |",
        "|---" * 9 + "|",
    ]
    for name, entry in document["proxies"].items():
        keys = ("spearman", "published", "kendall", "partial")
        numbers = [_range(entry["with_published"]), _range(entry["between_draws"])]
        numbers += ["-" if entry[key] is None else f"{entry[key]:.3f}" for key in keys]
        seconds = "-" if entry["seconds"] is None else f"{entry['seconds']:.2f}"
        lines.append(f"| {name} | {entry['n']} | {' | '.join(numbers)} | {seconds} |")
    lines += ["", f"Random architectures of NAS-Bench-201, {document['architectures']} of them, in the benchmark's own "
              f"network; {document['samples']} images of {document['dataset']}, the same for all. Accuracy is that on "
              "the test samples of CIFAR-10, mean over trainings. The ranks of joined proxies are among these "
              "architectures. Draws differ in weights and images. Published scores are one draw, too, so that ours can "
              "hardly agree better with them than with each other."]
    return "\n".join(lines) + "\n"


def _range(agreements: Sequence[float | None]) -> str:
    """Return the least and the largest correlation of draws as text."""
    defined = [value for value in agreements if value is not None]
    if not defined:
        return "-"
    least, most = (f"{value:.3f}" for value in (min(defined), max(defined)))
    return least if least == most else f"{least} to {most}"


def write(stem: Path, document: Mapping[str, Any]) -> str:
    """Write the document as JSON, its table and its plot; returns the table.

    Args:
        stem: The files' path without suffix.
        document: As :func:`document` makes it.
    """
    text = markdown(document)
    store(stem, document, text)
    _plot(stem.with_suffix(".png"), document)
    return text


def _plot(path: Path, document: Mapping[str, Any]) -> None:
    """Ranks of the accuracy over those of each proxy."""
    names = [name for name, entry in document["proxies"].items() if entry["spearman"] is not None]
    columns = min(6, max(1, len(names)))
    rows = max(1, -(-len(names) // columns))
    figure = Figure(figsize=(2.6 * columns, 2.5 * rows), layout="constrained")
    accuracy = np.array(document["accuracy"], np.float64)
    for place, name in enumerate(names, 1):
        values = np.array(document["scores"][name], np.float64)
        title = f"{name}: {document['proxies'][name]['spearman']:.2f}"
        axes = figure.add_subplot(rows, columns, place, xticks=[], yticks=[])
        axes.set_title(title, fontsize=9)
        good = np.isfinite(values)
        axes.scatter(_ranks(values[good]), _ranks(accuracy[good]), s=5, alpha=0.6)
    save_figure(figure, path)


def _ranks(values: Doubles) -> Doubles:
    return np.asarray(pd.Series(values).rank(), np.float64)
