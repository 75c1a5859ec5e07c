"""Pictures of networks as PNG, SVG or PDF, by the suffix of the path."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from evonas.capabilities.diagram import NetworkDiagram
from evonas.report.plot import save_figure
from evonas.report.tables import number
from evonas.types import Doubles

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.collections import PathCollection
    from matplotlib.colors import Colormap
    from matplotlib.figure import Figure

#: Largest number of edges in a picture: more are a grey mass, and a slow SVG.
DRAWN_EDGES = 5000
#: Largest number of edges with shared weights, which are drawn to show the positions of a neuron's sources.
DRAWN_SHARED = 900
#: Sizes in inches: largest height and width of a drawing, the picture of the inputs beside it, the head with title and
#: captions, the foot with the legend, and the margin.
TALLEST, WIDEST, HEAT, HEAD, FOOT, MARGIN = 4.4, 15.0, 2.5, 1.2, 0.75, 0.35
#: Smallest width in inches that holds the texts.
NARROWEST = 6.5
#: Largest number of characters of a label, and inches per character.
LONGEST_LABEL, LETTER = 24, 0.085
INK, QUIET, PALE = "#1f2430", "#5b6472", "#d6dae1"
#: Colours of operations, in the order of their names: Okabe & Ito 2008, https://jfly.uni-koeln.de/color/.
OPERATION_COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#b07c00", "#3a9bd0", "#7a5c2e", "#000000")
#: Colours of shared weights, by their number: those of neighbouring taps of a kernel differ strongly.
TIE_COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#b07c00", "#3a9bd0", "#7a3ea1", "#c0392b", "#5b8c2a")
#: Possible positions of a name along its edge, best first.
NAME_PLACES = (0.5, 0.42, 0.58, 0.34, 0.66, 0.27, 0.73, 0.2, 0.8)
NAME_SIZE = 8.5


def draw_diagram(path: Path, diagram: NetworkDiagram, *, title: str, facts: str = "") -> None:
    """Draw a network: layers from left to right, edges coloured by weight or named by operation, and the use of inputs.

    Args:
        path: File to write.
        diagram: The network.
        title: Title of the picture.
        facts: A line below the title.

    Raises:
        UserError: The file cannot be written; no partial file remains.
    """
    sheet = _sheet(diagram)
    sheet.text(MARGIN, sheet.height - 0.36, title, size=14, weight="bold", color=INK)
    sheet.text(MARGIN, sheet.height - 0.64, facts, size=10, color=QUIET)
    axes = sheet.axes(MARGIN, FOOT, sheet.unit * diagram.width, sheet.unit)
    axes.set(xlim=(0, diagram.width), ylim=(1, 0))
    axes.set_axis_off()
    _draw_captions(axes, diagram)
    if diagram.edge_labels:
        _draw_operations(axes, diagram, sheet.unit)
    else:
        shown = diagram.thinned(DRAWN_EDGES if diagram.ties is None else DRAWN_SHARED)
        _draw_neurons(axes, diagram, sheet.unit)
        if shown.ties is not None:
            _draw_shared(axes, shown)
        elif (scale := _draw_weights(axes, shown)) is not None:
            _draw_scale(sheet, scale)
        sheet.text(MARGIN, 0.3, _edges_text(shown, diagram), size=9, color=QUIET)
    if sheet.has_heat:
        _draw_input_use(sheet, diagram)
    save_figure(sheet.figure, path)


@dataclass(frozen=True)
class _Sheet:
    """A figure measured in inches from its lower left corner.

    Attributes:
        figure: The figure.
        unit: Inches of one unit of the diagram.
        has_heat: Whether it shows the use of the inputs.
    """

    figure: Figure
    unit: float
    has_heat: bool

    @property
    def width(self) -> float:
        return float(self.figure.get_figwidth())

    @property
    def height(self) -> float:
        return float(self.figure.get_figheight())

    def axes(self, left: float, bottom: float, width: float, height: float) -> Axes:
        w, h = self.width, self.height
        return self.figure.add_axes((left / w, bottom / h, width / w, height / h))

    def text(self, left: float, bottom: float, text: str, **style: Any) -> None:
        """Write a text literally: names come from the user's files, in which a dollar sign is no mathematics.

        Args:
            left: Inches from the left.
            bottom: Inches from the bottom.
            text: The text.
            style: Options of matplotlib's ``Figure.text``.
        """
        self.figure.text(left / self.width, bottom / self.height, text, parse_math=False, **style)


def _sheet(diagram: NetworkDiagram) -> _Sheet:
    from matplotlib.figure import Figure

    unit = min(TALLEST, WIDEST / diagram.width)
    has_heat = diagram.input_use is not None and len(diagram.input_use) > 1
    labels = [] if diagram.edge_labels else diagram.labels
    names = max(0.35, LETTER * max((len(_shortened(text)) for text in labels), default=0))
    width = max(unit * diagram.width + names, NARROWEST) + 2 * MARGIN + (HEAT + 0.9 if has_heat else 0.0)
    return _Sheet(Figure(figsize=(width, unit + HEAD + FOOT), facecolor="white"), unit, has_heat)


def _edges_text(shown: NetworkDiagram, diagram: NetworkDiagram) -> str:
    n_shown, n_edges = len(shown.edges), len(diagram.edges)
    if diagram.ties is not None:
        text = f"{number(diagram.n_weights)} weights, {number(n_edges)} edges: those of a colour share a weight"
        return text if n_shown == n_edges else f"{text}; {number(n_shown)} are drawn, those into some of the neurons"
    if n_shown == n_edges:
        return f"{number(n_edges)} edges"
    which = "of each pair of layers" if diagram.weights is None else "the strongest of each pair of layers"
    return f"{number(n_shown)} of {number(n_edges)} edges are drawn, {which}"


def _draw_captions(axes: Axes, diagram: NetworkDiagram) -> None:
    """Write the name of each layer above its middle and, for neurons, their number."""
    for i, (name, size) in enumerate(zip(diagram.layers, diagram.layer_sizes(), strict=True)):
        x = diagram.positions[diagram.layer == i, 0]
        if not len(x):
            continue
        caption = name if diagram.edge_labels else f"{name}\n{number(float(size))}"
        middle = float(x.min() + x.max()) / 2
        axes.text(
            middle, -0.02, caption, size=9, color=QUIET, ha="center", va="bottom", linespacing=1.3, parse_math=False
        )


def _curves(diagram: NetworkDiagram) -> list[Doubles]:
    """The four control points of each edge, ``(4, 2)``: it begins and ends horizontally."""
    start, end = (diagram.positions[nodes].astype(np.float64) for nodes in diagram.edges.T)
    bend = np.stack([0.4 * (end[:, 0] - start[:, 0]), np.zeros(len(start))], axis=1)
    return list(np.stack([start, start + bend, end - bend, end], axis=1))


def _collection(curves: list[Doubles], **style: Any) -> PathCollection:
    from matplotlib.collections import PathCollection
    from matplotlib.path import Path as Curve

    codes = [Curve.MOVETO, Curve.CURVE4, Curve.CURVE4, Curve.CURVE4]
    return PathCollection([Curve(points, codes) for points in curves], facecolors="none", capstyle="round", **style)


# -- networks of neurons


def _draw_neurons(axes: Axes, diagram: NetworkDiagram, unit: float) -> None:
    """Draw inputs as squares, darker if read by more edges; hidden neurons as dots; outputs larger, with their names.

    Args:
        axes: Axes to draw on.
        diagram: The network.
        unit: Inches of one unit of the diagram.
    """
    read = np.bincount(diagram.edges[:, 0], minlength=len(diagram.positions))
    points = 72 * unit
    for i, kind in enumerate(diagram.kinds):
        nodes = np.flatnonzero(diagram.kind == i)
        x, y = diagram.positions[nodes].T
        if kind == "input":
            side = 0.86 * points * _row_step(y)
            shade = 0.06 + 0.5 * read[nodes] / max(1, read[nodes].max(initial=0))
            style: dict[str, Any] = {"marker": "s", "cmap": "Greys", "vmin": 0, "vmax": 1, "lw": 0}
            axes.scatter(x, y, s=side**2, c=shade, zorder=1, clip_on=False, **style)
        else:
            diameter = 8.0 if kind == "output" else float(np.clip(70 / np.sqrt(max(len(nodes), 1)), 2.5, 6))
            axes.scatter(x, y, s=diameter**2, c="white", edgecolors=INK, lw=0.9, zorder=3, clip_on=False)
    for node, text in enumerate(diagram.labels):
        x, y = diagram.positions[node]
        axes.text(x + 8 / points, y, _shortened(text), size=9, color=INK, va="center", parse_math=False)


def _shortened(label: str) -> str:
    return label if len(label) <= LONGEST_LABEL else f"{label[: LONGEST_LABEL - 1]}…"


def _row_step(y: Doubles) -> float:
    """The distance between rows of inputs, at most 0.04, so that squares touch but do not overlap."""
    rows = np.unique(y)
    return min(float(np.diff(rows).min()), 0.04) if len(rows) > 1 else 0.04


def _draw_weights(axes: Axes, diagram: NetworkDiagram) -> tuple[Colormap, float] | None:
    """Draw edges from the weakest to the strongest; with more edges each is fainter.

    Returns the colours and the weight at their ends, None without weights.
    """
    n_edges = len(diagram.edges)
    density = min(1.0, 1.8 / np.sqrt(max(n_edges, 1) / 150))
    curves = _curves(diagram)
    if diagram.weights is None or not n_edges:
        axes.add_collection(_collection(curves, edgecolors=QUIET, linewidths=0.7, alpha=density, zorder=2))
        return None
    # With the maximum a few large weights would leave all others pale.
    largest = max(float(np.quantile(np.abs(diagram.weights), 0.98)), 1e-12)
    order = np.argsort(np.abs(diagram.weights), kind="stable")
    share = np.clip(diagram.weights[order] / largest, -1, 1)
    colormap = _weight_colours()
    colours = colormap((share + 1) / 2)
    colours[:, 3] = density * (0.2 + 0.8 * np.abs(share))
    widths = (0.35 + 1.4 * np.abs(share)) * (0.5 + 0.5 * density)
    axes.add_collection(_collection([curves[i] for i in order], edgecolors=colours, linewidths=widths, zorder=2))
    return colormap, largest


def _draw_shared(axes: Axes, diagram: NetworkDiagram) -> None:
    """Draw edges in the colour of their weight's number, wider for larger weights; grey if the weight is not shared."""
    from matplotlib.colors import to_rgba

    assert diagram.ties is not None
    palette = np.array([to_rgba(colour) for colour in (*TIE_COLOURS, QUIET)])
    n_edges, curves = len(diagram.edges), _curves(diagram)
    density = min(1.0, 1.8 / np.sqrt(max(n_edges, 1) / 150))
    share = np.ones(n_edges) if diagram.weights is None else np.abs(diagram.weights)
    share = np.clip(share / max(float(np.quantile(share, 0.98)), 1e-12), 0, 1)
    colours = palette[np.where(diagram.ties < 0, len(TIE_COLOURS), diagram.ties % len(TIE_COLOURS))]
    colours[:, 3] = (0.3 + 0.7 * density) * (0.35 + 0.65 * share)
    order = np.argsort(share, kind="stable")
    widths = (0.3 + 0.9 * share) * (0.5 + 0.5 * density)
    axes.add_collection(
        _collection([curves[i] for i in order], edgecolors=colours[order], linewidths=widths[order], zorder=2)
    )


