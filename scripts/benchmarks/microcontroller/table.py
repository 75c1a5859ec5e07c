"""Results as a Markdown table."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from evonas.report.comparison_tables import mean_text
from evonas.report.tables import number

from .rows import METHODS, OURS, Document
from .settings import TARGET, Budget

#: What a method is, below the table.
WORDS: Mapping[str, str] = MappingProxyType({
    OURS: "the best network of a search, as integers alone, with weights of 8 or 4 bits as validation prefers, "
          "fine-tuned with their rounding; the search has the minutes, and choosing and fine-tuning take the seconds",
    "emlearn-mlp": "scikit-learn's network of one hidden layer as emlearn's C, in floats",
    "emlearn-forest": "scikit-learn's random forest as emlearn's C, a vote of trees that are code",
})


def markdown(document: Document) -> str:
    """Return a row for each budget and method, mean and deviation over seeds.

    Args:
        document: Results, see :data:`scripts.benchmarks.microcontroller.rows.Document`.
    """
    rows = document["rows"]
    present = [method for method in METHODS if any(row["method"] == method for row in rows)]
    n_seeds = len({row["seed"] for row in rows})
    lines = [
        f"**{document['dataset']}** on the {TARGET}, {document['minutes']:g} minutes and {document['jobs']} jobs for "
        f"each of {n_seeds} seeds. What is best on validation within a budget is measured on test, once; flash, RAM "
        "and instructions a sample are those of the linked image. Emlearn's models keep to the flash alone. Mean ± "
        "deviation over seeds.",
        "",
        "| budget | method | test accuracy, % | flash | RAM | instructions | seconds |",
        "|---|---|---|---|---|---|---|",
    ]
    for bounds in document["budgets"]:
        budget = Budget(*bounds)
        for method in present:
            found = [row for row in rows if (row["method"], row["budget"]) == (method, budget.flash)]
            lines.append(f"| {budget} | `{method}` | {' | '.join(_cells(found))} |")
    lines += ["", *(f"- `{method}`: {WORDS[method]}; {_models(rows, method)}" for method in present)]
    return "\n".join(lines) + "\n"


def _cells(rows: list[Mapping[str, Any]]) -> list[str]:
    shares = [row["test_accuracy"] for row in rows]
    accuracy = mean_text([None if share is None else 100 * share for share in shares], ".2f")
    return [accuracy, *(_mean(rows, name) for name in ("flash", "ram", "instructions", "seconds"))]


def _mean(rows: list[Mapping[str, Any]], name: str) -> str:
    values = [row[name] for row in rows if row[name] is not None]
    return number(round(sum(values) / len(values))) if values else "-"


def _models(rows: list[Mapping[str, Any]], method: str) -> str:
    """Return the models of the first seed in words, by budget."""
    seed = min(row["seed"] for row in rows if row["method"] == method)
    models = [row["model"] for row in rows if (row["method"], row["seed"]) == (method, seed)]
    return f"with seed {seed}: {'; '.join(models)}"
