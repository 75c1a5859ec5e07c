"""Edges of a network of integers as bytes, in the order in which its program reads them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from evonas.types import IntegerType, Ints
from search_spaces.neuron.export import c_integer
from search_spaces.neuron.export.fixed_point import Factor
from search_spaces.neuron.export.layout import Rows, StepType, to_escaped_rows, to_rows

#: Largest count of edges in a byte.
LARGEST_COUNT = 255


class Source(NamedTuple):
    """Edges into the neurons of a layer that are read from one place on.

    Attributes:
        slot: The place, in the buffer of activations; -1 is the first input.
        row, column, weights: Target, by its place in the layer, steps from the place on, and integer of each edge, each
            ``(n_edges,)``.
        factor: Converts sums to the unit of the target's; None where that is the worth of the products.
    """

    slot: int
    row: Ints
    column: Ints
    weights: Ints
    factor: Factor | None


class EdgeStream(NamedTuple):
    """Edges of a network, source by source: of each neuron their count, and the edges.

    Attributes:
        data: The bytes.
        count_bytes: Bytes of a count.
    """

    data: NDArray[np.uint8]
    count_bytes: int


def edge_stream(
    sources: Sequence[tuple[Source, Ints]], integers: IntegerType, step_type: StepType
) -> EdgeStream:
    """Return the edges of all layers.

    Args:
        sources: The edges, and the neurons that have a count of them, by their place in the layer.
        integers: Type of the weights.
        step_type: Type of the steps between the sources of a neuron.
    """
    rows = [_rows(source, listed, integers, step_type) for source, listed in sources]
    largest = max((int(part.counts.max(initial=0)) for part in rows), default=0)
    count_bytes = 1 if largest <= LARGEST_COUNT else 2
    parts = list[bytes]()
    for own in rows:
        ends = np.cumsum(own.counts).tolist()
        for end, count in zip(ends, own.counts.tolist(), strict=True):
            edges = slice(end - count, end)
            parts.append(count.to_bytes(count_bytes, "little"))
            parts.append(_packed(own.steps[edges], own.weights[edges], integers, step_type))
    return EdgeStream(np.frombuffer(b"".join(parts), np.uint8), count_bytes)


def _rows(source: Source, listed: Ints, integers: IntegerType, step_type: StepType) -> Rows:
    """Return the edges from a source, a row for each listed neuron.

    Args:
        source: The edges.
        listed: The neurons, by their place in the layer.
        integers: Type of the weights.
        step_type: Type of the steps.
    """
    row = np.searchsorted(listed, source.row)
    if integers == "ternary":
        return to_escaped_rows(row, source.column, source.weights, len(listed), c_integer.ESCAPE_STEP)
    return to_rows(row, source.column, source.weights, len(listed), int(np.iinfo(step_type).max))


def _packed(steps: Ints, weights: Ints, integers: IntegerType, step_type: StepType) -> bytes:
    """Return the edges of one count as bytes.

    Args:
        steps: Steps between their sources.
        weights: Their weights.
        integers: Type of the weights.
        step_type: Type of the steps.
    """
    if integers == "ternary":
        return np.where(weights == 0, c_integer.ESCAPE, 2 * steps + (weights < 0)).astype(np.uint8).tobytes()
    little = np.dtype(step_type).newbyteorder("<")
    places = steps.astype(little).view(np.uint8).reshape(len(steps), little.itemsize)
    if integers == "int8":
        return np.column_stack([places, weights.astype(np.int8).view(np.uint8)]).tobytes()
    odd = len(steps) % 2  # a byte for two weights follows their steps; the first of an odd number stands alone
    low, high = weights[odd::2] & 15, weights[odd + 1 :: 2] & 15
    pairs = np.column_stack([places[odd:].reshape(len(low), 2 * places.shape[1]), low + 16 * high]).astype(np.uint8)
    return places[:odd].tobytes() + (weights[:odd] & 15).astype(np.uint8).tobytes() + pairs.tobytes()
