"""A sketch counts and thins its edges."""

from __future__ import annotations

import numpy as np
import pytest

from evonas.sketch import Sketch


def make(edges: list[tuple[int, int]], weights: list[float] | None = None, names: tuple[str, ...] = ()) -> Sketch:
    """Two inputs, two hidden nodes, an output."""
    return Sketch(
        width=1.0, positions=np.zeros((5, 2), np.float32), layers=("in", "1", "out"), layer=np.array([0, 0, 1, 1, 2]),
        kinds=("node",), kind=np.zeros(5, np.int64), edges=np.array(edges, np.int64),
        weights=None if weights is None else np.array(weights, np.float32), edge_labels=names,
    )


EDGES = [(0, 2), (1, 2), (0, 3), (1, 3), (2, 4), (3, 4)]
WEIGHTS = [0.1, -9.0, 0.3, 8.0, 0.2, -0.5]


def test_edges_are_counted_by_pairs_of_layers() -> None:
    sketch = make(EDGES)
    assert sketch.layer_sizes().tolist() == [2, 2, 1]
    assert sketch.pair_counts().tolist() == [[0, 4, 0], [0, 0, 2], [0, 0, 0]]


def test_thinning_keeps_the_strongest_edges_of_every_pair_of_layers() -> None:
    thin = make(EDGES, WEIGHTS, tuple("abcdef")).thinned(3)
    assert thin.edges.tolist() == [[1, 2], [1, 3], [3, 4]]
    assert thin.weights is not None
    assert thin.weights.tolist() == [-9.0, 8.0, -0.5]
    assert thin.edge_labels == ("b", "d", "f")


def test_edges_without_weights_are_thinned_too() -> None:
    thin = make(EDGES).thinned(3)
    assert len(thin.edges) == 3
    assert thin.weights is None


def test_a_small_sketch_is_not_thinned() -> None:
    sketch = make(EDGES, WEIGHTS)
    assert sketch.thinned(6) is sketch


def test_rows_that_do_not_fit_are_refused() -> None:
    with pytest.raises(ValueError, match="one row an edge, got 6, "):
        make(EDGES, [1.0])