def _weight_colours() -> Colormap:
    """Colours from blue for negative to red for positive weights, a pair distinguishable with colour vision deficiency.

    The white of the middle is left out, because the paper is white.
    """
    from matplotlib import colormaps
    from matplotlib.colors import ListedColormap

    ends = np.concatenate([np.linspace(0.04, 0.3, 128), np.linspace(0.7, 0.96, 128)])
    return ListedColormap(colormaps["RdBu_r"](ends), "weights")


def _draw_scale(sheet: _Sheet, scale: tuple[Colormap, float]) -> None:
    """Draw the scale of the weights' colours at the right end of the foot."""
    colormap, largest = scale
    right = sheet.width - MARGIN - (HEAT + 0.9 if sheet.has_heat else 0.0)
    axes = sheet.axes(right - 1.75, 0.3, 1.3, 0.11)
    axes.imshow(np.linspace(0, 1, 256)[None], aspect="auto", cmap=colormap, extent=(-1, 1, 0, 1))
    axes.set_axis_off()
    style = {"size": 9, "color": QUIET}
    sheet.text(right - 1.82, 0.3, f"weight  −{largest:.2g}", ha="right", **style)
    sheet.text(right - 0.38, 0.3, f"{largest:.2g}", **style)


def _draw_input_use(sheet: _Sheet, diagram: NetworkDiagram) -> None:
    """Draw how many edges read each place of the input grid, to the right of the network."""
    from matplotlib.ticker import MaxNLocator

    assert diagram.input_use is not None
    use = np.ma.masked_equal(diagram.input_use, 0)  # unread inputs have no colour of the scale
    height, width = use.shape
    size = HEAT / max(height, width)
    left, middle = sheet.width - MARGIN - HEAT - 0.4, FOOT + sheet.unit / 2
    axes = sheet.axes(left, middle - size * height / 2, size * width, size * height)
    image = axes.imshow(use, cmap="viridis_r", vmin=1, vmax=max(float(use.max() or 1), 2), interpolation="nearest")
    axes.set(xticks=[], yticks=[], facecolor="white")
    axes.spines[:].set(color=PALE)
    axes.set_title("edges that read each input", size=9, color=QUIET, pad=6)
    place = sheet.axes(left + size * width + 0.1, middle - HEAT / 2, 0.11, HEAT)
    bar = sheet.figure.colorbar(image, cax=place, ticks=MaxNLocator(6, integer=True))
    bar.outline.set_visible(False)
    bar.ax.tick_params(size=0, labelsize=8, labelcolor=QUIET)
    n_unread = int(np.sum(diagram.input_use == 0))
    if n_unread:
        text = f"{number(n_unread)} of {number(use.size)} are not read"
        sheet.text(left, middle - size * height / 2 - 0.2, text, size=9, color=QUIET)


