"""Search on the table in memory: the same searchers, without a run directory."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from evonas.individual import Evaluation, Individual, Trial
from evonas.objectives import Objectives, parse_objectives
from evonas.objectives.pareto import front, hypervolume
from evonas.search import Searcher
from evonas.types import Doubles, UserError, suggestion
from search_spaces.nasbench201.genotype import N_CELLS, columns_of, number_of
from search_spaces.nasbench201.space import NasBench201Options, NasBench201Space
from search_spaces.nasbench201.table import (
    DATA_SETS,
    DEVICE_METRICS,
    NOT_MEASURABLE,
    SOURCE,
    NasBench201Table,
    count_sizes,
    percentages,
    read_cells,
)

#: The quality, and the cost that is always there.
ERROR, FLOPS = "val_error", "flops"
#: Error of the hypervolume's reference point; its cost is that of the costliest network.
REFERENCE_ERROR = 0.3


@dataclass(frozen=True, eq=False)
class Bench:
    """Table as a benchmark sees it; arrays are by the number of the cell.

    Attributes:
        table: The measurements.
        space: The space.
        test: Accuracies in percent after 200 epochs, mean over trainings, ``(15625,)``; no searcher sees them.
        error: Validation error after 200 epochs, ``(15625,)``.
        costs: For each cost its logarithms to base 10, ``(15625,)``; NaN where a device could not run a cell.
    """

    table: NasBench201Table
    space: NasBench201Space
    test: Doubles
    error: Doubles
    costs: Mapping[str, Doubles]

    @cached_property
    def optimum(self) -> int:
        """The cell with the least validation error."""
        return int(self.error.argmin())

    def points(self, cost: str) -> Doubles:
        """Return validation errors and logarithms of a cost, ``(15625, 2)``."""
        return self._points[cost]

    def reference(self, cost: str) -> Doubles:
        """Return the reference point of the hypervolume in error and the logarithm of a cost, ``(2,)``."""
        return np.array([REFERENCE_ERROR, np.nanmax(self.costs[cost])])

    def share(self, numbers: Iterable[int], cost: str) -> float:
        """Return the hypervolume of some cells, as a share of that of all.

        Args:
            numbers: Numbers of the cells.
            cost: Name of the cost beside the error.
        """
        found = self.points(cost)[list(numbers)]
        return hypervolume(found[front(found)], self.reference(cost)) / self._wholes[cost]

    @cached_property
    def _points(self) -> Mapping[str, Doubles]:
        return {cost: np.stack([self.error, values], axis=1) for cost, values in self.costs.items()}

    @cached_property
    def _wholes(self) -> Mapping[str, float]:
        """The hypervolume of all cells with each cost."""
        fronts = {cost: self.points(cost)[front(self.points(cost))] for cost in self.costs}
        return {cost: hypervolume(points, self.reference(cost)) for cost, points in fronts.items()}


def read_bench(root: Path | None, dataset: str = "cifar10", device: str | None = None) -> Bench:
    """Read the table of a data set with its test accuracies.

    Args:
        root: A folder to search before the usual ones.
        dataset: Name of the data set.
        device: Latency or energy of a device as a further cost; None for none.

    Raises:
        UserError: There is no such data set or metric, or a file is missing or altered.
    """
    if device is not None and device not in DEVICE_METRICS:
        raise UserError(f"unknown metric of a device {device!r}{suggestion(device, DEVICE_METRICS)}")
    table = SOURCE.read(dataset, root, () if device is None else (device,))
    rows, numbers = read_cells(root, dataset)
    test = np.empty(N_CELLS)
    test[numbers] = 100 * percentages(rows, [f"{DATA_SETS[dataset].prefix}_test"])[:, 0]
    space = NasBench201Space(table.task, NasBench201Options())
    costs = {FLOPS: np.log10(2e6 * count_sizes(table.task)[1] - 2 * table.task.n_outputs)}
    for name, values in table.devices.items():
        costs[name] = np.log10(np.where(values == NOT_MEASURABLE, np.nan, values))
    return Bench(table, space, test, 1 - table.accuracies[:, -1], costs)


def objectives_of(names: Iterable[str]) -> Objectives:
    """Return objectives among the table's error, the measurements of devices and the space's costs."""
    goals = {name: metric.goal for name, metric in DEVICE_METRICS.items()}
    return parse_objectives(names, (), (ERROR, FLOPS, "params", *DEVICE_METRICS), goals)


class Step(NamedTuple):
    """Evaluation that a search has asked for.

    Attributes:
        number: Number of the cell.
        full: Whether it was at the full budget.
        cost: Epochs of this evaluation and all before it, in full trainings.
    """

    number: int
    full: bool
    cost: float


def play(bench: Bench, searcher: Searcher[Any]) -> Iterator[Step]:
    """Yield the evaluations of a new searcher, which learns from the table, one by one, up to its end."""
    trained: dict[int, int] = {}
    n_epochs = 0
    while trials := searcher.ask():
        for trial in trials:
            n_epochs += trial.budget - trained.get(trial.individual.id, 0)
            trained[trial.individual.id] = trial.budget
            full = bench.table.budgets[-1]
            yield Step(number_of(columns_of(trial.individual.genotype)), trial.budget == full, n_epochs / full)
        searcher.tell([_evaluate(bench, trial) for trial in trials])


def _evaluate(bench: Bench, trial: Trial[Any]) -> Evaluation[Any]:
    individual: Individual[Any] = trial.individual
    try:
        measured = bench.table.measure(individual.genotype, trial.budget)
    except LookupError as error:
        return Evaluation(*trial.key, "failed", {}, 0.0, str(error))
    return Evaluation(*trial.key, "ok", {**measured, **bench.space.cost(individual.genotype)}, 0.0)
