"""Plots of fronts as PNG, SVG or PDF, by the suffix of the path."""

from __future__ import annotations

from collections.abc import Sequence
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from evonas.front import check_measured
from evonas.metrics import METRICS
from evonas.objectives import LOGARITHMIC, Objective, Objectives
from evonas.report.compare import Attained, Comparison, Curve, attained, staircase
from evonas.serialization.files import write_output
from evonas.store import Record
from evonas.types import Doubles, UserError

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

#: What the axes call a metric; others go by their name.
LABELS = {name: metric.label for name, metric in METRICS.items()}


def plot_front(
    path: Path, records: Sequence[Record], members: Sequence[Record], objectives: Objectives, *, title: str = "",
    others: Sequence[tuple[str, Sequence[Record]]] = (), cost: str | None = None,
) -> None:
    """All evaluations faint, the front bold; a cost on the x axis, the first objective on the y axis.

    A front of three or more objectives is a cloud: its members are dots, the line is the best of them under each cost.

    Args:
        others: Named fronts to draw beside it.
        cost: The metric on the x axis; None for the last objective.

    Raises:
        UserError: There is no front to draw, a member has no such cost, or the file cannot be written; nothing is left
            behind then.
    """
    save_figure(front_figure(records, members, objectives, title=title, others=others, cost=cost), path)


def front_figure(
    records: Sequence[Record], members: Sequence[Record], objectives: Objectives, *, title: str = "",
    others: Sequence[tuple[str, Sequence[Record]]] = (), cost: str | None = None, size: tuple[float, float] = (8, 5),
) -> Figure:
    """The picture of :func:`plot_front`.

    Args:
        records, members, objectives, title, others, cost: See there.
        size: Width and height in inches.

    Raises:
        UserError: There is no front to draw, or a member has no such cost.
    """
    from matplotlib.figure import Figure

    if len(objectives.items) < 2:
        raise UserError("a front with one objective is a single number: nothing to plot")
    if not members:
        raise UserError("the front is empty: nothing to plot")
    x, y = _axis(cost, members, objectives), objectives.items[0]
    is_line = len(objectives.items) == 2 and x == objectives.items[1]
    figure = Figure(figsize=size, layout="constrained")
    axes = figure.add_subplot()
    if seen := [r for r in records if r.status == "ok" and x.metric in r.metrics]:
        _scatter(figure, axes, seen, x, y)
    for name, other in others:
        _draw_front(axes, name, [r for r in other if x.metric in r.metrics], x, y, is_line=is_line, lw=1.6, ms=3)
    _draw_front(axes, "front", members, x, y, is_line=is_line, lw=2, ms=4, color="crimson", zorder=3)
    _frame(axes, [[r.metrics[y.metric] for r in drawn] for drawn in (members, *(o for _, o in others)) if drawn])
    _dress(axes, x, y, title)
    return figure


def _axis(cost: str | None, members: Sequence[Record], objectives: Objectives) -> Objective:
    """The objective of a name, or what such an objective would be."""
    if cost is None:
        return objectives.items[-1]
    check_measured(members, cost)
    return next((o for o in objectives.items if o.metric == cost), Objective(cost, log=cost in LOGARITHMIC))


def _draw_front(
    axes: Axes, name: str, members: Sequence[Record], x: Objective, y: Objective, *, is_line: bool, lw: float,
    ms: float, color: str | None = None, zorder: float = 2,
) -> None:
    """Members joined by steps, or as dots with steps from the best of them under each cost to the next."""
    label, by_cost = f"{name}, {len(members)} members", sorted(members, key=lambda r: r.metrics[x.metric])
    if is_line:
        axes.step(*_columns(by_cost, x, y), "o-", where="post", color=color, lw=lw, ms=ms, label=label, zorder=zorder)
        return
    (dots,) = axes.plot(*_columns(members, x, y), "o", color=color, ms=ms, label=label, zorder=zorder)
    stairs = _columns(staircase(by_cost, Objectives((y, x))), x, y)
    axes.step(*stairs, where="post", color=dots.get_color(), lw=0.6 * lw, alpha=0.7, zorder=zorder)


