"""Networks for the page: thinned, in small integers, as base64."""

from __future__ import annotations

import base64
from typing import Any

import numpy as np
from numpy.typing import NDArray

from evonas.capabilities.diagram import NetworkDiagram
from evonas.capabilities.display import Drawable
from evonas.store import Record, RunStore
from evonas.types import Json

#: Largest number of edges in a drawing: more are a grey mass, and delay the response to a click.
DRAWN_EDGES = 6000
#: Largest number of edges with shared weights, which are drawn to show the positions of a neuron's sources.
DRAWN_SHARED = 900
#: Largest number of edges in all drawings of a page, and of drawings: the page should stay below 15 MB.
ALL_EDGES, MOST_DRAWINGS = 600_000, 160


class Drawings:
    """The drawings of a run's networks; each is made once, since trained networks do not change."""

    def __init__(self) -> None:
        self._made: dict[tuple[int, int, int], Json] = {}

    def of(self, records: list[Record], store: RunStore[Any], space: object) -> dict[str, Json]:
        """Drawings by id; if there are more than ``MOST_DRAWINGS`` records, of evenly chosen ones, including both ends.

        Empty if the space is not :class:`evonas.capabilities.display.Drawable`.

        Args:
            records: Evaluations to draw.
            store: The open run.
            space: Its search space.
        """
        if not isinstance(space, Drawable):
            return {}
        if len(records) > MOST_DRAWINGS:
            records = [records[i] for i in np.linspace(0, len(records) - 1, MOST_DRAWINGS).astype(int)]
        n_edges = min(DRAWN_EDGES, ALL_EDGES // max(len(records), 1))
        return {str(r.id): self._drawing(r, store, space, n_edges) for r in records}

    def _drawing(self, record: Record, store: RunStore[Any], space: Drawable[Any], n_edges: int) -> Json:
        key = record.id, record.budget, n_edges
        if key not in self._made:
            weights = store.weights(record.id, record.budget)
            diagram = space.diagram(store.member(record.id).genotype, weights)
            self._made[key] = to_json(diagram.named(store.info.config.get("classes", ())), n_edges)
        return self._made[key]


def to_json(diagram: NetworkDiagram, n_edges: int) -> Json:
    """A diagram with at most ``n_edges`` edges.

    Arrays are little-endian bytes in base64: positions uint16 (65535 is the width, and 1), layer and kind uint8, edges
    uint32 pairs, or uint16 if all nodes fit, weights int8 (127 is the largest weight), ties int16 (modulo 2520, which
    any small number of colours divides).
    """
    thin = diagram.thinned(n_edges if diagram.ties is None else min(n_edges, DRAWN_SHARED))
    width = max(diagram.width, 1e-9)
    narrow = len(diagram.positions) <= 0x10000
    drawing: dict[str, Any] = {
        "width": width, "layers": list(diagram.layers), "kinds": list(diagram.kinds),
        "nEdges": len(diagram.edges), "sizes": diagram.layer_sizes().tolist(), "pairs": diagram.pair_counts().tolist(),
        "positions": _base64(np.round(diagram.positions / [width, 1] * 65535), np.uint16),
        "layer": _base64(diagram.layer, np.uint8), "kind": _base64(diagram.kind, np.uint8),
        "edges": _base64(thin.edges, np.uint16 if narrow else np.uint32), "wide": not narrow,
        "labels": {str(i): text for i, text in enumerate(diagram.labels) if text}, "edgeLabels": list(thin.edge_labels),
    }
    if thin.weights is not None:
        largest = max(float(np.abs(thin.weights).max(initial=0)), 1e-12)
        drawing |= {"weights": _base64(np.round(thin.weights / largest * 127), np.int8), "largest": largest}
    if thin.ties is not None:
        ties = np.where(thin.ties < 0, -1, thin.ties % 2520)
        drawing |= {"ties": _base64(ties, np.int16), "nWeights": diagram.n_weights}
    if diagram.input_use is not None:
        drawing["inputUse"] = {"shape": list(diagram.input_use.shape), "values": _base64(diagram.input_use, np.float32)}
    return drawing


def _base64(array: NDArray[Any], dtype: type[np.generic]) -> str:
    return base64.b64encode(np.ascontiguousarray(array, np.dtype(dtype).newbyteorder("<")).tobytes()).decode()
