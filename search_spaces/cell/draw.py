"""Drawings of cells: each different cell of a genotype is a graph, and the graphs stand side by side."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from evonas.capabilities.diagram import NetworkDiagram
from evonas.types import Doubles
from search_spaces.cell.genotype import CellGenotype
from search_spaces.cell.layout import Layout

#: Widths in units of the drawing's height: of a cell, and of the gap between two.
CELL, GAP = 1.2, 0.25
#: Label of the edges to the output if it concatenates all nodes.
CONCATENATE = "concatenate"


def diagram(genotype: CellGenotype, layout: Layout, titles: Sequence[str]) -> NetworkDiagram:
    """Draw inputs on the left, the output on the right, and numbered nodes between them.

    Edges are labelled with their operations.

    Args:
        genotype: A valid genotype.
        layout: The layout of the space.
        titles: One caption for each cell.
    """
    n_inputs, n_nodes = layout.set.n_inputs, layout.n_nodes
    joins = layout.set.skeleton == "darts"  # else the last node is the output
    n_drawn = n_inputs + n_nodes + joins
    edges, names = [], []
    for index, cell in enumerate(genotype.cells):
        first = index * n_drawn
        for target, node in enumerate(cell, n_inputs):
            edges += [(first + source, first + target) for _, source in node]
            names += [name for name, _ in node]
        if joins:
            edges += [(first + source, first + n_drawn - 1) for source in range(n_inputs, n_drawn - 1)]
            names += [CONCATENATE] * n_nodes
    n_cells = len(genotype.cells)
    shifts = np.arange(n_cells)[:, None, None] * [CELL + GAP, 0.0]
    kinds = [0] * n_inputs + [1] * (n_drawn - n_inputs - 1) + [2]
    labels = ["input" if n_inputs == 1 else f"input {i}" for i in range(n_inputs)]
    labels += [*map(str, range(n_inputs, n_drawn - 1)), "output"]
    positions = (_places(n_inputs, n_drawn) + shifts).reshape(-1, 2).astype(np.float32)
    return NetworkDiagram(
        width=float(positions[:, 0].max()),
        positions=positions,
        layers=tuple(titles),
        layer=np.repeat(np.arange(n_cells), n_drawn),
        kinds=("input", "node", "output"),
        kind=np.tile(np.array(kinds), n_cells),
        edges=np.array(edges, np.int64).reshape(-1, 2),
        labels=tuple(labels) * n_cells,
        edge_labels=tuple(names),
    )


def _places(n_inputs: int, n_drawn: int) -> Doubles:
    """Place nodes on an ellipse, alternating above and below.

    No three nodes are in line, so no edge runs through another node.
    """
    steps = np.maximum(np.arange(n_drawn) - (n_inputs - 1), 0) / (n_drawn - n_inputs)  # inputs share the first place
    x = 0.06 + 0.94 * steps if n_inputs > 1 else steps
    above = np.where(np.arange(n_drawn) % 2, 1.0, -1.0)
    y = 0.5 + 0.45 * above * np.sqrt(np.maximum(1 - (2 * x - 1) ** 2, 0))
    return np.stack([CELL * x, y], axis=1)
