"""Document with all results, its table and its plot."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from evonas.report.plot import save_figure
from evonas.types import Doubles
from scripts.benchmarks.stored import store

from .play import ERROR, REFERENCE_ERROR, Bench
from .results import AIM, LOOKS, Result

#: Looks that the table has.
TABLED = (50, 100, 192, 300)


def document(bench: Bench, dataset: str, results: Sequence[Result], names: Sequence[str]) -> dict[str, Any]:
    """Return the results by searcher and kind, ordered by seed; what the table and the plot are made of.

    Args:
        bench: The table.
        dataset: Name of the data set.
        results: Results of searches.
        names: Searchers in the order of the table; those without results are left out.
    """
    searchers: dict[str, Any] = {}
    for name in names:
        for kind in (ERROR, *bench.costs):
            found = sorted((r for r in results if (r["name"], r["kind"]) == (name, kind)), key=lambda r: r["seed"])
            if found:
                entry = {key: [r[key] for r in found] for key in ("seed", "cost", "most", "looks")}
                searchers.setdefault(name, {})[kind] = entry
    return {
        "dataset": dataset, "looks": list(LOOKS), "aim": AIM, "optimum_test": float(bench.test[bench.optimum]),
        "references": {cost: [REFERENCE_ERROR, float(10 ** bench.reference(cost)[1])] for cost in bench.costs},
        "searchers": searchers,
    }


def markdown(document: Mapping[str, Any]) -> str:
    """Return a table of the searches for the least error, and one for each cost beside the error.

    Args:
        document: As :func:`document` makes it.
    """
    parts = [_table(document, ERROR, "test accuracy, %", "the optimum")]
    for cost, (error, largest) in document["references"].items():
        if any(cost in entry for entry in document["searchers"].values()):
            aim = f"{document['aim']:.0%} of the true hypervolume"
            parts.append(_table(document, cost, f"share of the hypervolume in error and {cost}, %", aim) + (
                f"\nThe hypervolume is in validation error and log10 of {cost}, up to an error of {error:g} and "
                f"{largest:.4g}, the largest of all cells; as a share of that of the true front.\n"
            ))
    parts.append("Of queries the mean with its standard error, then the median; of all else the mean ± the deviation "
                 "over seeds. A query is a full training of 200 epochs; where a searcher has several budgets, as many "
                 "epochs. A search that missed its aim counts with the queries after which it was given up.\n")
    return "\n".join(parts)


def _table(document: Mapping[str, Any], kind: str, measure: str, aim: str) -> str:
    shown = " / ".join(map(str, TABLED))
    header = f"| searcher | seeds | {measure}, after {shown} queries | queries to {aim}: mean / median |"
    lines = [header, "|---" * 4 + "|"]
    for name, kinds in document["searchers"].items():
        if kind in kinds:
            entry = kinds[kind]
            places = [document["looks"].index(look) for look in TABLED]
            lines.append(f"| {name} | {len(entry['seed'])} | {_shown(_looks(entry)[:, places])} | {_costs(entry)} |")
    return "\n".join(lines) + "\n"


def _looks(entry: Mapping[str, Any]) -> Doubles:
    """Return what was reached at each look, ``(n_seeds, n_looks)``; NaN for nothing."""
    return np.array([[np.nan if value is None else value for value in row] for row in entry["looks"]])


def _shown(values: Doubles) -> str:
    return " / ".join(f"{np.nanmean(column):.2f} ± {np.nanstd(column):.2f}" for column in values.T)


def _costs(entry: Mapping[str, Any]) -> str:
    costs = [most if cost is None else cost for cost, most in zip(entry["cost"], entry["most"], strict=True)]
    missed = sum(cost is None for cost in entry["cost"])
    error = np.std(costs) / np.sqrt(len(costs))
    return f"{np.mean(costs):.0f} ± {error:.0f} / {np.median(costs):.0f}{f' ({missed} missed)' if missed else ''}"


def write(stem: Path, document: Mapping[str, Any]) -> str:
    """Write the document as JSON, its tables and its plot; returns the tables.

    Args:
        stem: The files' path without suffix.
        document: As :func:`document` makes it.
    """
    text = markdown(document)
    store(stem, document, text)
    _plot(stem.with_suffix(".png"), document)
    return text


def _plot(path: Path, document: Mapping[str, Any]) -> None:
    kinds = [kind for kind in (ERROR, *document["references"])
             if any(kind in entry for entry in document["searchers"].values())]
    figure = Figure(figsize=(5.5 * max(1, len(kinds)), 4.5), layout="constrained")
    for place, kind in enumerate(kinds, 1):
        label = "test accuracy of the best, %" if kind == ERROR else f"share of the hypervolume (error, {kind}), %"
        axes = figure.add_subplot(1, len(kinds), place, xscale="log", xlabel="queries", ylabel=label)
        for name, entries in document["searchers"].items():
            if kind in entries:
                values = _looks(entries[kind])
                is_known = ~np.isnan(values).all(axis=0)
                means = np.nanmean(values[:, is_known], axis=0)
                axes.plot(np.array(document["looks"])[is_known], means, marker=".", label=name)
        if kind == ERROR:
            axes.axhline(document["optimum_test"], color="0.6", lw=1)
        axes.legend(fontsize=7)
    save_figure(figure, path)
