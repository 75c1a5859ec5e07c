"""Cell space as the engine sees it."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from pydantic import BaseModel

from evonas.capabilities.choices import Choices
from evonas.capabilities.diagram import NetworkDiagram
from evonas.capabilities.export import ExportedModel, ExportTarget, Precision, TimedParts
from evonas.capabilities.layers import LayerGraph
from evonas.capabilities.option_models import Factory
from evonas.capabilities.presets import Preset
from evonas.space import Encoded, Offspring, check_operator
from evonas.types import Floats, Ints, Metrics, Task, Weights
from search_spaces.cell import choices, draw, parts
from search_spaces.cell.cost import cost
from search_spaces.cell.crossover import exchange_nodes
from search_spaces.cell.founders import sample
from search_spaces.cell.genotype import CellGenotype, parse
from search_spaces.cell.layout import plan
from search_spaces.cell.mutation import OPERATORS, operators_in_use
from search_spaces.cell.options import CellOptions
from search_spaces.cell.published import PUBLISHED

if TYPE_CHECKING:
    from torch import nn

    from search_spaces.cell.network import Network

#: Path of a module on an edge.
_EDGE = re.compile(r"cells\.(\d+)\.edges\.[^.]+\.(\w+)(\.\d+)*")
#: Crossovers whose child may equal a parent before a mutant is made instead.
CROSSOVER_DRAWS = 10


class CellSpace:
    """Convolutional networks that repeat one cell or a few, for one task.

    Implements :class:`evonas.space.SearchSpace`, ``InheritsWeights``, ``HasWeightOptions``, ``Readable``,
    ``SuitsData``, ``HasPresets``, ``Describable``, ``Drawable``, ``Relaxable``, ``Exportable``, ``HasTimedParts`` and
    ``Lowerable``; picklable.

    Args:
        task: Gives the image's shape and the number of outputs.
        options: The space's settings.

    Raises:
        ValueError: Samples that are not images, or images that are too small.
    """

    formats: ClassVar[Mapping[str, Sequence[Precision]]] = MappingProxyType({"onnx": ("float32",)})

    def __init__(self, task: Task, options: CellOptions) -> None:
        self.task = task
        self.options: BaseModel = options
        self.layout = plan(task, options)
        self.operators: Mapping[str, float] = operators_in_use(self.layout)

    def sample(self, rng: np.random.Generator) -> CellGenotype:
        """See :func:`search_spaces.cell.founders.sample`."""
        return self._genotype(sample(self.layout, rng))

    def mutate(
        self, parent: CellGenotype, rng: np.random.Generator, operator: str | None = None
    ) -> Offspring[CellGenotype]:
        """Return a child by one operator; another operator is drawn if one does not apply.

        Args:
            parent: Stays as it is.
            rng: Draws operator and child.
            operator: The operator to try first, of :attr:`operators`; None draws one.

        Raises:
            ValueError: There is no such operator.
        """
        check_operator(operator, self.operators)
        matrix = choices.to_matrix(parent, self.layout)
        names = rng.permutation(list(self.operators)).tolist()
        for name in names if operator is None else [operator, *names]:
            child = OPERATORS[name](matrix, self.layout, rng)
            if child is not None:
                return Offspring(self._genotype(child), name)
        raise AssertionError("change_operation always applies")

    def crossover(
        self, first: CellGenotype, second: CellGenotype, rng: np.random.Generator
    ) -> Offspring[CellGenotype]:
        """Return a child with nodes of both parents, or a mutant if it equals a parent; see :func:`exchange_nodes`.

        Args:
            first: Gives nodes, or is mutated.
            second: Gives nodes.
            rng: Draws the child.
        """
        ours, theirs = (choices.to_matrix(parent, self.layout) for parent in (first, second))
        for _ in range(CROSSOVER_DRAWS):
            child = self._genotype(exchange_nodes(ours, theirs, self.layout, rng))
            if child not in (first, second):
                return Offspring(child, "crossover")
        return self.mutate(first, rng)

    def validate(self, genotype: CellGenotype) -> None:
        """See :func:`search_spaces.cell.choices.validate`."""
        choices.validate(genotype, self.layout)

    def parse(self, text: str) -> CellGenotype:
        """Read a genotype as ``repr`` writes it, or a cell of NAS-Bench-201 in that benchmark's form."""
        genotype = parse(text)
        self.validate(genotype)
        return genotype

    def encode(self, genotype: CellGenotype) -> Encoded:
        """Return a matrix of choices and the names of its columns."""
        return choices.encode(genotype, self.layout)

    def decode(self, data: Encoded) -> CellGenotype:
        """Invert :meth:`encode`; raise :class:`evonas.space.InvalidGenotype` for damaged data."""
        return choices.decode(data, self.layout)

    def cost(self, genotype: CellGenotype) -> Metrics:
        """See :func:`search_spaces.cell.cost.cost`."""
        return cost(genotype, self.layout)

    def compile(self, genotype: CellGenotype, weights: Weights | None = None) -> Network:
        """Build the phenotype; without weights it gets fresh ones, always the same for a genotype."""
        from search_spaces.cell.network import Network
        from search_spaces.modules import load_weights, seeded

        with seeded(int(genotype.digest[:15], 16)):
            network = Network(genotype, self.layout)
        if weights is not None:
            load_weights(network, weights)
        return network

    def export(self, genotype: CellGenotype, weights: Weights, format: str, target: ExportTarget) -> ExportedModel:
        """Return the network as ONNX, the only one of :attr:`formats`.

        Args:
            genotype: A valid genotype.
            weights: State of its network.
            format: ``"onnx"``.
            target: Purpose of the program.
        """
        from search_spaces.cell.onnx_program import OnnxProgram

        return OnnxProgram(self.task, target, self.compile(genotype, weights))

    def layers(self, genotype: CellGenotype, weights: Weights) -> LayerGraph:
        """See :func:`evonas.export.layers.recording.layers_of`; pools are named by their operation and cell."""
        from evonas.export.layers.recording import layers_of

        def name_of(path: str) -> str:
            return _EDGE.sub(r"\2 of cell \1", path)

        return layers_of(self.compile(genotype, weights), self.task.input_shape, name_of)

    @property
    def timed_parts(self) -> TimedParts:
        """Return the operations, each on the images that it sees somewhere."""
        return parts.count_parts(self.layout)

    def probe(self, part: str, copies: int) -> Mapping[str, bytes]:
        """Write copies of an operation without its ReLU, which operations share."""
        from search_spaces.cell.onnx_program import write_probe
        from search_spaces.cell.operations import build
        from search_spaces.modules import seeded

        wanted = parts.find_parts(self.layout)[part]
        operation = self.layout.set.operations[wanted.operation]
        with seeded(0):
            modules = [build(operation, wanted.channels, wanted.stride).eval() for _ in range(copies)]
        return write_probe(modules, (wanted.channels, *wanted.size), keeps=wanted.stride == 1)

    @property
    def weight_options(self) -> Mapping[str, Any]:
        """Options that decide the shapes of weights: all but how founders are drawn."""
        return self.options.model_dump(exclude={"sampling"})

    def suitable_options(self) -> Mapping[str, Any]:
        """Way in which founders are drawn, so that a run says it: older ones, which do not, drew them otherwise."""
        return {} if "sampling" in self.options.model_fields_set else {"sampling": self.layout.options.sampling}

    @property
    def presets(self) -> Mapping[str, Preset]:
        """See :mod:`search_spaces.cell.published`."""
        return PUBLISHED

    def inherit(
        self, child: CellGenotype, parent: CellGenotype, weights: Weights, rng: np.random.Generator
    ) -> Weights:
        """Return the parent's weights around the cells and on edges with the same operation, else fresh ones.

        Args:
            child: The genotype that gets weights.
            parent: The genotype that gives them.
            weights: State of the parent's network.
            rng: Draws fresh weights.
        """
        from search_spaces.cell.network import Network
        from search_spaces.modules import seeded

        with seeded(int(rng.integers(2**63))):
            network = Network(child, self.layout)
        fresh = {name: value.numpy().copy(order="C") for name, value in network.state_dict().items()}
        return {name: weights[name].copy() if name in weights else value for name, value in fresh.items()}

    @property
    def choices(self) -> Choices:
        """Return the choices: rows are the edges of a cell by target, then by source, cell by cell of the genotype."""
        return choices.choices(self.layout)

    def supernet(self, rng_seed: int) -> nn.Module:
        """See :class:`search_spaces.cell.supernet.Supernet`."""
        from search_spaces.cell.supernet import Supernet
        from search_spaces.modules import seeded

        with seeded(rng_seed):
            return Supernet(self.layout)

    def discretize(self, arch: Floats, rule: str = "argmax") -> CellGenotype:
        """See :func:`search_spaces.cell.choices.discretize`."""
        return choices.discretize(arch, rule, self.layout)

    def arch_of(self, genotype: CellGenotype) -> Floats:
        """Return one-hot rows; an absent edge has the null operation's row or zeros."""
        return choices.arch_of(genotype, self.layout)

    def extract(self, supernet: nn.Module, genotype: CellGenotype) -> Weights:
        """Return the part of the supernet's state that the genotype's network has, under the same names."""
        from search_spaces.cell.supernet import extract

        return extract(supernet, genotype, self.layout)

    def describe(self, genotype: CellGenotype) -> list[tuple[str, list[str], list[list[str]]]]:
        """Return a table for each cell: its nodes and the operations into them."""
        tables = []
        for title, cell in zip(self.titles, genotype.cells, strict=True):
            rows = [
                [str(target), ", ".join(f"{name}({source})" for name, source in node) or "-"]
                for target, node in enumerate(cell, self.layout.set.n_inputs)
            ]
            tables.append((title, ["node", "operations (of nodes)"], rows))
        return tables

    def diagram(self, genotype: CellGenotype, weights: Weights | None = None) -> NetworkDiagram:
        """See :func:`search_spaces.cell.draw.diagram`; edges have operations, not weights of their own."""
        return draw.diagram(genotype, self.layout, self.titles)

    @property
    def titles(self) -> list[str]:
        """Titles for the cells of a genotype."""
        if self.layout.options.per_cell:
            return [f"cell {index}" for index in range(self.layout.n_cells)]
        return ["cell"] if self.layout.n_cells == 1 else ["normal cell", "reduction cell"]

    def _genotype(self, matrix: Ints) -> CellGenotype:
        return choices.from_matrix(matrix, self.layout)


#: The factory of the space, which the entry point names.
create = Factory(CellSpace, CellOptions, name="cell")
