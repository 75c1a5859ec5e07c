"""Cells of NAS-Bench-201 as the engine sees them."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from evonas.capabilities.option_models import Factory
from evonas.capabilities.presets import Preset
from evonas.space import Offspring, check_operator
from evonas.types import Floats, Metrics, Task
from search_spaces.cell.genotype import CellGenotype
from search_spaces.cell.options import CellOptions
from search_spaces.cell.space import CellSpace
from search_spaces.nasbench201.genotype import (
    EDGES,
    OPERATIONS,
    cell_of,
    columns_of,
    isomorphism_class,
    to_string,
)

#: Dong 2020, who made the benchmark, read the best operation off each edge.
_ARGMAX = {"search_options": {"rule": "argmax"}}
#: Additions of the space to the presets of :mod:`evonas.supernet.published`, by the name of the method.
PUBLISHED: Mapping[str, Preset] = MappingProxyType({
    "darts": Preset(paper="Liu 2019", link="https://arxiv.org/abs/1806.09055", settings=_ARGMAX),
    "gdas": Preset(paper="Dong 2019", link="https://arxiv.org/abs/1910.04465", settings=_ARGMAX),
})
#: Name of the only mutation: another operation on one edge.
CHANGE = "change_operation"


class NasBench201Options(BaseModel):
    """Settings of the space; every field has a default.

    Attributes:
        cells: Cells in the network, in three stages with a residual block between them. The table has 15.
        channels: Channels of a node in the first stage; doubled in the next ones. The table has 16.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    cells: int = Field(default=15, ge=3)
    channels: int = Field(default=16, ge=2)


class NasBench201Space(CellSpace):
    """Space of all cells of six edges and five operations, in the published network.

    It is :class:`search_spaces.cell.space.CellSpace` with the operation set ``nasbench201``, except that founders are
    uniform over all cells, and a mutation changes one edge, as in the benchmark's own baselines. It also implements
    ``HasNeighbours`` and ``HasFeatures``.

    Args:
        task: Gives the image's shape and the number of outputs.
        options: The space's settings.

    Raises:
        ValueError: Samples are not images, or the images are too small.
    """

    def __init__(self, task: Task, options: NasBench201Options) -> None:
        super().__init__(task, CellOptions(operations="nasbench201", cells=options.cells, channels=options.channels))
        self.options = options
        self.operators = {CHANGE: 1.0}
        self._costs: dict[CellGenotype, Metrics] = {}  # at most 15 625 cells, each counted once

    def suitable_options(self) -> Mapping[str, Any]:
        """None: founders are drawn in one way."""
        return {}

    @property
    def presets(self) -> Mapping[str, Preset]:
        """Methods that keep every edge here, where their own cells keep two into a node."""
        return PUBLISHED

    def sample(self, rng: np.random.Generator) -> CellGenotype:
        """Draw a cell; all cells have the same probability."""
        return cell_of(tuple(rng.integers(len(OPERATIONS), size=len(EDGES)).tolist()))

    def mutate(
        self, parent: CellGenotype, rng: np.random.Generator, operator: str | None = None
    ) -> Offspring[CellGenotype]:
        """Return one of the 24 neighbours.

        Args:
            parent: Stays as it is.
            rng: Draws the neighbour.
            operator: An operator of :attr:`operators`, which has one; None is the same.

        Raises:
            ValueError: There is no such operator.
        """
        check_operator(operator, self.operators)
        columns = list(columns_of(parent))
        edge, shift = int(rng.integers(len(EDGES))), int(rng.integers(1, len(OPERATIONS)))
        columns[edge] = (columns[edge] + shift) % len(OPERATIONS)
        return Offspring(cell_of(tuple(columns)), CHANGE)

    def neighbours(self, genotype: CellGenotype) -> list[CellGenotype]:
        """Return the 24 cells that have another operation on one edge."""
        columns = columns_of(genotype)
        return [
            cell_of((*columns[:edge], column, *columns[edge + 1 :]))
            for edge in range(len(EDGES)) for column in range(len(OPERATIONS)) if column != columns[edge]
        ]

    def cost(self, genotype: CellGenotype) -> Metrics:
        """Count the costs, see :func:`search_spaces.cell.cost.cost`.

        A FLOP of the published tables is a multiply-add: their number is half of ``flops``, plus one for each output.
        """
        if genotype not in self._costs:
            self._costs[genotype] = super().cost(genotype)
        return self._costs[genotype]

    def features(self, genotype: CellGenotype) -> Floats:
        """Return one-hot operations of each edge, counts of operations on each path, and logarithms of costs.

        There are four paths from input to output; the costs are parameters and FLOPs.
        """
        columns = columns_of(genotype)
        rows = np.eye(len(OPERATIONS), dtype=np.float32)[list(columns)]
        costs = self.cost(genotype)
        sizes = np.log10([costs["params"], costs["flops"]]).astype(np.float32)
        return np.concatenate([rows.ravel(), rows.sum(axis=0), _paths(columns), sizes])

    def describe(self, genotype: CellGenotype) -> list[tuple[str, list[str], list[list[str]]]]:
        """Return the tables of a cell (see :class:`CellSpace`), and the cell as the benchmark writes it."""
        row = [to_string(genotype), isomorphism_class(genotype)]
        return [*super().describe(genotype), ("as a string", ["NAS-Bench-201", "isomorphism class"], [row])]


#: Edges of each path from the input to the output, by their places.
_PATHS = ((3,), (0, 4), (1, 5), (0, 2, 5))


def _paths(columns: tuple[int, ...]) -> Floats:
    """Return for each path whether it is uncut, and its convolutions of 1 x 1, of 3 x 3, and poolings; ``(16,)``."""
    none, _, *counted = range(len(OPERATIONS))
    found = []
    for path in _PATHS:
        operations = [columns[edge] for edge in path]
        is_whole = none not in operations
        found += [is_whole, *(is_whole * operations.count(column) for column in counted)]
    return np.array(found, np.float32)


#: The factory of the space, which the entry point names.
create = Factory(NasBench201Space, NasBench201Options, name="nasbench201")
