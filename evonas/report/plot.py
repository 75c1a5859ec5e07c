"""Plots of fronts as PNG, SVG or PDF, by the suffix of the path."""

from __future__ import annotations

from collections.abc import Sequence
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from evonas.front import check_measured
from evonas.objectives import Objective, Objectives
from evonas.objectives.metrics import METRICS, is_logarithmic
from evonas.report.compare import Attained, Comparison, Curve, attained, staircase
from evonas.serialization.files import write_output
from evonas.store import Record
from evonas.types import Doubles, UserError

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

#: Letters in an inch of the legend's width, letters that take as much as a handle, and inches of a line's height.
LEGEND, HANDLE, LEGEND_LINE = 11, 7, 0.2
#: Labels of metrics on the axes; other metrics are shown by their name.
LABELS = {name: metric.label for name, metric in METRICS.items()}


def plot_front(
    path: Path, records: Sequence[Record], members: Sequence[Record], objectives: Objectives, *, title: str = "",
    others: Sequence[tuple[str, Sequence[Record]]] = (), cost: str | None = None,
) -> None:
    """Plot a front in bold over all evaluations; the x axis is a cost, the y axis the first objective.

    A front of three or more objectives is a cloud: its members are dots, the line is the best of them under each cost.

    Args:
        path: File to write.
        records: All evaluations, drawn faintly.
        members: Members of the front.
        objectives: Objectives of the search.
        title: Title of the plot.
        others: Named fronts to draw in addition.
        cost: The metric on the x axis; None for the last objective.

    Raises:
        UserError: There is no front to draw, a member has no such cost, or the file cannot be written; no partial file
            remains.
    """
    save_figure(front_figure(records, members, objectives, title=title, others=others, cost=cost), path)


