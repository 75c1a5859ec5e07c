"""Metrics on the test set as tables and JSON show them, and how they count samples that have weights."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from evonas.cli.console import print_stderr

if TYPE_CHECKING:
    from evonas.run.open import OpenRun
    from evonas.store import Record


def test_metrics_of(opened: OpenRun, members: Sequence[Record]) -> dict[int, dict[str, float]]:
    """Per individual: test metrics of the search's weights; mean, deviation and seeds of each kind of retraining."""
    from evonas.run.retrain import WEIGHTED, measure_on_test, summary  # the wall: nothing else here sees the test set

    result = measure_on_test(opened, [r.id for r in members])
    retrainings = opened.store.retrainings()
    quality = "accuracy" if opened.task.kind == "classification" else "mse"
    for start, epochs in sorted({(r.start, r.epochs) for r in retrainings}):
        kind = f"{start}_{epochs}_epochs"
        of_kind = [r for r in retrainings if (r.start, r.epochs) == (start, epochs) and r.id in result]
        for prefix, before in (("test", ""), (WEIGHTED, "weighted_")):
            metric = f"{prefix}_{quality}"
            measured = [r for r in of_kind if metric in r.metrics]
            for id, (mean, deviation, n_seeds) in summary(measured, metric).items():
                result[id] |= {f"{metric}_{kind}": mean, f"{before}seeds_{kind}": n_seeds}
                if n_seeds > 1:
                    result[id][f"{before}deviation_{kind}"] = deviation
    return result


def test_cells_of(metrics: Mapping[str, float], *, weighted: bool) -> dict[str, str]:
    """Cells of the table for test metrics: accuracies or errors with their deviations.

    Args:
        metrics: Metrics of an individual, as :func:`test_metrics_of` names them.
        weighted: Whether validation counts samples by their weights: then it is said which of these do so.
    """
    cells: dict[str, str] = {}
    for name, value in metrics.items():
        text = name.removeprefix("test_")
        before = "weighted_" if text.startswith("weighted_") else ""
        head, _, kind = text.removeprefix(before).partition("_")
        if head not in ("accuracy", "mse"):
            continue
        n_seeds = metrics[f"{before}seeds_{kind}"] if kind else 0
        spread = f" ± {metrics[f'{before}deviation_{kind}']:.4f} ({n_seeds:.0f})" if n_seeds > 1 else ""
        how = ("weighted " if before else "unweighted ") if weighted else ""
        cells[how + (kind.replace("_", " ") if kind else f"test {head}")] = f"{value:.4f}{spread}"
    return cells


def say_weights(opened: OpenRun, *metrics: Mapping[str, float]) -> None:
    """Print to stderr how the test counts samples, if validation counts them by their weights.

    Args:
        opened: The run.
        metrics: Metrics of the test, which tell whether its samples have weights.
    """
    if opened.config.weights is None:
        return
    quality = "accuracy" if opened.task.kind == "classification" else "mse"
    both = any(name.startswith("test_weighted_") for each in metrics for name in each)
    other = f"test_weighted_{quality} counts them as validation does" if both else (
        f"its samples have no weights of their own to compare it with val_{quality} by"
    )
    print_stderr(f"note: val_{quality} counts samples by their weights ({opened.config.weights}), test_{quality} "
                 f"counts all alike; {other}")
