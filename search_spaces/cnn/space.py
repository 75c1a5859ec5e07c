"""Space of tiny convolutional networks as the engine sees it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
from pydantic import BaseModel, ConfigDict, field_validator

from evonas.capabilities.layers import LayerGraph
from evonas.capabilities.option_models import Factory
from evonas.space import Encoded, InvalidGenotype, Offspring, check_operator
from evonas.types import Metrics, Task, Weights
from search_spaces.cnn import genotype as genotypes
from search_spaces.cnn.founders import Spread
from search_spaces.cnn.genotype import CnnGenotype
from search_spaces.cnn.layers import cost, lay_out
from search_spaces.cnn.mutation import OPERATORS, exchange_ends

if TYPE_CHECKING:
    from search_spaces.cnn.network import Network

#: Most multiply-adds for each input, if no range is given.
MOST_EDGES_AN_INPUT = 80
#: Draws of an operator that may fail before the next one is tried.
DRAWS = 50


class CnnOptions(BaseModel):
    """Settings of the space; every field has a default.

    Attributes:
        edges: Fewest and most multiply-adds of founders and children; None is from as many as inputs to 80 times that,
            extended to ``founder_edges``. They are the edges of the same network in single neurons.
        founder_edges: Fewest and most multiply-adds of founders, which are spread over this range; None is ``edges``.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    edges: tuple[int, int] | None = None
    founder_edges: tuple[int, int] | None = None

    @field_validator("edges", "founder_edges")
    @classmethod
    def _check_range(cls, value: tuple[int, int] | None) -> tuple[int, int] | None:
        if value is not None and not 1 <= value[0] <= value[1]:
            raise ValueError(f"expected (fewest, most) with 1 <= fewest <= most, got {value}")
        return value


class CnnSpace:
    """Tiny convolutional networks for one task.

    Implements :class:`evonas.space.SearchSpace`, ``Seedable``, ``Describable`` and ``Lowerable``; picklable. Children
    begin with fresh weights.

    Args:
        task: Gives the images' shape and the number of outputs.
        options: The space's settings.

    Raises:
        ValueError: Samples are not images.
    """

    def __init__(self, task: Task, options: CnnOptions) -> None:
        if len(task.input_shape) != 3:
            raise ValueError(
                f"convolutions need images (channels, rows, columns), got samples of shape {task.input_shape}: choose "
                "another space"
            )
        self.task, self.options = task, options
        whole = (task.n_inputs, MOST_EDGES_AN_INPUT * task.n_inputs)
        founders = options.founder_edges or options.edges or whole
        self.edges = options.edges or (min(whole[0], founders[0]), max(whole[1], founders[1]))
        self._spread = Spread(task, founders)
        self.operators: Mapping[str, float] = dict.fromkeys(OPERATORS, 1.0)

    @property
    def seeders(self) -> Mapping[str, Spread]:
        """Seeder ``spread``: random networks, evenly over the logarithm of their cost."""
        return {"spread": self._spread}

    def sample(self, rng: np.random.Generator) -> CnnGenotype:
        """See :func:`search_spaces.cnn.founders.near`."""
        return self._spread.sample(rng)

    def mutate(
        self, parent: CnnGenotype, rng: np.random.Generator, operator: str | None = None
    ) -> Offspring[CnnGenotype]:
        """Return a child by one operator; another operator is drawn if one gives no network within the bounds.

        Args:
            parent: Stays as it is.
            rng: Draws operator and child.
            operator: The operator to try first, of :attr:`operators`; None draws one.

        Raises:
            ValueError: There is no such operator.
        """
        check_operator(operator, self.operators)
        names = rng.permutation(list(self.operators)).tolist()
        for name in names if operator is None else [operator, *names]:
            for _ in range(DRAWS):
                child = OPERATORS[name](parent, rng)
                if child != parent and self._is_inside(child):
                    return Offspring(child, name)
        while (child := self.sample(rng)) == parent:
            pass
        return Offspring(child, names[0])

    def crossover(
        self, first: CnnGenotype, second: CnnGenotype, rng: np.random.Generator
    ) -> Offspring[CnnGenotype]:
        """Return a child with the convolutions of one parent and the ends of the other, or a mutant.

        A mutant is made if the child equals a parent, is no network for the task, or breaks the bounds on ``edges``.

        Args:
            first: Gives the convolutions, or is mutated.
            second: Gives stem, head and hidden neurons.
            rng: Draws the mutant.
        """
        child = exchange_ends(first, second)
        if child not in (first, second) and self._is_inside(child):
            return Offspring(child, "crossover")
        return self.mutate(first, rng)

    def _is_inside(self, genotype: CnnGenotype) -> bool:
        try:
            return self.edges[0] <= cost(genotype, self.task)["edges"] <= self.edges[1]
        except InvalidGenotype:
            return False

    def validate(self, genotype: CnnGenotype) -> None:
        """See :func:`search_spaces.cnn.layers.lay_out`."""
        lay_out(genotype, self.task)

    def encode(self, genotype: CnnGenotype) -> Encoded:
        """See :func:`search_spaces.cnn.genotype.encode`."""
        return genotypes.encode(genotype)

    def decode(self, data: Encoded) -> CnnGenotype:
        """Invert :meth:`encode`; raise :class:`evonas.space.InvalidGenotype` for damaged data."""
        genotype = genotypes.decode(data)
        self.validate(genotype)
        return genotype

    def cost(self, genotype: CnnGenotype) -> Metrics:
        """See :func:`search_spaces.cnn.layers.cost`."""
        return cost(genotype, self.task)

    def compile(self, genotype: CnnGenotype, weights: Weights | None = None) -> Network:
        """Build the phenotype; without weights it gets fresh ones, always the same for a genotype."""
        from search_spaces.cnn.network import Network
        from search_spaces.modules import load_weights, seeded

        with seeded(int(genotype.digest[:15], 16)):
            network = Network(genotype, self.task)
        if weights is not None:
            load_weights(network, weights)
        return network

    def layers(self, genotype: CnnGenotype, weights: Weights) -> LayerGraph:
        """See :func:`evonas.export.layers.recording.layers_of`."""
        from evonas.export.layers.recording import layers_of

        return layers_of(self.compile(genotype, weights), self.task.input_shape)

    def describe(self, genotype: CnnGenotype) -> list[tuple[str, list[str], list[list[str]]]]:
        """Return a table of the layers with their sizes and multiply-adds."""
        layers = lay_out(genotype, self.task)
        rows = [
            [f"{f.kernel} x {f.kernel} convolution" + (" a channel" if f.groups > 1 else ""), str(f.stride),
             f"{f.channels} x {f.size[0]} x {f.size[1]}", str(f.products)]
            for f in layers.filters
        ]
        rows += [["linear", "", str(m), str(n * m)] for n, m in layers.linear]
        title = f"layers after a stem of {genotype.pool} x {genotype.pool} pixels, with the head {genotype.head}"
        return [(title, ["layer", "stride", "output", "multiply-adds"], rows)]


#: The factory of the space, which the entry point names.
create = Factory(CnnSpace, CnnOptions, name="cnn")
