"""Results as a Markdown table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

from evonas.report.comparison_tables import mean_text
from evonas.report.tables import number

from .methods import METHODS, DatasetSettings, settings_of
from .results import Document

#: Columns of hypervolumes by their names in the results.
VOLUMES: Mapping[str, str] = MappingProxyType({
    "hypervolume": "hypervolume, validation", "test_hypervolume": "hypervolume, test",
})
#: Words of the table for the measure of a network.
_COUNTED: Mapping[str, str] = MappingProxyType({
    "edges": "number of edges (multiply-adds of a convolutional network; FLOPs are twice that)",
    "params": "number of trained values (weights, biases, gains)",
})


def markdown(document: Document) -> str:
    """Return the test accuracy of the best member by validation under each budget, a row for each method.

    The settings of the comparison follow.
    """
    methods: Mapping[str, Sequence[Mapping[str, Any]]] = document["methods"]
    dataset, setting = document["dataset"], document["setting"]
    of_dataset = settings_of(dataset, setting)
    budgets, common = of_dataset.budgets, of_dataset.settings
    shared = f" Settings of all methods beside their own: {_values(common)}." if common else ""
    volumes: Mapping[str, str] = VOLUMES if "reference" in document else {}  # older results have none
    columns = ["method", *(f"≤ {number(b)}" for b in budgets), *volumes.values(), "seconds", "networks",
               "10⁹ edge-updates"]
    n_seeds = max(map(len, methods.values()))
    taught = f", all distilled from {document['teacher']}, whose cost is counted" if document["teacher"] else ""
    lines = [
        f"**{dataset}{f', {setting}' if setting else ''}**, {document['minutes']:g} minutes and {document['jobs']} "
        f"jobs for each of {n_seeds} seeds{taught}. Test accuracy in % of the best member by validation under each "
        f"{_COUNTED[of_dataset.counted]}, with the weights of the search, last epoch; mean ± deviation over seeds."
        f"{shared}",
        "",
        f"| {' | '.join(columns)} |",
        "|---" * len(columns) + "|",
        *(f"| {name} | {' | '.join(_cells(runs, of_dataset, volumes))} |" for name, runs in methods.items()),
        *_reference(document),
        "",
        *(f"- `{name}`: {_settings(name, dataset, setting)}" for name in methods),
    ]
    return "\n".join(lines) + "\n"


def _reference(document: Document) -> list[str]:
    """Return the sentence on the hypervolumes' reference point, if the document has some."""
    if "reference" not in document:
        return []
    at = ", ".join(f"{name} = {value:g}" for name, value in document["reference"].items())
    logs = ", ".join(document["logarithmic"])
    return ["", f"Hypervolumes are up to {at}{f', with log10 of {logs}' if logs else ''}; on test the front that "
            "validation chose has its test errors."]


def _cells(
    runs: Sequence[Mapping[str, Any]], settings: DatasetSettings, volumes: Mapping[str, str]
) -> list[str]:
    accuracies = [
        mean_text([_best_under(run["front"], settings.counted, budget) for run in runs], ".2f")
        for budget in settings.budgets
    ]
    updates = [None if run["edge_updates"] is None else run["edge_updates"] / 1e9 for run in runs]
    totals = [mean_text([run[name] for run in runs], ".0f") for name in ("seconds", "networks")]
    shown = [mean_text([run[name] for run in runs], ".4f") for name in volumes]
    return [*accuracies, *shown, *totals, mean_text(updates, ".0f")]


def _best_under(front: Sequence[Mapping[str, float]], counted: str, budget: int) -> float | None:
    """Return the test accuracy in % of the last member of a staircase within the budget; None if all have more.

    Args:
        front: Members, sorted by cost.
        counted: Name of the measure.
        budget: Its largest value.
    """
    inside = [member for member in front if member[counted] <= budget]
    return 100 * inside[-1]["test_accuracy"] if inside else None


def _settings(method: str, dataset: str, setting: str | None) -> str:
    stages = []
    for stage in METHODS[method]:
        stages.append(f"{stage.share:.0%} of the time {stage.settings} ({_values(stage.own(dataset, setting))})")
    return ", then ".join(stages)


def _values(table: Mapping[str, Any]) -> str:
    return ", ".join(f"{key} = {value}" for key, value in table.items())
