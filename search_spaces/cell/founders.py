"""Random cells."""

from __future__ import annotations

import numpy as np

from evonas.types import Ints
from search_spaces.cell.choices import absent, edges_into
from search_spaces.cell.layout import Layout


def sample(layout: Layout, rng: np.random.Generator) -> Ints:
    """A matrix of choices by the option ``sampling``: on all edges, or on two random ones into each node.

    Uniform ones are all equally likely. With frequencies of operations of its own, uniform on the simplex, a founder
    may cost much or little; else all cost about the same, and a front has to be reached from its middle.
    """
    columns = [c for c in range(len(layout.set.names)) if not (layout.two and c == layout.set.none)]
    frequencies = rng.dirichlet(np.ones(len(columns))) if layout.options.sampling == "frequencies" else None
    matrix = rng.choice(columns, p=frequencies, size=(layout.n_cells, len(layout.edges)))
    if layout.two:
        for row in matrix:
            for edges in edges_into(layout):
                into = row[edges]  # a view
                into[rng.permutation(len(into))[2:]] = absent(layout)
    return matrix
