"""The results as a Markdown table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from evonas.report.comparison_tables import mean_text
from evonas.report.tables import number

from .methods import METHODS, settings_of
from .results import Document


def markdown(document: Document) -> str:
    """Test accuracy of the best member by validation under each budget, a row for each method; what was compared."""
    methods: Mapping[str, Sequence[Mapping[str, Any]]] = document["methods"]
    of_dataset = settings_of(document["dataset"])
    budgets, common = of_dataset.budgets, of_dataset.settings
    shared = f" Settings of all methods beside their own: {_values(common)}." if common else ""
    n_seeds = max(map(len, methods.values()))
    taught = f", all distilled from {document['teacher']}, whose cost is counted" if document["teacher"] else ""
    lines = [
        f"**{document['dataset']}**, {document['minutes']:g} minutes and {document['jobs']} jobs for each of "
        f"{n_seeds} seeds{taught}. Test accuracy in % of the best member by validation under each number of edges, "
        f"with the weights of the search, last epoch; mean ± deviation over seeds.{shared}",
        "",
        f"| method | {' | '.join(f'≤ {number(edges)}' for edges in budgets)} | seconds | 10⁹ edge-updates |",
        "|---" * (len(budgets) + 3) + "|",
        *(f"| {name} | {' | '.join(_cells(runs, budgets))} |" for name, runs in methods.items()),
        "",
        *(f"- `{name}`: {_settings(name, document['dataset'])}" for name in methods),
    ]
    return "\n".join(lines) + "\n"


def _cells(runs: Sequence[Mapping[str, Any]], budgets: Sequence[int]) -> list[str]:
    accuracies = [mean_text([_best_under(run["front"], edges) for run in runs], ".2f") for edges in budgets]
    updates = [None if run["edge_updates"] is None else run["edge_updates"] / 1e9 for run in runs]
    return [*accuracies, mean_text([run["seconds"] for run in runs], ".0f"), mean_text(updates, ".0f")]


def _best_under(front: Sequence[Mapping[str, float]], edges: int) -> float | None:
    """Test accuracy in % of the last member of a staircase with so many edges; None where all have more."""
    inside = [member for member in front if member["edges"] <= edges]
    return 100 * inside[-1]["test_accuracy"] if inside else None


def _settings(method: str, dataset: str) -> str:
    stages = []
    for stage in METHODS[method]:
        stages.append(f"{stage.share:.0%} of the time {stage.settings} ({_values(stage.own(dataset))})")
    return ", then ".join(stages)


def _values(table: Mapping[str, Any]) -> str:
    return ", ".join(f"{key} = {value}" for key, value in table.items())
