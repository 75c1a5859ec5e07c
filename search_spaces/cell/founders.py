"""Random cells of all costs."""

from __future__ import annotations

import numpy as np

from evonas.types import Ints
from search_spaces.cell.choices import absent, edges_into
from search_spaces.cell.layout import Layout


def sample(layout: Layout, rng: np.random.Generator) -> Ints:
    """A matrix of choices: operations with frequencies of its own on all edges, or on two random ones into each node.

    The frequencies are uniform on the simplex. Were all operations equally frequent in every founder, all would cost
    about the same, and a front would have to be reached from its middle.
    """
    columns = [c for c in range(len(layout.set.names)) if not (layout.two and c == layout.set.none)]
    frequencies = rng.dirichlet(np.ones(len(columns)))
    matrix = rng.choice(columns, p=frequencies, size=(layout.n_cells, len(layout.edges)))
    if layout.two:
        for row in matrix:
            for edges in edges_into(layout):
                into = row[edges]  # a view
                into[rng.permutation(len(into))[2:]] = absent(layout)
    return matrix
