"""Plots of a front as PNG, SVG or PDF, by the suffix of the path."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from evonas.objectives import Objective, Objectives
from evonas.store import Record
from evonas.types import UserError

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def plot_front(
    path: Path, records: Sequence[Record], members: Sequence[Record], objectives: Objectives, *, title: str = "",
    others: Sequence[tuple[str, Sequence[Record]]] = (),
) -> None:
    """All evaluations faint, the front bold; the last objective on the x axis, the first on the y axis.

    Args:
        others: Named fronts to draw beside it.
    """
    from matplotlib.figure import Figure

    if len(objectives.items) < 2:
        raise UserError("a front with one objective is a single number: nothing to plot")
    x, y = objectives.items[-1], objectives.items[0]
    figure = Figure(figsize=(8, 5), layout="constrained")
    axes = figure.add_subplot()
    ok = [r for r in records if r.status == "ok"]
    newest = max((r.birth for r in ok), default=0)
    dots = axes.scatter(
        *_columns(ok, x, y), s=9, alpha=0.45, linewidths=0, c=[r.birth for r in ok], cmap="viridis",
        label=f"{len(ok)} evaluations",
    )
    if newest:
        figure.colorbar(dots, ax=axes, label="generation of birth", pad=0.01)
    for name, other in others:
        axes.step(*_columns(other, x, y), where="post", lw=1.4, label=name)
    label = f"front, {len(members)} members"
    axes.step(*_columns(members, x, y), where="post", color="crimson", lw=1.8, marker="o", ms=3.5, label=label)
    if x.log:
        axes.set_xscale("log")
    _frame(axes, [r.metrics[y.metric] for r in members])
    axes.set_xlabel(x.metric + (" (2 per edge and sample)" if x.metric == "flops" else ""))
    axes.set_ylabel(y.metric)
    axes.grid(alpha=0.25, which="both", lw=0.5)
    axes.legend(frameon=False)
    axes.set_title(title)
    try:
        figure.savefig(path, dpi=150)
    except (OSError, ValueError) as error:
        raise UserError(f"cannot write the plot {path}: {error}") from None


def _columns(records: Sequence[Record], x: Objective, y: Objective) -> tuple[list[float], list[float]]:
    return [r.metrics[x.metric] for r in records], [r.metrics[y.metric] for r in records]


def _frame(axes: Axes, front_values: Sequence[float]) -> None:
    """Leave out the hopeless evaluations that would squeeze the front into a corner."""
    if len(front_values) < 2:
        return
    low, high = min(front_values), max(front_values)
    margin = 0.08 * (high - low)
    axes.set_ylim(low - margin, high + 3 * margin)
