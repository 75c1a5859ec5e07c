"""Options of the cell space."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from evonas.types import suggestion
from search_spaces.cell.primitives import OPERATION_SETS, OperationSet


class CellOptions(BaseModel):
    """What a user may set; every field has a default. Where that is None, it is the operation set's.

    Attributes:
        operations: Name of the operation set, of :data:`search_spaces.cell.primitives.OPERATION_SETS`. It brings the
            form of cell and network.
        cells: Cells in the network; the image is halved at a third and at two thirds of them.
        nodes: Nodes of a cell beside its inputs.
        channels: Of a node in the first cells; doubled where the image is halved.
        stem: Channels of the first convolution, as a multiple of ``channels``; None is the published 3 (darts) or 1.
        stem_stride: 2 halves the image at once, for a quarter of the FLOPs.
        edges: ``"all"``: every edge has an operation; ``"two"``: two edges into each node have.
        separate_reduction: Cells that halve the image have operations of their own.
        per_cell: Every cell has operations of its own.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    operations: Literal["firsov", "darts", "nasbench201"] = "firsov"
    cells: int = Field(3, ge=3)
    nodes: int | None = Field(None, ge=1)
    channels: int = Field(8, ge=2)
    stem: int | None = Field(None, ge=1)
    stem_stride: Literal[1, 2] = 1
    edges: Literal["all", "two"] | None = None
    separate_reduction: bool = True
    per_cell: bool = False

    @model_validator(mode="after")
    def _check_two(self) -> Self:
        if self.edges == "two" and self.set.n_inputs == 1:
            raise ValueError(f"edges must be all with {self.operations}, whose cells have one input, got two")
        if self.stem is not None and self.set.skeleton == "nasbench201":
            raise ValueError(f"stem must be left out with {self.operations}, where it is 1, got {self.stem}")
        return self

    @property
    def set(self) -> OperationSet:
        """The operation set."""
        return OPERATION_SETS[self.operations]


def read_options(options: Mapping[str, Any]) -> CellOptions:
    """Options from a mapping.

    Raises:
        ValueError: One sentence: the option, what is expected, what was given; for a misspelled name the nearest one.
    """
    try:
        return CellOptions.model_validate(dict(options))
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        place, message = ".".join(map(str, first["loc"])), first["msg"].removeprefix("Value error, ")
        if first["type"] == "extra_forbidden":
            known = CellOptions.model_fields
            raise ValueError(f"unknown option {place!r} of the cell space{suggestion(place, known)}") from None
        if first["type"] == "value_error":
            raise ValueError(f"the cell space: {message}") from None
        raise ValueError(f"option {place} of the cell space: {message}, got {first['input']!r}") from None
