"""Plots of a front as PNG, SVG or PDF, by the suffix of the path."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from evonas.objectives import Objective, Objectives
from evonas.store import Record
from evonas.types import UserError

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

#: What the axes call a metric; others go by their name.
LABELS = {
    "val_error": "validation error", "val_accuracy": "validation accuracy", "val_loss": "validation loss (nats)",
    "val_mse": "validation mean squared error", "val_r2": "validation R²", "flops": "FLOPs per sample (2 per edge)",
    "params": "parameters",
}


def plot_front(
    path: Path, records: Sequence[Record], members: Sequence[Record], objectives: Objectives, *, title: str = "",
    others: Sequence[tuple[str, Sequence[Record]]] = (),
) -> None:
    """All evaluations faint, the front bold; the last objective on the x axis, the first on the y axis.

    Args:
        others: Named fronts to draw beside it.

    Raises:
        UserError: There is no front to draw, or the file cannot be written; nothing is left behind then.
    """
    from matplotlib.figure import Figure

    if len(objectives.items) < 2:
        raise UserError("a front with one objective is a single number: nothing to plot")
    if not members:
        raise UserError("the front is empty: nothing to plot")
    x, y = objectives.items[-1], objectives.items[0]
    figure = Figure(figsize=(8, 5), layout="constrained")
    axes = figure.add_subplot()
    _scatter(figure, axes, [r for r in records if r.status == "ok"], x, y)
    for name, other in others:
        axes.step(*_columns(other, x, y), where="post", lw=1.6, marker=".", ms=6, label=f"{name}, {len(other)} members")
    label = f"front, {len(members)} members"
    axes.step(*_columns(members, x, y), where="post", color="crimson", lw=2, marker="o", ms=4, label=label, zorder=3)
    if x.log:
        _log_scale(axes)
    _frame(axes, [[r.metrics[y.metric] for r in drawn] for drawn in (members, *(o for _, o in others)) if drawn])
    axes.set_xlabel(LABELS.get(x.metric, x.metric))
    axes.set_ylabel(LABELS.get(y.metric, y.metric))
    axes.grid(alpha=0.3, lw=0.5)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False)
    axes.set_title(title)
    _save(figure, path)


def _scatter(figure: Figure, axes: Axes, ok: Sequence[Record], x: Objective, y: Objective) -> None:
    """Every evaluation, coloured by its generation where there are several."""
    from matplotlib.ticker import MaxNLocator

    births = [r.birth for r in ok]
    dots = axes.scatter(
        *_columns(ok, x, y), s=12, alpha=0.5, linewidths=0, c=births, cmap="viridis_r", label=f"{len(ok)} evaluations"
    )
    if max(births):
        bar = figure.colorbar(dots, ax=axes, label="generation of birth", pad=0.01, ticks=MaxNLocator(integer=True))
        bar.outline.set_visible(False)


def _log_scale(axes: Axes) -> None:
    """1k, 2k, 5k, 10k instead of powers of ten: costs rarely span many of them."""
    from matplotlib.ticker import EngFormatter, LogLocator, NullFormatter

    axes.set_xscale("log")
    axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes.xaxis.set_major_formatter(EngFormatter(sep=""))
    axes.xaxis.set_minor_formatter(NullFormatter())


def _columns(records: Sequence[Record], x: Objective, y: Objective) -> tuple[list[float], list[float]]:
    return [r.metrics[x.metric] for r in records], [r.metrics[y.metric] for r in records]


def _frame(axes: Axes, fronts: Sequence[Sequence[float]]) -> None:
    """Leave out the hopeless evaluations that would squeeze the fronts into a corner."""
    low, high = min(map(min, fronts)), max(map(max, fronts))
    if high > low:
        margin = 0.08 * (high - low)
        axes.set_ylim(low - margin, high + 2 * margin)


def _save(figure: Figure, path: Path) -> None:
    """Written beside the path first, so that an error leaves no half of a file."""
    partial = path.with_name(f".partial-{path.name}")
    try:
        figure.savefig(partial, dpi=150, format=path.suffix[1:] or "png")
        os.replace(partial, path)
    except OSError as error:
        raise UserError(f"cannot write the plot {path}: {error.strerror}") from None
    except ValueError as error:  # an unknown suffix
        raise UserError(f"cannot draw {path}: {error}") from None
    finally:
        partial.unlink(missing_ok=True)
