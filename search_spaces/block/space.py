"""The block space as the engine sees it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from pydantic import BaseModel

from evonas.capabilities.choices import Choices
from evonas.capabilities.diagram import NetworkDiagram
from evonas.capabilities.layers import LayerGraph
from evonas.capabilities.option_models import Factory
from evonas.capabilities.presets import Preset
from evonas.space import Encoded, Offspring, check_operator
from evonas.types import Floats, Metrics, Task, Weights
from search_spaces.block import draw
from search_spaces.block import genotype as genotypes
from search_spaces.block.cost import cost, operation_costs
from search_spaces.block.genotype import BlockGenotype, Columns, columns_of, genotype_of
from search_spaces.block.inheritance import resize
from search_spaces.block.layout import plan
from search_spaces.block.mutation import OPERATORS, exchange_blocks
from search_spaces.block.options import BlockOptions
from search_spaces.block.published import PUBLISHED

if TYPE_CHECKING:
    from torch import nn

    from search_spaces.block.network import Network

#: Children by crossover that may equal a parent before a mutant is made instead.
CROSSOVER_DRAWS = 10


class BlockSpace:
    """Residual networks of 8 blocks, each with an operation of its own, for one task: 9^8 or 6^8 architectures.

    Implements :class:`evonas.space.SearchSpace`, ``InheritsWeights``, ``HasNeighbours``, ``HasFeatures``,
    ``HasWeightOptions``, ``HasPresets``, ``Readable``, ``Describable``, ``Drawable``, ``Relaxable``, ``Sliceable`` and
    ``Lowerable``; picklable.

    Args:
        task: Gives the image's shape and the number of outputs.
        options: The space's settings.

    Raises:
        ValueError: Samples that are not images, or images that are too small.
    """

    def __init__(self, task: Task, options: BlockOptions) -> None:
        self.task = task
        self.options: BaseModel = options
        self.layout = plan(task, options)
        self.operators: Mapping[str, float] = dict.fromkeys(OPERATORS, 1.0)

    def sample(self, rng: np.random.Generator) -> BlockGenotype:
        """A random network, each with the same probability."""
        n_blocks, n_operations = self.layout.shape
        return self._genotype(tuple(rng.integers(n_operations, size=n_blocks).tolist()))

    def mutate(
        self, parent: BlockGenotype, rng: np.random.Generator, operator: str | None = None
    ) -> Offspring[BlockGenotype]:
        """Another kernel or inner width in one block.

        Args:
            operator: One of :attr:`operators`; None draws one.

        Raises:
            ValueError: There is no such operator.
        """
        check_operator(operator, self.operators)
        name = str(rng.choice(list(self.operators))) if operator is None else operator
        return Offspring(self._genotype(OPERATORS[name](self._columns(parent), self.layout, rng)), name)

    def crossover(
        self, first: BlockGenotype, second: BlockGenotype, rng: np.random.Generator
    ) -> Offspring[BlockGenotype]:
        """Blocks of both parents; a mutant if the child would be a parent.

        Args:
            first: First parent.
            second: Second parent.
            rng: Generator of the child.
        """
        ours, theirs = self._columns(first), self._columns(second)
        for _ in range(CROSSOVER_DRAWS):
            child = self._genotype(exchange_blocks(ours, theirs, rng))
            if child not in (first, second):
                return Offspring(child, "crossover")
        return self.mutate(first, rng)

    def neighbours(self, genotype: BlockGenotype) -> list[BlockGenotype]:
        """Networks that have another operation in one block."""
        columns = self._columns(genotype)
        n_blocks, n_operations = self.layout.shape
        return [
            self._genotype((*columns[:block], column, *columns[block + 1 :]))
            for block in range(n_blocks) for column in range(n_operations) if column != columns[block]
        ]

    def features(self, genotype: BlockGenotype) -> Floats:
        """The operation of each block one-hot, and logarithms of parameters and FLOPs."""
        costs = self.cost(genotype)
        sizes = np.log10([costs["params"], costs["flops"]]).astype(np.float32)
        return np.concatenate([self.arch_of(genotype).ravel(), sizes])

    def validate(self, genotype: BlockGenotype) -> None:
        """See :func:`search_spaces.block.genotype.validate`."""
        genotypes.validate(genotype, self.layout)

    def parse(self, text: str) -> BlockGenotype:
        """A genotype as ``repr`` gives it."""
        genotype = genotypes.parse(text)
        self.validate(genotype)
        return genotype

    def encode(self, genotype: BlockGenotype) -> Encoded:
        """Columns of operations, and their names."""
        return genotypes.encode(genotype, self.layout)

    def decode(self, data: Encoded) -> BlockGenotype:
        """The inverse of :meth:`encode`; raises :class:`evonas.space.InvalidGenotype` on damaged data."""
        return genotypes.decode(data, self.layout)

    def cost(self, genotype: BlockGenotype) -> Metrics:
        """See :func:`search_spaces.block.cost.cost`."""
        return cost(genotype, self.layout)

    def compile(self, genotype: BlockGenotype, weights: Weights | None = None) -> Network:
        """The phenotype; without weights it gets fresh ones, always the same for a genotype."""
        from search_spaces.modules import load_weights

        network = self._fresh(genotype, int(genotype.digest[:15], 16))
        if weights is not None:
            load_weights(network, weights)
        return network

    def layers(self, genotype: BlockGenotype, weights: Weights) -> LayerGraph:
        """See :func:`evonas.export.layers.recording.layers_of`."""
        from evonas.export.layers.recording import layers_of

        return layers_of(self.compile(genotype, weights), self.task.input_shape)

    @property
    def weight_options(self) -> Mapping[str, Any]:
        """All options, since each decides the shapes of weights."""
        return self.options.model_dump()

    def inherit(
        self, child: BlockGenotype, parent: BlockGenotype, weights: Weights, rng: np.random.Generator
    ) -> Weights:
        """Weights of the parent; see :func:`search_spaces.block.inheritance.resize` for blocks of another operation.
        :func:`search_spaces.block.inheritance.resize`.

        Args:
            child: The child.
            parent: Its parent.
            weights: Weights of the parent.
            rng: Generator of new weights.
        """
        state = self._fresh(child, int(rng.integers(2**63))).state_dict()
        fresh = {name: value.numpy().copy(order="C") for name, value in state.items()}
        inherited = {name: weights[name].copy() for name in fresh if ".body." not in name}
        pairs = zip(self._columns(child), self._columns(parent), strict=True)
        for block, (new, old) in enumerate(pairs):
            prefix = f"blocks.{block}.body."
            theirs, ours = (_under(prefix, arrays) for arrays in (weights, fresh))
            if new != old:
                theirs = resize(theirs, ours, self.layout.body(block, old), self.layout.body(block, new))
            inherited |= {prefix + name: value.copy() for name, value in theirs.items()}
        return inherited

    @property
    def choices(self) -> Choices:
        """Rows are blocks, from the image to the classifier."""
        nested = self._options.is_slimmable
        return Choices(
            self.layout.set.names, self.layout.shape[0], operation_costs(self.layout), None, None, per_image=True,
            classifier=("classifier.weight", "classifier.bias"), nested=nested,
        )

    @property
    def presets(self) -> Mapping[str, Preset]:
        """See :mod:`search_spaces.block.published`."""
        return PUBLISHED

    def supernet(self, rng_seed: int) -> nn.Module:
        """See :class:`search_spaces.block.supernet.Supernet`."""
        from search_spaces.block.supernet import Supernet
        from search_spaces.modules import seeded

        with seeded(rng_seed):
            return Supernet(self.layout)

    def discretize(self, arch: Floats, rule: str = "argmax") -> BlockGenotype:
        """See :func:`search_spaces.block.genotype.discretize`."""
        return genotypes.discretize(arch, rule, self.layout)

    def arch_of(self, genotype: BlockGenotype) -> Floats:
        """One-hot rows."""
        return genotypes.arch_of(genotype, self.layout)

    def extract(self, supernet: nn.Module, genotype: BlockGenotype) -> Weights:
        """The state of the genotype's network, as cut from a supernet."""
        from search_spaces.block.supernet import extract

        return extract(supernet, genotype, self.layout)

    def rank_slices(self, supernet: nn.Module) -> None:
        """See :meth:`search_spaces.block.supernet.SlicedBodies.rank`."""
        from search_spaces.block.supernet import rank_slices

        rank_slices(supernet)

    def describe(self, genotype: BlockGenotype) -> list[tuple[str, list[str], list[list[str]]]]:
        """The blocks with their operations, images and costs."""
        costs = operation_costs(self.layout)
        rows = [
            [str(block), name, str(self.layout.body(block, column)[0].channels),
             f"{place.channels} x {place.size[0]} x {place.size[1]}",
             *(f"{costs[kind][block, column]:.0f}" for kind in ("params", "flops"))]
            for block, (name, column, place) in enumerate(
                zip(genotype.blocks, self._columns(genotype), self.layout.places, strict=True)
            )
        ]
        return [("blocks", ["block", "operation", "inner channels", "output", "parameters", "FLOPs"], rows)]

    def diagram(self, genotype: BlockGenotype, weights: Weights | None = None) -> NetworkDiagram:
        """See :func:`search_spaces.block.draw.diagram`; edges have operations, not weights of their own."""
        return draw.diagram(genotype, self.layout)

    @property
    def _options(self) -> BlockOptions:
        return self.layout.options

    def _columns(self, genotype: BlockGenotype) -> Columns:
        return columns_of(genotype, self.layout)

    def _genotype(self, columns: Columns) -> BlockGenotype:
        return genotype_of(columns, self.layout)

    def _fresh(self, genotype: BlockGenotype, seed: int) -> Network:
        from search_spaces.block.network import Network
        from search_spaces.modules import seeded

        with seeded(seed):
            return Network(genotype, self.layout)


def _under(prefix: str, arrays: Weights) -> Weights:
    return {name.removeprefix(prefix): value for name, value in arrays.items() if name.startswith(prefix)}


#: The factory of the space, which the entry point names.
create = Factory(BlockSpace, BlockOptions, name="block")
