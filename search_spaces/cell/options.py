"""Options of the cell space."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from search_spaces.cell.primitives import OPERATION_SETS, OperationSet


class CellOptions(BaseModel):
    """Options of the space; every field has a default, and None is that of the operation set.

    Attributes:
        operations: Name of the operation set, of :data:`search_spaces.cell.primitives.OPERATION_SETS`. It brings the
            form of cell and network.
        cells: Cells in the network; the image is halved at a third and at two thirds of them.
        nodes: Nodes of a cell beside its inputs.
        channels: Channels of a node in the first cells; doubled where the image is halved.
        stem: Channels of the first convolution, as a multiple of ``channels``; None is 3 (firsov, darts) or 1.
        stem_stride: 2 halves the image at once, for a quarter of the FLOPs.
        edges: ``"all"``: every edge has an operation; ``"two"``: two edges into each node have.
        separate_reduction: Cells that halve the image have operations of their own.
        per_cell: Every cell has operations of its own.
        sampling: Founders and the cells of a random search: ``"uniform"``: all genotypes are equally likely;
            ``"frequencies"``: operations of each are as frequent as a point of the simplex says, drawn uniformly, so
            that cells of all costs are there, many of a single operation. Runs from before there was a choice go on so.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    operations: Literal["firsov", "darts", "nasbench201", "tiny"] = "firsov"
    cells: int = Field(3, ge=3)
    nodes: int | None = Field(default=None, ge=1)
    channels: int = Field(8, ge=2)
    stem: int | None = Field(default=None, ge=1)
    stem_stride: Literal[1, 2] = 1
    edges: Literal["all", "two"] | None = None
    separate_reduction: bool = True
    per_cell: bool = False
    sampling: Literal["uniform", "frequencies"] = "uniform"

    @model_validator(mode="after")
    def _check_two(self) -> Self:
        if self.edges == "two" and self.set.n_inputs == 1:
            raise ValueError(f"edges must be all with {self.operations}, whose cells have one input, got two")
        if self.stem is not None and self.set.skeleton == "nasbench201":
            raise ValueError(f"stem must be left out with {self.operations}, where it is 1, got {self.stem}")
        return self

    @property
    def set(self) -> OperationSet:
        """Operation set."""
        return OPERATION_SETS[self.operations]