def front_figure(
    records: Sequence[Record], members: Sequence[Record], objectives: Objectives, *, title: str = "",
    others: Sequence[tuple[str, Sequence[Record]]] = (), cost: str | None = None, size: tuple[float, float] = (8, 5),
) -> Figure:
    """The figure of :func:`plot_front`.

    Args:
        records, members, objectives, title, others, cost: See :func:`plot_front`.
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
    """The objective for a metric; one is created if the search has no such objective.

    Args:
        cost: Name of the metric; None for the last objective.
        members: Members of the front.
        objectives: Objectives of the search.
    """
    if cost is None:
        return objectives.items[-1]
    check_measured(members, cost)
    return next((o for o in objectives.items if o.metric == cost), Objective(cost, log=is_logarithmic(cost)))


def _draw_front(
    axes: Axes, name: str, members: Sequence[Record], x: Objective, y: Objective, *, is_line: bool, lw: float,
    ms: float, color: str | None = None, zorder: float = 2,
) -> None:
    """Draw members joined by steps, or as dots with steps along the best of them under each cost.

    Args:
        axes: Axes to draw on.
        name: Name in the legend.
        members: Members of the front.
        x: Objective of the x axis.
        y: Objective of the y axis.
        is_line: Whether the members are joined by steps.
        lw: Width of the line.
        ms: Size of the dots.
        color: Colour; None for the next of the cycle.
        zorder: Order of drawing.
    """
    label, by_cost = f"{name}, {len(members)} members", sorted(members, key=lambda r: r.metrics[x.metric])
    if is_line:
        axes.step(*_columns(by_cost, x, y), "o-", where="post", color=color, lw=lw, ms=ms, label=label, zorder=zorder)
        return
    (dots,) = axes.plot(*_columns(members, x, y), "o", color=color, ms=ms, label=label, zorder=zorder)
    stairs = _columns(staircase(by_cost, Objectives((y, x))), x, y)
    axes.step(*stairs, where="post", color=dots.get_color(), lw=0.6 * lw, alpha=0.7, zorder=zorder)


def plot_comparison(path: Path, comparison: Comparison, *, title: str = "") -> None:
    """Plot the best quality under each cost across the span of the budgets, as a step curve for each group.

    For several runs it is the median attainment surface, in a band from the worst to the best from the cost at which
    all runs have a member (López-Ibáñez 2010, https://doi.org/10.1007/978-3-642-02538-9_9); for one run it is its front
    with its members.

    Args:
        path: File to write.
        comparison: The comparison.
        title: Title of the plot.

    Raises:
        UserError: The file cannot be written; no partial file remains.
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
    """Draw a group's curve at least up to ``right``: a run counts with its best member under every larger budget.

    Args:
        axes: Axes to draw on.
        label: Text in the legend.
        curves: Attainment of the group.
        right: Cost up to which the curve reaches.
        colour: Colour as red, green, blue and alpha.
        markers: Whether to mark the members instead of drawing the band.
    """
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
    """Values under ``costs``, the first of which is not below the beginning of the curve."""
    return curve.values[np.searchsorted(curve.costs, costs, side="right") - 1]


def _extended(curve: Curve, right: float) -> Curve:
    """The curve with its last step extended to ``right``."""
    last = max(right, curve.costs[-1])
    return Curve(np.append(curve.costs, last), np.append(curve.values, curve.values[-1]))


def _frame_curves(axes: Axes, curves: Sequence[Curve]) -> None:
    """Set the y axis to the visible range of the curves.

    The scale is logarithmic if the range spans a factor of four; otherwise bad networks would hide the differences
    between good ones.
    """
    from matplotlib.ticker import FormatStrFormatter, LogLocator, NullFormatter

    seen = []
    for curve in curves:
        first, end = np.searchsorted(curve.costs, axes.get_xlim(), side="right")
        seen.append(curve.values[max(first - 1, 0) : end])  # the step before the left edge is visible, too
    values = np.concatenate(seen)
    if not len(values):  # if all members cost more than the last budget
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
    axes.set(xlabel=LABELS.get(x.metric, x.metric), ylabel=LABELS.get(y.metric, y.metric), title=title)
    axes.grid(alpha=0.3, lw=0.5)
    axes.spines[["top", "right"]].set_visible(False)
    _add_legend(axes)


def _add_legend(axes: Axes) -> None:
    """Add the legend below the axes, where it covers nothing; a figure with many lines of it grows by them."""
    figure, (handles, labels) = axes.get_figure(root=True), axes.get_legend_handles_labels()
    assert figure is not None
    widest = HANDLE + max(map(len, labels), default=1)
    n_columns = max(1, min(len(labels), int(LEGEND * figure.get_figwidth()) // widest))
    figure.set_figheight(figure.get_figheight() + LEGEND_LINE * max(0, -(-len(labels) // n_columns) - 1))
    figure.legend(handles, labels, loc="outside lower center", ncols=n_columns, frameon=False)


def _scatter(figure: Figure, axes: Axes, ok: Sequence[Record], x: Objective, y: Objective) -> None:
    """Draw all evaluations, coloured by generation if there are several; without yellow, which is invisible on paper.

    Args:
        figure: The figure.
        axes: Axes to draw on.
        ok: Successful evaluations.
        x: Objective of the x axis.
        y: Objective of the y axis.
    """
    from matplotlib import colormaps
    from matplotlib.colors import ListedColormap
    from matplotlib.ticker import MaxNLocator

    generations = [r.generation for r in ok]
    colours = ListedColormap(colormaps["viridis_r"](np.linspace(0.15, 1, 256)), "generations")
    dots = axes.scatter(
        *_columns(ok, x, y), s=12, alpha=0.5, linewidths=0, c=generations, cmap=colours, label=f"{len(ok)} evaluations"
    )
    if max(generations):
        bar = figure.colorbar(dots, ax=axes, label="generation", pad=0.01, ticks=MaxNLocator(integer=True))
        bar.outline.set_visible(False)


def _log_scale(axes: Axes) -> None:
    """Label the x axis 1k, 2k, 5k, 10k instead of powers of ten, because costs rarely span many of them."""
    from matplotlib.ticker import EngFormatter, LogLocator, NullFormatter

    axes.set_xscale("log")
    axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes.xaxis.set_major_formatter(EngFormatter(sep=""))
    axes.xaxis.set_minor_formatter(NullFormatter())


def _columns(records: Sequence[Record], x: Objective, y: Objective) -> tuple[list[float], list[float]]:
    return [r.metrics[x.metric] for r in records], [r.metrics[y.metric] for r in records]


def _frame(axes: Axes, fronts: Sequence[Sequence[float]]) -> None:
    """Limit the y axis to the fronts, which bad evaluations would otherwise squeeze into a corner."""
    low, high = min(map(min, fronts)), max(map(max, fronts))
    if (margin := 0.08 * (high - low)) > 0:
        axes.set_ylim(low - margin, high + 2 * margin)


def save_figure(figure: Figure, path: Path) -> None:
    """Draw a figure in memory and write it by :func:`evonas.serialization.files.write_output`.

    Its kind is the path's suffix, else png.

    Raises:
        UserError: The file cannot be written, or there is no such kind of picture.
    """
    drawn = BytesIO()
    try:
        figure.savefig(drawn, dpi=150, format=path.suffix[1:] or "png")
    except ValueError as error:  # the suffix is unknown
        raise UserError(f"cannot draw {path}: {error}; name a file that ends in .png, .svg or .pdf") from None
    write_output(path, drawn.getvalue(), what="the plot ")
