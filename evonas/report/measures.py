"""Measures of the runs of a comparison: the quality under each budget, and the hypervolume."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple, TypeAlias

from evonas.objectives import MAXIMISED
from evonas.report.compare import Comparison, RunResult
from evonas.types import Metrics

#: Test metrics by name of the run and id of the individual.
Tests: TypeAlias = Mapping[str, Mapping[int, Metrics]]


class Measure(NamedTuple):
    """One number for each run.

    Attributes:
        name: Name of the metric, or ``hypervolume``.
        budget: Largest cost of the member that is measured; None for the hypervolume.
        values: A value for each run of each group; None if the run has no member under the budget.
        maximised: Whether larger is better.
    """

    name: str
    budget: float | None
    values: Mapping[str, Sequence[float | None]]
    maximised: bool


def shown_metric(comparison: Comparison) -> str:
    """The quality by its familiar name: accuracies instead of errors."""
    metric = comparison.quality.metric.replace("trainval_", "val_")
    return metric.replace("val_error", "val_accuracy")


def test_metric(comparison: Comparison) -> str:
    """The name of :func:`shown_metric` on the test set."""
    return shown_metric(comparison).replace("val_", "test_")


def hypervolumes(comparison: Comparison) -> Measure:
    """The hypervolume of every run; larger is better."""
    values = {name: [run.hypervolume for run in runs] for name, runs in comparison.groups.items()}
    return Measure("hypervolume", None, values, True)


def qualities(comparison: Comparison, tests: Tests | None = None) -> list[Measure]:
    """The quality of the best members under each budget, as chosen by validation.

    Args:
        comparison: The comparison.
        tests: Test metrics of the members, which then are the quality; None for validation metrics.
    """
    metric = shown_metric(comparison)
    maximised = metric in MAXIMISED or (metric == comparison.quality.metric and comparison.quality.goal == "max")
    name = metric if tests is None else test_metric(comparison)

    def value(run: RunResult, budget: float) -> float | None:
        member = run.at_budget[budget]
        if member is None:
            return None
        return member.metrics[metric] if tests is None else tested(run, budget, tests).get(name)

    return [
        Measure(name, b, {n: [value(run, b) for run in runs] for n, runs in comparison.groups.items()}, maximised)
        for b in comparison.budgets
    ]


def tested(run: RunResult, budget: float, tests: Tests) -> Metrics:
    """The test metrics of a run's best member under a budget; empty if there is none.

    Args:
        run: The run.
        budget: Budget in units of the cost.
        tests: Test metrics by name of the run and id of the individual.
    """
    member = run.at_budget[budget]
    return {} if member is None else tests.get(run.name, {}).get(member.id, {})