def plot_comparison(path: Path, comparison: Comparison, *, title: str = "") -> None:
    """The best quality under each cost across the span of the budgets, a step curve for each group: the median
    attainment surface of its runs, in a band from the worst to the best from where all runs have a member (López-Ibáñez
    2010, https://doi.org/10.1007/978-3-642-02538-9_9); where the group is one run, its front with its members.

    Raises:
        UserError: The file cannot be written; nothing is left behind then.
    """
    from matplotlib import colormaps
    from matplotlib.figure import Figure

    x, y = comparison.cost, comparison.quality
    figure = Figure(figsize=(8, 5), layout="constrained")
    axes = figure.add_subplot()
    seen = []
    for i, (name, runs) in enumerate(comparison.groups.items()):
        curves = attained([run.staircase for run in runs], x, y)
        seen += [curves.best, curves.median]
        label = name if len(runs) == 1 else f"{name}, median of {len(runs)} runs; band: worst to best"
        _draw_group(axes, label, curves, comparison.budgets[-1], colormaps["tab10"](i % 10), markers=len(runs) == 1)
    _dress(axes, x, y, title)
    if len(comparison.budgets) > 1:
        axes.set_xlim(comparison.budgets[0] / 1.2, comparison.budgets[-1])
    _frame_curves(axes, seen)
    save_figure(figure, path)


def _draw_group(
    axes: Axes, label: str, curves: Attained, right: float, colour: tuple[float, float, float, float], *, markers: bool
) -> None:
    """Up to ``right`` at least: a run is worth its best member under every larger budget."""
    costs, values = _extended(curves.median, right)
    axes.step(
        costs, values, where="post", color=colour, lw=2, marker="o" if markers else "", ms=3, zorder=3,
        markevery=slice(0, len(curves.median.costs)), label=label,
    )
    if not markers:
        costs = np.unique(np.concatenate([curve.costs for curve in curves] + [costs[-1:]]))
        costs = costs[costs >= curves.worst.costs[0]]
        low, high = (_values_at(curve, costs) for curve in (curves.best, curves.worst))
        axes.fill_between(costs, low, high, step="post", color=colour, alpha=0.2, lw=0)


def _values_at(curve: Curve, costs: Doubles) -> Doubles:
    """Values under ``costs``; the curve begins at the first of them or before it."""
    return curve.values[np.searchsorted(curve.costs, costs, side="right") - 1]


def _extended(curve: Curve, right: float) -> Curve:
    """With its last step reaching to ``right``."""
    last = max(right, curve.costs[-1])
    return Curve(np.append(curve.costs, last), np.append(curve.values, curve.values[-1]))


def _frame_curves(axes: Axes, curves: Sequence[Curve]) -> None:
    """As high as the curves are where they are seen; where that spans a factor of four, on a logarithmic scale, or the
    differences between good networks would vanish below the bad ones'."""
    from matplotlib.ticker import FormatStrFormatter, LogLocator, NullFormatter

    seen = []
    for curve in curves:
        first, end = np.searchsorted(curve.costs, axes.get_xlim(), side="right")
        seen.append(curve.values[max(first - 1, 0) : end])  # the step before the left edge reaches into the picture
    values = np.concatenate(seen)
    if not len(values):  # all members cost more than the last budget
        return
    if 0 < 4 * values.min() < values.max():
        axes.set_yscale("log")
        axes.yaxis.set_major_locator(LogLocator(subs=(1, 1.5, 2, 3, 4, 6, 8)))
        axes.yaxis.set_major_formatter(FormatStrFormatter("%g"))
        axes.yaxis.set_minor_formatter(NullFormatter())
        axes.set_ylim(values.min() / 1.08, values.max() * 1.1)
    else:
        _frame(axes, [[float(value) for value in values]])


def _dress(axes: Axes, x: Objective, y: Objective, title: str) -> None:
    if x.log:
        _log_scale(axes)
    axes.set_xlabel(LABELS.get(x.metric, x.metric))
    axes.set_ylabel(LABELS.get(y.metric, y.metric))
    axes.grid(alpha=0.3, lw=0.5)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False)
    axes.set_title(title)


def _scatter(figure: Figure, axes: Axes, ok: Sequence[Record], x: Objective, y: Objective) -> None:
    """Every evaluation, coloured by its generation where there are several; without a yellow that no paper shows."""
    from matplotlib import colormaps
    from matplotlib.colors import ListedColormap
    from matplotlib.ticker import MaxNLocator

    births = [r.birth for r in ok]
    colours = ListedColormap(colormaps["viridis_r"](np.linspace(0.15, 1, 256)), "births")
    dots = axes.scatter(
        *_columns(ok, x, y), s=12, alpha=0.5, linewidths=0, c=births, cmap=colours, label=f"{len(ok)} evaluations"
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


def save_figure(figure: Figure, path: Path) -> None:
    """Drawn in memory, then written by :func:`evonas.serialization.files.write_output`; its kind is the path's suffix,
    else png.

    Raises:
        UserError: The file cannot be written, or there is no such kind of picture.
    """
    drawn = BytesIO()
    try:
        figure.savefig(drawn, dpi=150, format=path.suffix[1:] or "png")
    except ValueError as error:  # an unknown suffix
        raise UserError(f"cannot draw {path}: {error}") from None
    write_output(path, drawn.getvalue(), what="the plot ")