# -- graphs of operations


def _draw_operations(axes: Axes, diagram: NetworkDiagram, unit: float) -> None:
    """Draw nodes with their names inside; edges in the colour of their operation, with its name if there is room.

    Args:
        axes: Axes to draw on.
        diagram: The graph.
        unit: Inches of one unit of the diagram.
    """
    names = sorted(set(diagram.edge_labels) - {""})
    colour = {name: OPERATION_COLOURS[i % len(OPERATION_COLOURS)] for i, name in enumerate(names)} | {"": PALE}
    curves = _curves(diagram)
    colours = [colour[name] for name in diagram.edge_labels]
    axes.add_collection(_collection(curves, edgecolors=colours, linewidths=1.7, alpha=0.9, zorder=1))
    for (x, y), name, colour_ in zip(_name_places(diagram, curves, unit), diagram.edge_labels, colours, strict=True):
        if name:
            box: dict[str, Any] = {"boxstyle": "round,pad=0.16", "fc": "white", "ec": "none", "alpha": 0.9}
            axes.text(
                x, y, name, size=NAME_SIZE, color=colour_, ha="center", va="center", bbox=box, zorder=2,
                parse_math=False,
            )
    for node, (x, y) in enumerate(diagram.positions):
        shape = "circle,pad=0.35" if diagram.kinds[diagram.kind[node]] == "node" else "round,pad=0.45"
        box = {"boxstyle": shape, "fc": "#eef1f5", "ec": INK, "lw": 1}
        text = diagram.labels[node] if diagram.labels else ""
        axes.text(x, y, text, size=9, color=INK, ha="center", va="center", bbox=box, zorder=3, parse_math=False)


