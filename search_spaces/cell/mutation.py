"""Mutations: functions ``(matrix of choices, layout, rng) -> matrix``, or None if an operator does not apply.

A mutation changes from one edge to a quarter of them, log-uniformly: near the front most improvements are small.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import TypeAlias

import numpy as np

from evonas.types import Ints
from search_spaces.cell.choices import absent, edges_into
from search_spaces.cell.layout import Layout

Operator: TypeAlias = Callable[[Ints, Layout, np.random.Generator], Ints | None]

#: Largest share of the edges that one mutation changes.
LARGEST_STEP = 0.25


def change_operation(matrix: Ints, layout: Layout, rng: np.random.Generator) -> Ints | None:
    """Change the operations on some edges; if the set has a null operation, edges may appear and disappear.

    Args:
        matrix: Choices, ``(n_cells, n_edges)``.
        layout: The layout of the space.
        rng: Draws edges and operations.
    """
    places = np.argwhere((matrix != absent(layout)) | (not layout.two))
    allowed = [c for c in range(len(layout.set.names)) if not (layout.two and c == layout.set.none)]
    child = matrix.copy()
    for cell, edge in rng.permutation(places)[: _step(len(places), rng)]:
        child[cell, edge] = rng.choice([column for column in allowed if column != matrix[cell, edge]])
    return child


def change_source(matrix: Ints, layout: Layout, rng: np.random.Generator) -> Ints | None:
    """Move the operations of some nodes to edges from sources that had none.

    Args:
        matrix: Choices, ``(n_cells, n_edges)``.
        layout: The layout of the space.
        rng: Draws nodes and sources.
    """
    nodes = [
        (cell, edges) for cell, row in enumerate(matrix) for edges in edges_into(layout)
        if 0 < (row[edges] == absent(layout)).sum() < len(row[edges])
    ]
    if not nodes:
        return None
    child = matrix.copy()
    for index in rng.permutation(len(nodes))[: _step(len(nodes), rng)]:
        cell, edges = nodes[index]
        row = child[cell, edges]  # a view
        old, new = (rng.choice(np.flatnonzero(where)) for where in (row != absent(layout), row == absent(layout)))
        row[[new, old]] = row[[old, new]]
    return child


#: Operators by name.
OPERATORS: Mapping[str, Operator] = MappingProxyType(
    {"change_operation": change_operation, "change_source": change_source}
)


def operators_in_use(layout: Layout) -> dict[str, float]:
    """Return the operators that can change cells of this space, with equal weights."""
    n_sources = layout.set.n_inputs + layout.n_nodes - 1  # sources of the last node
    movable = n_sources > (2 if layout.two else 1) and not layout.needs_all_edges
    return {name: 1.0 for name in OPERATORS if movable or name != "change_source"}


def _step(n_places: int, rng: np.random.Generator) -> int:
    return int(np.exp(rng.uniform(0, np.log(max(1.0, LARGEST_STEP * n_places) + 1))))
