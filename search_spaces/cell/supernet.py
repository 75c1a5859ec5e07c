"""Supernet: every operation on every edge, with the architecture as an argument."""

from __future__ import annotations

from typing import TypeAlias

import torch
from torch import Tensor, nn

from evonas.types import Weights
from search_spaces.cell.genotype import CellGenotype
from search_spaces.cell.layout import Layout
from search_spaces.cell.network import Network, RowWeights, Skeleton

_Cells: TypeAlias = list[list[RowWeights]]


class Supernet(Skeleton):
    """Network in which the operations on an edge are summed, weighted by the architecture.

    Its state contains that of every discrete network of the space, under the same names.
    """

    def __init__(self, layout: Layout) -> None:
        every = [[list(layout.set.operations)] * len(layout.edges)] * layout.n_cells
        super().__init__(layout, every)

    def forward(self, x: Tensor, arch: Tensor) -> Tensor:
        """Outputs before softmax, ``(n, n_outputs)``, of images ``(n, channels, height, width)``.

        Args:
            arch: ``(n_rows, n_operations)``: a row for each edge of a cell, cell by cell of the genotype; or such rows
                for every image, ``(n, n_rows, n_operations)``. An operation whose weight is exactly 0, of all images,
                is not run, and its weight gets no gradient.

        Raises:
            ValueError: ``arch`` has another shape.
        """
        expected = self.layout.n_rows, len(self.layout.set.names)
        if tuple(arch.shape) not in (expected, (len(x), *expected)):
            raise ValueError(f"arch must have shape {expected}, got {tuple(arch.shape)}")
        rows = row_weights(arch)
        n_edges = len(self.layout.edges)
        return self.run(x, [rows[begin : begin + n_edges] for begin in range(0, len(rows), n_edges)])


def extract(supernet: nn.Module, genotype: CellGenotype, layout: Layout) -> Weights:
    """Return the part of a supernet's state that the genotype's network has.

    Args:
        supernet: A :class:`Supernet`.
        genotype: A valid genotype.
        layout: The layout of the space.
    """
    with torch.device("meta"):  # names only
        names = Network(genotype, layout).state_dict()
    state = supernet.state_dict()
    return {name: state[name].detach().cpu().numpy().copy(order="C") for name in names}


def row_weights(arch: Tensor) -> list[RowWeights]:
    """Rows of an architecture: numbers where no gradient is needed, and for zeros; else scalars that carry it.

    Args:
        arch: Rows ``(n_rows, n_operations)``; or those of every image, ``(n, n_rows, n_operations)``, which give
            columns ``(n, 1, 1, 1)`` in the place of scalars.
    """
    if arch.dim() == 3:
        return _weights_of_images(arch)
    numbers: list[list[float]] = arch.tolist()
    if not arch.requires_grad:
        return [*numbers]
    return [
        [scalar if number else 0.0 for scalar, number in zip(scalars.unbind(), row, strict=True)]
        for scalars, row in zip(arch.unbind(), numbers, strict=True)
    ]


def _weights_of_images(arch: Tensor) -> list[RowWeights]:
    """Columns ``(n, 1, 1, 1)`` of the images' weights; a number where all are 0."""
    some: list[list[bool]] = (arch.detach() != 0).any(0).tolist()
    return [
        [arch[:, row, column, None, None, None] if there else 0.0 for column, there in enumerate(columns)]
        for row, columns in enumerate(some)
    ]