def _name_places(diagram: NetworkDiagram, curves: list[Doubles], unit: float) -> list[Doubles]:
    """The position of each edge's name: the first of ``NAME_PLACES`` with the least overlap with nodes and other names.

    Args:
        diagram: The graph.
        curves: Control points of each edge, ``(4, 2)``.
        unit: Inches of one unit of the diagram.
    """
    height = 1.9 * NAME_SIZE / 72 / unit
    taken = [(*point, 0.12, 0.12) for point in diagram.positions]
    places: list[Doubles] = []
    for points, name in zip(curves, diagram.edge_labels, strict=True):
        width = (0.62 * len(name) + 1) * NAME_SIZE / 72 / unit
        spots = [_on_curve(points, t) for t in NAME_PLACES]
        overlaps = [
            sum(max(0.0, (width + w) / 2 - abs(x - px)) * max(0.0, (height + h) / 2 - abs(y - py))
                for px, py, w, h in taken)
            for x, y in spots
        ]
        best = spots[int(np.argmin(overlaps))]
        if name:
            taken.append((*best, width, height))
        places.append(best)
    return places


def _on_curve(points: Doubles, t: float) -> Doubles:
    """The point of a cubic Bézier curve at ``t``."""
    weights = np.array([(1 - t) ** 3, 3 * t * (1 - t) ** 2, 3 * t**2 * (1 - t), t**3])
    point: Doubles = weights @ points
    return point
