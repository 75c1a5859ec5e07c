"""Crossover: each node of each cell comes from one of the parents, with all edges into it."""

from __future__ import annotations

import numpy as np

from evonas.types import Ints
from search_spaces.cell.choices import edges_into
from search_spaces.cell.layout import Layout


def exchange_nodes(first: Ints, second: Ints, layout: Layout, rng: np.random.Generator) -> Ints:
    """Put nodes of the second parent into the first, each with probability one half.

    The number of edges into each node is that of a parent, so the child is valid.

    Args:
        first: Matrix of choices, ``(n_cells, n_edges)``.
        second: Matrix of choices of the same shape.
        layout: The layout of the space.
        rng: Draws the nodes.
    """
    child = first.copy()
    for edges in edges_into(layout):
        taken = rng.random(len(first)) < 0.5
        child[taken, edges] = second[taken, edges]
    return child
