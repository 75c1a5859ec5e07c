"""A network as a picture: PNG, SVG or PDF, by the suffix of the path."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from evonas.report.plot import save_figure
from evonas.sketch import Sketch

#: More would be a grey surface.
MOST_EDGES = 4000
#: Inches of the rectangle's height.
HEIGHT = 5.0


def draw_sketch(path: Path, sketch: Sketch, *, title: str = "") -> None:
    """Nodes and edges where the sketch has them, edges with labels in a colour for each label.

    Raises:
        UserError: The file cannot be written; nothing is left behind then.
    """
    from matplotlib import colormaps
    from matplotlib.collections import LineCollection
    from matplotlib.figure import Figure

    sketch = sketch.thinned(MOST_EDGES)
    figure = Figure(figsize=(min(20.0, max(5.0, HEIGHT * sketch.width)), HEIGHT + 0.6), layout="constrained")
    axes = figure.add_subplot()
    labels = sorted(set(sketch.edge_labels))
    colours = {label: colormaps["tab10"](i % 10) for i, label in enumerate(labels)}
    lines = sketch.positions[sketch.edges]
    for label in labels or [""]:
        of_label = np.array([not labels or label == each for each in sketch.edge_labels or [""] * len(lines)], bool)
        width = 1.6 if labels else 0.5
        axes.add_collection(LineCollection(
            list(lines[of_label]), colors=colours.get(label, "0.6"), linewidths=width, label=label or None
        ))
    for index, kind in enumerate(sketch.kinds):
        x, y = sketch.positions[sketch.kind == index].T
        marker, size = ("s", 16) if kind == "input" else ("o", 90 if kind == "output" else 45)
        axes.scatter(x, y, marker=marker, s=size, color="white", edgecolors="black", zorder=3)
    for (x, y), text in zip(sketch.positions, sketch.labels, strict=False):
        axes.annotate(text, (x, y), textcoords="offset points", xytext=(0, 7), ha="center", fontsize=8)
    axes.set(xlim=(-0.05, sketch.width + 0.05), ylim=(1.05, -0.05), aspect="equal", title=title)
    axes.set_axis_off()
    if labels:
        figure.legend(loc="outside lower center", ncols=min(4, len(labels)), frameon=False)
    save_figure(figure, path)
