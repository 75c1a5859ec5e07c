"""A drawing of a network as plain data: the interface between search spaces, which create it, and its renderers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from evonas.types import Floats, Ints

#: The golden ratio; its multiples, modulo 1, fill the unit interval evenly.
GOLDEN_RATIO = (1 + 5**0.5) / 2


@dataclass(frozen=True, slots=True)
class NetworkDiagram:
    """Nodes in a rectangle and edges between them; a picture file and the HTML page draw the same one.

    Nodes are drawn at their positions, independent of their layer; layers are used for counts and captions.

    Attributes:
        width: Width of the rectangle; its height is 1. The unit is the same in both directions.
        positions: float ``(n_nodes, 2)``, (x, y) with x in [0, width] to the right and y in [0, 1] downwards.
        layers: Captions of the layers, e.g. ``("inputs", "layer 1", "outputs")`` or ``("normal", "reduction")``.
        layer: int ``(n_nodes,)``, index into ``layers``.
        kinds: Names of the kinds of nodes, which differ in their drawing: ``input`` small and square, ``output`` large,
            others round.
        kind: int ``(n_nodes,)``, index into ``kinds``.
        edges: int ``(n_edges, 2)``, (source, target) nodes.
        weights: float ``(n_edges,)``, signed; None if edges have no weights or they are not known.
        labels: One text per node, empty for none; or no texts at all.
        edge_labels: One text per edge, e.g. the name of an operation; or no texts at all.
        ties: int ``(n_edges,)``, edges with the same non-negative number share one weight and are drawn in one colour;
            -1 is untied. None if no edge shares its weight.
        input_use: float ``(height, width)``, number of edges that read each place of the input grid; None if inputs
            have no single readers.
    """

    width: float
    positions: Floats
    layers: tuple[str, ...]
    layer: Ints
    kinds: tuple[str, ...]
    kind: Ints
    edges: Ints
    weights: Floats | None = None
    labels: tuple[str, ...] = ()
    edge_labels: tuple[str, ...] = ()
    ties: Ints | None = None
    input_use: Floats | None = None

    def __post_init__(self) -> None:
        n_nodes, n_edges = len(self.positions), len(self.edges)
        rows = [len(self.layer), len(self.kind), len(self.labels) or n_nodes]
        if self.positions.shape[1:] != (2,) or any(row != n_nodes for row in rows):
            raise ValueError(f"positions (n, 2), layer, kind, labels must have one row a node, got {n_nodes}, {rows}")
        arrays = [array for array in (self.weights, self.ties) if array is not None]
        rows = [*map(len, arrays), len(self.edge_labels) or n_edges]
        if self.edges.shape[1:] != (2,) or any(row != n_edges for row in rows):
            raise ValueError(f"edges (n, 2), weights, ties and edge_labels must have one row an edge, got {n_edges}, "
                             f"{rows}")

    def named(self, names: Sequence[str]) -> NetworkDiagram:
        """The diagram with names instead of numbers at the outputs; unchanged if the number of outputs differs.

        Args:
            names: Names in the order of the outputs.
        """
        outputs = np.flatnonzero(np.array(self.kinds)[self.kind] == "output")
        if self.edge_labels or len(outputs) != len(names):  # outputs of graphs of operations are not those of a task
            return self
        labels = list(self.labels or [""] * len(self.positions))
        for node, name in zip(outputs.tolist(), names, strict=True):
            labels[node] = name
        return replace(self, labels=tuple(labels))

    def layer_sizes(self) -> Ints:
        """Number of nodes in each layer, shape ``(n_layers,)``."""
        return np.bincount(self.layer, minlength=len(self.layers))

    def pair_counts(self) -> Ints:
        """Number of edges from layer i to layer j at ``[i, j]``, shape ``(n_layers, n_layers)``."""
        n = len(self.layers)
        return np.bincount(self._pairs(), minlength=n * n).reshape(n, n)

    @property
    def n_weights(self) -> int:
        """Number of distinct weights of edges: a shared weight counts once."""
        if self.ties is None:
            return len(self.edges)
        tied = self.ties[self.ties >= 0]
        return len(self.edges) - len(tied) + len(np.unique(tied))

    def thinned(self, n_edges: int) -> NetworkDiagram:
        """The diagram with at most ``n_edges`` edges, each pair of layers keeping its share.

        The strongest edges are kept first; of edges that share weights, all edges into some nodes spread over the layer
        are kept, because the positions of a node's sources are of interest.
        """
        if len(self.edges) <= n_edges:
            return self
        pairs = self._pairs()
        strength = np.zeros(len(pairs)) if self.weights is None else -np.abs(self.weights).astype(np.float64)
        if self.ties is not None:
            tied = self.ties >= 0
            pairs = 2 * pairs + tied
            strength[tied] = self.edges[tied, 1] * GOLDEN_RATIO % 1
        order = np.lexsort((strength, pairs))
        first = np.searchsorted(pairs[order], np.unique(pairs))
        place = np.arange(len(order)) - np.repeat(first, np.diff([*first, len(order)]))
        size = np.bincount(pairs)[pairs[order]]
        kept = np.sort(order[np.argsort((place + 0.5) / size, kind="stable")[:n_edges]])
        labels = tuple(self.edge_labels[i] for i in kept) if self.edge_labels else ()
        weights = None if self.weights is None else self.weights[kept]
        ties = None if self.ties is None else self.ties[kept]
        return replace(self, edges=self.edges[kept], weights=weights, edge_labels=labels, ties=ties)

    def _pairs(self) -> Ints:
        source, target = self.layer.astype(np.int64)[self.edges.T]
        pairs: Ints = source * len(self.layers) + target
        return pairs
