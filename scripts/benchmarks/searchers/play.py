"""Search on the table in memory: the same searchers, without a run directory."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from evonas.individual import Evaluation, Individual, Trial
from evonas.objectives import Objectives, parse_objectives
from evonas.objectives.pareto import front, hypervolume
from evonas.search import Searcher
from evonas.types import Doubles
from search_spaces.nasbench201.genotype import N_CELLS, columns_of, number_of
from search_spaces.nasbench201.space import NasBench201Options, NasBench201Space
from search_spaces.nasbench201.table import SOURCE, NasBench201Table, count_sizes, percentages, read_cells

#: Reference point of the hypervolume in validation error and log10 FLOPs: this error, and the FLOPs of the largest
#: network.
REFERENCE_ERROR = 0.3


@dataclass(frozen=True, eq=False)
class Bench:
    """Table as a benchmark sees it; arrays are by the number of the cell.

    Attributes:
        table: The measurements.
        space: The space.
        test: Accuracies in percent after 200 epochs, mean over trainings, ``(15625,)``.
        F: Validation error after 200 epochs and log10 FLOPs, ``(15625, 2)``.
        optimum: The cell with the least validation error.
    """

    table: NasBench201Table
    space: NasBench201Space
    test: Doubles
    F: Doubles
    optimum: int

    @property
    def reference(self) -> Doubles:
        """Reference point of the hypervolume."""
        return np.array([REFERENCE_ERROR, self.F[:, 1].max()])

    def share(self, numbers: Iterable[int]) -> float:
        """Return the hypervolume of some cells, as a share of that of all."""
        found = self.F[list(numbers)]
        whole = self.F[front(self.F)]
        return hypervolume(found[front(found)], self.reference) / hypervolume(whole, self.reference)


def read_bench(root: Path | None, dataset: str = "cifar10") -> Bench:
    """Read the table of a data set with its test accuracies, which no searcher sees."""
    table = SOURCE.read(dataset, root, ())
    rows, numbers = read_cells(root, dataset)
    test = np.empty(N_CELLS)
    test[numbers] = 100 * percentages(rows, ["c10_test" if dataset == "cifar10" else f"{dataset}_test"])[:, 0]
    space = NasBench201Space(table.task, NasBench201Options())
    flops = 2e6 * count_sizes(table.task)[1] - 2 * table.task.n_outputs
    F = np.stack([1 - table.accuracies[:, -1], np.log10(flops)], axis=1)
    return Bench(table, space, test, F, int(F[:, 0].argmin()))


def objectives_of(names: Iterable[str]) -> Objectives:
    """Return objectives among the table's error and the space's costs."""
    return parse_objectives(names, (), ("val_error", "flops", "params"))


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
    metrics = {**bench.table.measure(individual.genotype, trial.budget), **bench.space.cost(individual.genotype)}
    return Evaluation(*trial.key, "ok", metrics, 0.0)
