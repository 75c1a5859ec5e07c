"""A diagram counts and thins its edges."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from evonas.capabilities.diagram import NetworkDiagram


def make(
    edges: list[tuple[int, int]], weights: list[float] | None = None, names: tuple[str, ...] = ()
) -> NetworkDiagram:
    """Two inputs, two hidden nodes, an output."""
    return NetworkDiagram(
        width=1.0, positions=np.zeros((5, 2), np.float32), layers=("in", "1", "out"), layer=np.array([0, 0, 1, 1, 2]),
        kinds=("node",), kind=np.zeros(5, np.int64), edges=np.array(edges, np.int64),
        weights=None if weights is None else np.array(weights, np.float32), edge_labels=names,
    )


EDGES = [(0, 2), (1, 2), (0, 3), (1, 3), (2, 4), (3, 4)]
WEIGHTS = [0.1, -9.0, 0.3, 8.0, 0.2, -0.5]


def test_edges_are_counted_by_pairs_of_layers() -> None:
    diagram = make(EDGES)
    assert diagram.layer_sizes().tolist() == [2, 2, 1]
    assert diagram.pair_counts().tolist() == [[0, 4, 0], [0, 0, 2], [0, 0, 0]]


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


def test_of_edges_that_share_weights_whole_nodes_are_kept_from_everywhere() -> None:
    n = 20
    edges = np.array([(i + k, 22 + i) for i in range(n) for k in range(3)])
    layer = np.repeat([0, 1], [22, n])
    diagram = NetworkDiagram(
        width=1.0, positions=np.zeros((22 + n, 2), np.float32), layers=("in", "1"), layer=layer, kinds=("node",),
        kind=np.zeros(22 + n, np.int64), edges=edges, weights=np.tile([9.0, 0.1, 5.0], n).astype(np.float32),
        ties=np.tile([4, 7, 9], n),
    )
    assert (diagram.n_weights, make(EDGES).n_weights) == (3, 6)
    thin = diagram.thinned(12)
    assert thin.ties is not None
    assert sorted(thin.ties.tolist()) == sorted([4, 7, 9] * 4)
    targets = np.unique(thin.edges[:, 1])
    assert len(targets) == 4
    assert np.diff(targets).max() <= 10
    assert np.diff(targets).min() > 1


def test_edges_that_share_no_weight_are_thinned_beside_those_that_do() -> None:
    diagram = replace(make(EDGES, WEIGHTS), ties=np.array([3, -1, 3, -1, -1, -1]))
    thin = diagram.thinned(4)
    assert thin.ties is not None
    assert sorted(thin.ties.tolist()) == [-1, -1, 3, 3] or sorted(thin.ties.tolist()) == [-1, -1, -1, 3]
    assert [1, 2] in thin.edges.tolist()  # the strongest of those that share none
    assert diagram.n_weights == 5


def test_a_small_diagram_is_not_thinned() -> None:
    diagram = make(EDGES, WEIGHTS)
    assert diagram.thinned(6) is diagram


def test_rows_that_do_not_fit_are_refused() -> None:
    with pytest.raises(ValueError, match="one row an edge, got 6, "):
        make(EDGES, [1.0])
    with pytest.raises(ValueError, match="ties and edge_labels must have one row an edge, got 6, "):
        replace(make(EDGES), ties=np.zeros(5, np.int64))
