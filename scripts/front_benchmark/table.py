"""The results as a Markdown table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from evonas.report.comparison_tables import mean_text
from evonas.report.tables import number

from .methods import BUDGETS, METHODS, SETTINGS
from .results import Document


def markdown(document: Document) -> str:
    """Test accuracy of the best member by validation under each budget, a row for each method; what was compared."""
    methods: Mapping[str, Sequence[Mapping[str, Any]]] = document["methods"]
    n_seeds = max(map(len, methods.values()))
    taught = f", all distilled from {document['teacher']}, whose cost is counted" if document["teacher"] else ""
    lines = [
        f"**{document['dataset']}**, {document['minutes']:g} minutes and {document['jobs']} jobs for each of "
        f"{n_seeds} seeds{taught}. Test accuracy in % of the best member by validation under each number of edges, "
        "with the weights of the search, last epoch; mean ± deviation over seeds.",
        "",
        f"| method | {' | '.join(f'≤ {number(edges)}' for edges in BUDGETS)} | seconds | 10⁹ edge-updates |",
        "|---" * (len(BUDGETS) + 3) + "|",
        *(f"| {name} | {' | '.join(_cells(runs))} |" for name, runs in methods.items()),
        "",
        *(f"- `{name}`: {_settings(name)}" for name in methods),
    ]
    return "\n".join(lines) + "\n"


def _cells(runs: Sequence[Mapping[str, Any]]) -> list[str]:
    accuracies = [mean_text([_best_under(run["front"], edges) for run in runs], ".2f") for edges in BUDGETS]
    updates = [None if run["edge_updates"] is None else run["edge_updates"] / 1e9 for run in runs]
    return [*accuracies, mean_text([run["seconds"] for run in runs], ".0f"), mean_text(updates, ".0f")]


def _best_under(front: Sequence[Mapping[str, float]], edges: int) -> float | None:
    """Test accuracy in % of the last member of a staircase with so many edges; None where all have more."""
    inside = [member for member in front if member["edges"] <= edges]
    return 100 * inside[-1]["test_accuracy"] if inside else None


def _settings(method: str) -> str:
    stages = []
    for stage in METHODS[method]:
        values = ", ".join(f"{key} = {value}" for key, value in SETTINGS[stage.settings].items())
        stages.append(f"{stage.share:.0%} of the time {stage.settings} ({values})")
    return ", then ".join(stages)
