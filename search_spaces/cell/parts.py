"""Operations of a network as parts that are timed one by one, on each shape of image that they see."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from evonas.capabilities.export import TimedParts
from search_spaces.cell.layout import Layout, Place
from search_spaces.images import Size


@dataclass(frozen=True)
class Part:
    """Operation with the shape of its input.

    Attributes:
        operation: Name of the operation.
        channels: Channels of the image.
        size: Height and width of the image in pixels.
        stride: Stride of the operation.
    """

    operation: str
    channels: int
    size: Size
    stride: int

    @property
    def name(self) -> str:
        height, width = self.size
        return f"{self.operation} {self.channels}x{height}x{width}" + ("" if self.stride == 1 else f"/{self.stride}")


def part_of(name: str, place: Place, source: int, layout: Layout) -> Part:
    """Return the part of an operation on an edge from ``source``.

    Args:
        name: Name of the operation.
        place: Place of the cell.
        source: Node at which the edge begins.
        layout: The layout of the space.
    """
    stride = layout.stride(place, source)
    return Part(name, place.nodes.channels, place.nodes.size if stride == 1 else place.inputs[-1].size, stride)


def find_parts(layout: Layout) -> dict[str, Part]:
    """Return parts by name, in the order of places, edges and operations."""
    return {part.name: part for _, _, part in _uses(layout)}


def count_parts(layout: Layout) -> TimedParts:
    """Count the parts of each kind that an operation on a row of an architecture adds."""
    names = tuple(find_parts(layout))
    counts = np.zeros((layout.n_rows, len(layout.set.names), len(names)), np.int64)
    for row, column, part in _uses(layout):
        counts[row, column, names.index(part.name)] += 1
    return TimedParts(names, counts)


def _uses(layout: Layout) -> Iterator[tuple[int, int, Part]]:
    """Yield row, column and part of each operation at each place."""
    for place in layout.places:
        for edge, (source, _) in enumerate(layout.edges):
            for name in layout.set.operations:
                row = place.cell * len(layout.edges) + edge
                yield row, layout.set.names.index(name), part_of(name, place, source, layout)
