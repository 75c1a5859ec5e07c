"""Crossover: every node of every cell comes from either parent, with all edges into it."""

from __future__ import annotations

import numpy as np

from evonas.types import Ints
from search_spaces.cell.choices import edges_into
from search_spaces.cell.layout import Layout


def exchange_nodes(first: Ints, second: Ints, layout: Layout, rng: np.random.Generator) -> Ints:
    """A matrix of choices with nodes of the second parent in the first, each with probability one half.

    Preserved: the number of edges into each node is that of a parent, so the child is valid.
    """
    child = first.copy()
    for edges in edges_into(layout):
        taken = rng.random(len(first)) < 0.5
        child[taken, edges] = second[taken, edges]
    return child
