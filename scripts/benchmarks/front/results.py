"""Fronts, chosen by validation alone, then measured on the test set; as JSON and as a plot."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from types import MappingProxyType
from typing import Any, TypeAlias

import numpy as np

from evonas.cli.compare import run_records
from evonas.objectives.pareto import hypervolume
from evonas.report.compare import Comparison, RunResult, compare
from evonas.report.plot import plot_comparison
from evonas.run.open import open_run
from evonas.run.retrain import measure_on_test
from evonas.serialization.files import atomic_write
from evonas.store import Record
from evonas.types import UserError

from .schedule import Benchmark

#: Results: ``{dataset, setting, teacher, minutes, jobs, reference, logarithmic, methods: {name: [{seed, seconds,
#: networks, edge_updates, hypervolume, test_hypervolume, front: [{edges, params, flops, val_accuracy,
#: test_accuracy}]}]}}``. Convolutional networks have multiply-adds in the place of edges, and no edge-updates.
#: Hypervolumes are up to ``reference``, by objective; those in ``logarithmic`` enter as log10.
Document: TypeAlias = dict[str, Any]

#: Cost of a budget's unit, in units of the last objective: an edge has 2 FLOPs.
COSTS: Mapping[str, int] = MappingProxyType({"edges": 2, "params": 1})


def compare_runs(benchmark: Benchmark) -> Comparison:
    """Compare all finished runs, a group for each method; raise :class:`UserError` if they had different teachers."""
    with ExitStack() as stack:
        groups, teachers = {}, set()
        for method, paths in benchmark.runs().items():
            opened = [(path, stack.enter_context(open_run(path))) for path in paths]
            teachers |= {r.store.info.teacher for _, r in opened}
            groups[method] = [run_records(path, run) for path, run in opened]
        if len(teachers) > 1:
            raise UserError(f"the best networks of {benchmark.teacher} changed between the runs in {benchmark.out}: "
                            "choose another --out, or delete them")
        settings = benchmark.settings
        return compare(groups, budgets=[COSTS[settings.counted] * budget for budget in settings.budgets])


def measure(benchmark: Benchmark, comparison: Comparison) -> Document:
    """Return the fronts with the test accuracy of the search's weights, which are those of the last epoch."""
    methods = {
        method: [{"seed": seed, **_measured(benchmark, comparison, run)} for seed, run in enumerate(runs)]
        for method, runs in comparison.groups.items()
    }
    return {
        "dataset": Path(benchmark.dataset).stem, "setting": benchmark.setting,
        "teacher": benchmark.teacher and Path(benchmark.teacher).name,
        "minutes": benchmark.minutes, "jobs": benchmark.jobs, "reference": dict(comparison.reference),
        "logarithmic": [o.metric for o in comparison.objectives.items if o.log], "methods": methods,
    }


def _measured(benchmark: Benchmark, comparison: Comparison, run: RunResult) -> dict[str, Any]:
    with open_run(Path(run.name), data_root=benchmark.data_root) as opened:
        tests = measure_on_test(opened, [member.id for member in run.staircase])
        counts_edges = opened.config.space == "neuron"
    front = [
        {
            **{name: round(member.metrics[name]) for name in ("edges", "params", "flops")},
            "val_accuracy": member.metrics["val_accuracy"], "test_accuracy": tests[member.id]["test_accuracy"],
        }
        for member in run.staircase
    ]
    return {
        "seconds": run.spent.elapsed, "networks": run.spent.evaluations,
        "edge_updates": run.spent.edge_updates if counts_edges else None, "hypervolume": run.hypervolume,
        "test_hypervolume": hypervolume_on_test(
            comparison, [(member, tests[member.id]["test_accuracy"]) for member in run.staircase]
        ),
        "front": front,
    }


def hypervolume_on_test(comparison: Comparison, members: Sequence[tuple[Record, float]]) -> float:
    """Hypervolume of a front with the error on the test set in the place of the one that was minimised.

    Args:
        comparison: Its objectives and its reference point.
        members: Members of the front, each with its accuracy on the test set.
    """
    objectives = comparison.objectives
    rows = [
        [1 - accuracy, *(objective.loss(member.metrics) for objective in objectives.items[1:])]
        for member, accuracy in members
    ]
    return hypervolume(np.array(rows).reshape(-1, len(objectives.items)), objectives.reference(comparison.reference))


def write(benchmark: Benchmark, comparison: Comparison, document: Document, markdown: str) -> None:
    """Write the plot, the table and, once these exist, the JSON; each file whole or not at all.

    Args:
        benchmark: The benchmark.
        comparison: Its finished runs.
        document: Its results.
        markdown: The table.
    """
    title = f"{benchmark.name}, {benchmark.minutes:g} minutes each, {benchmark.jobs} jobs"
    plot_comparison(benchmark.file("png"), comparison, title=title)
    atomic_write(benchmark.file("md"), markdown.encode())
    atomic_write(benchmark.file("json"), (json.dumps(document, indent=1) + "\n").encode())
