"""Network around the cells: the cell at each place, its channels and its pixels."""

from __future__ import annotations

from dataclasses import dataclass

from evonas.types import Task
from search_spaces.cell.options import CellOptions
from search_spaces.cell.primitives import OperationSet
from search_spaces.images import Size, images_of, reduced

#: The image is halved twice after the first convolution; a 3x3 operation on fewer than 2 x 2 pixels would see mostly
#: padding.
SMALLEST_SIDE = 8


@dataclass(frozen=True)
class Features:
    """Channels and size of an image inside the network.

    Attributes:
        channels: Number of channels.
        size: Height and width in pixels.
    """

    channels: int
    size: Size

    @property
    def pixels(self) -> int:
        return self.size[0] * self.size[1]


@dataclass(frozen=True)
class Place:
    """Place of a cell in the network.

    Attributes:
        cell: Index into the genotype's cells.
        reduction: Whether the edges from the inputs halve the image.
        before: Features that a residual block before the cell halves; None if there is no such block.
        inputs: Features of the inputs; all inputs but the last may be larger, and are halved first.
        nodes: Features of each node of the cell.
        output: Features of the output.
    """

    cell: int
    reduction: bool
    before: Features | None
    inputs: tuple[Features, ...]
    nodes: Features
    output: Features


@dataclass(frozen=True)
class Layout:
    """Fixed parts around the genotype.

    Attributes:
        options: Options as the user set them.
        n_nodes: Nodes of a cell beside its inputs.
        edges: ``(source, target)`` in the order of an architecture's rows: by target, then by source.
        two: Whether exactly two edges into each node have an operation.
        n_cells: Different cells in a genotype.
        stem: Features after the first convolution.
        places: Places of the cells, in order.
        in_channels: Channels of the task's images.
        n_outputs: Outputs of the task.
    """

    options: CellOptions
    n_nodes: int
    edges: tuple[tuple[int, int], ...]
    two: bool
    n_cells: int
    stem: Features
    places: tuple[Place, ...]
    in_channels: int
    n_outputs: int

    @property
    def set(self) -> OperationSet:
        """Operation set."""
        return self.options.set

    @property
    def n_rows(self) -> int:
        """Rows of an architecture: the edges of all different cells."""
        return self.n_cells * len(self.edges)

    @property
    def needs_all_edges(self) -> bool:
        """Return whether every edge has an operation and the set has no null operation."""
        return not self.two and self.set.none is None

    @property
    def output(self) -> Features:
        """Features that the classifier averages."""
        return self.places[-1].output

    def stride(self, place: Place, source: int) -> int:
        """Return the stride of an operation on an edge from ``source``: 2 if it halves the image, else 1."""
        return 2 if place.reduction and source < self.set.n_inputs else 1


def plan(task: Task, options: CellOptions) -> Layout:
    """Lay out the network for a task.

    Raises:
        ValueError: Samples are not images, or are too small to be halved often enough.
    """
    smallest = SMALLEST_SIDE * options.stem_stride
    in_channels, image = images_of(task, "cells", halvings=1 + options.stem_stride, smallest=smallest)
    published = options.set
    n_nodes = options.nodes or published.n_nodes
    n_inputs = published.n_inputs
    edges = tuple((source, target) for target in range(n_inputs, n_inputs + n_nodes) for source in range(target))
    darts = published.skeleton == "darts"
    stem = Features(options.channels * (options.stem or published.stem), reduced(image, options.stem_stride))
    places = _cells_that_reduce(options, stem, n_nodes) if darts else _stages(options, stem)
    return Layout(
        options, n_nodes, edges, (options.edges or published.edges) == "two",
        1 + max(place.cell for place in places), stem, places, in_channels, task.n_outputs,
    )


def _cells_that_reduce(options: CellOptions, stem: Features, n_nodes: int) -> tuple[Place, ...]:
    """Lay out cells as in DARTS: the cells at a third and at two thirds halve the image.

    Args:
        options: Options of the space.
        stem: Features after the first convolution.
        n_nodes: Nodes of a cell beside its inputs.
    """
    places: list[Place] = []
    history, nodes = [stem, stem], Features(options.channels, stem.size)
    for index in range(options.cells):
        reduction = index in _boundaries(options.cells)
        if reduction:
            nodes = Features(2 * nodes.channels, reduced(nodes.size))
        output = Features(n_nodes * nodes.channels, nodes.size)
        cell = index if options.per_cell else int(reduction and options.separate_reduction)
        places.append(Place(cell, reduction, None, tuple(history[-2:]), nodes, output))
        history.append(output)
    return tuple(places)


def _stages(options: CellOptions, stem: Features) -> tuple[Place, ...]:
    """Lay out cells as in NAS-Bench-201: cells keep the size of the image.

    Residual blocks at a third and at two thirds halve it.
    """
    places: list[Place] = []
    nodes = stem
    for index in range(options.cells):
        before = None
        if index in _boundaries(options.cells):
            before, nodes = nodes, Features(2 * nodes.channels, reduced(nodes.size))
        places.append(Place(index if options.per_cell else 0, False, before, (nodes,), nodes, nodes))
    return tuple(places)


def _boundaries(n_cells: int) -> tuple[int, int]:
    return n_cells // 3, 2 * n_cells // 3
