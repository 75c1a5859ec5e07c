"""The supernet: every operation on every edge, with the architecture as an argument."""

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
    """A network in which the operations on an edge are summed, weighted by the architecture.

    Its state has that of every discrete network of the space, under the same names.
    """

    def __init__(self, layout: Layout) -> None:
        every = [[list(layout.set.operations)] * len(layout.edges)] * layout.n_cells
        super().__init__(layout, every)

    def forward(self, x: Tensor, arch: Tensor) -> Tensor:
        """Outputs before softmax, ``(n, n_outputs)``, of images ``(n, channels, height, width)``.

        Args:
            arch: ``(n_rows, n_operations)``: a row for each edge of a cell, cell by cell of the genotype. An operation
                whose weight is exactly 0 is not run, and its weight gets no gradient.

        Raises:
            ValueError: ``arch`` has another shape.
        """
        expected = self.layout.n_rows, len(self.layout.set.names)
        if tuple(arch.shape) != expected:
            raise ValueError(f"arch must have shape {expected}, got {tuple(arch.shape)}")
        rows = _weights(arch)
        n_edges = len(self.layout.edges)
        return self.run(x, [rows[begin : begin + n_edges] for begin in range(0, len(rows), n_edges)])


def extract(supernet: nn.Module, genotype: CellGenotype, layout: Layout) -> Weights:
    """The part of a supernet's state that the genotype's network has."""
    with torch.device("meta"):  # names only
        names = Network(genotype, layout).state_dict()
    state = supernet.state_dict()
    return {name: state[name].detach().numpy().copy(order="C") for name in names}


def _weights(arch: Tensor) -> list[RowWeights]:
    """Numbers where no gradient is needed, and for zeros; else scalars that carry it."""
    numbers: list[list[float]] = arch.tolist()
    if not arch.requires_grad:
        return [*numbers]
    return [
        [scalar if number else 0.0 for scalar, number in zip(scalars.unbind(), row, strict=True)]
        for scalars, row in zip(arch.unbind(), numbers, strict=True)
    ]
