"""Phenotype: cells between a first convolution and a classifier; and the parts that it shares with the supernet."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple, TypeAlias

import torch
from torch import Tensor, nn

from evonas.training.batch_norm import Norm
from search_spaces.cell.genotype import CellGenotype
from search_spaces.cell.layout import Layout, Place
from search_spaces.cell.operations import Halve, Residual, build, convolve, rectifies

#: Weight of each operation on a row of the architecture: an operation with weight 0 is not run, one with weight 1 is
#: not multiplied.
RowWeights: TypeAlias = Sequence[float | Tensor]


class Candidate(NamedTuple):
    """Operation that was built on an edge.

    Attributes:
        column: Its column in the architecture.
        module: Its module.
        rectifies: Whether it takes its source after ReLU.
    """

    column: int
    module: nn.Module
    rectifies: bool


class Cell(nn.Module):
    """Nodes, each the sum of the operations on the edges into it.

    Args:
        layout: The layout of the space.
        place: Place of the cell.
        built: Names of the operations to build for each edge of the layout.

    Attributes:
        into: Edges of each node: row in the architecture, source, and the operations that were built.
    """

    def __init__(self, layout: Layout, place: Place, built: Sequence[Sequence[str]]) -> None:
        super().__init__()
        self.layout, self.place = layout, place
        self.rectify = nn.ReLU()
        self.entries = nn.ModuleList(_entries(layout, place))
        self.edges = nn.ModuleDict()
        self.into: list[list[tuple[int, int, list[Candidate]]]] = [[] for _ in range(layout.n_nodes)]
        for row, ((source, target), names) in enumerate(zip(layout.edges, built, strict=True)):
            if not names:
                continue
            stride = layout.stride(place, source)
            operations = {name: layout.set.operations[name] for name in names}
            modules = {name: build(o, place.nodes.channels, stride) for name, o in operations.items()}
            self.edges[f"{source}-{target}"] = nn.ModuleDict(modules)
            self.into[target - layout.set.n_inputs].append((row, source, [
                Candidate(layout.set.names.index(name), modules[name], rectifies(operation, stride))
                for name, operation in operations.items()
            ]))

    @property
    def rectifier_uses(self) -> Sequence[int]:
        """Return how many of the built operations take the output of each run of the ReLU, by the order of the runs."""
        uses: dict[int, int] = {}
        for into in self.into:
            for _, source, candidates in into:
                for candidate in candidates:
                    if candidate.rectifies:
                        uses[source] = uses.get(source, 0) + 1
        return [*uses.values()]

    def forward(self, inputs: Sequence[Tensor], weights: Sequence[RowWeights] | None) -> Tensor:
        """Return the concatenated nodes, or the last one, ``(n, *output)`` of the place.

        Args:
            inputs: Inputs of the place, ``(n, channels, h, w)`` each; after ReLU if cells have entries.
            weights: Weights for the rows of this cell; None runs all operations that were built, with weight 1.
        """
        states = [entry(x) for entry, x in zip(self.entries, inputs, strict=True)] if len(self.entries) else [*inputs]
        rectified: dict[int, Tensor] = {}
        for into in self.into:
            total: Tensor | None = None
            for source, candidate, weight in _to_run(into, weights):
                if candidate.rectifies and source not in rectified:
                    rectified[source] = self.rectify(states[source])
                y = candidate.module(rectified[source] if candidate.rectifies else states[source])
                total = _plus(total, y, weight)
            states.append(self._zeros(states[0]) if total is None else total)
        if self.layout.set.skeleton == "darts":
            return torch.cat(states[self.layout.set.n_inputs :], dim=1)
        return states[-1]

    def _zeros(self, like: Tensor) -> Tensor:
        shape = (like.shape[0], self.place.nodes.channels, *self.place.nodes.size)
        return like.new_zeros(shape).contiguous(memory_format=torch.channels_last)


def _to_run(
    into: list[tuple[int, int, list[Candidate]]], weights: Sequence[RowWeights] | None
) -> Iterator[tuple[int, Candidate, float | Tensor]]:
    """Yield sources and operations whose weight is not 0."""
    for row, source, candidates in into:
        for candidate in candidates:
            weight = 1.0 if weights is None else weights[row][candidate.column]
            if isinstance(weight, Tensor) or weight != 0:
                yield source, candidate, weight


def _plus(total: Tensor | None, y: Tensor, weight: float | Tensor) -> Tensor:
    if isinstance(weight, Tensor):
        return y * weight if total is None else torch.addcmul(total, y, weight)
    if total is None:
        return y if weight == 1 else y * weight
    return torch.add(total, y, alpha=weight)


class Skeleton(nn.Module):
    """Fixed parts around the cells, and the cells.

    Memory is channels-last: measured on a CPU, convolutions, pooling and their gradients take .2 to .8 of the time.

    Args:
        layout: The layout of the space.
        built: Names of the operations to build for each cell of the genotype and each edge.
    """

    def __init__(self, layout: Layout, built: Sequence[Sequence[Sequence[str]]]) -> None:
        super().__init__()
        self.layout = layout
        self.stem = nn.Sequential(
            convolve(layout.in_channels, layout.stem.channels, 3, stride=layout.options.stem_stride),
            Norm(layout.stem.channels),
        )
        self.residuals = nn.ModuleDict({
            str(index): Residual(place.before.channels, place.nodes.channels)
            for index, place in enumerate(layout.places) if place.before is not None
        })
        self.cells = nn.ModuleList(Cell(layout, place, built[place.cell]) for place in layout.places)
        self.rectify = nn.ReLU()
        stages = layout.set.skeleton == "nasbench201"
        self.last_norm = Norm(layout.output.channels) if stages else nn.Identity()
        self.classifier = nn.Linear(layout.output.channels, layout.n_outputs)
        self.to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    @property
    def feature_modules(self) -> Sequence[nn.Module]:
        """Modules that compute features, in order: the first convolution, cells, and blocks between them."""
        found: list[nn.Module] = [self.stem]
        for index, cell in enumerate(self.cells):
            found += [self.residuals[str(index)]] if str(index) in self.residuals else []
            found.append(cell)
        return found

    def run(self, x: Tensor, weights: Sequence[Sequence[RowWeights]] | None) -> Tensor:
        """Return outputs before softmax, ``(n, n_outputs)``, for images ``(n, channels, height, width)``.

        Args:
            x: The images.
            weights: Weights of the rows of each cell of the genotype; None runs all operations that were built.
        """
        x = self.stem(x).contiguous(memory_format=torch.channels_last)
        y = self._stages(x, weights) if self.layout.set.skeleton == "nasbench201" else self._cells(x, weights)
        outputs: Tensor = self.classifier(y.mean(dim=(2, 3)))
        return outputs

    def _cells(self, x: Tensor, weights: Sequence[Sequence[RowWeights]] | None) -> Tensor:
        """Run cells that each see the two before them.

        Both entries of a cell begin with the same ReLU, which is computed once.
        """
        before = last = self.rectify(x)
        for index, cell in enumerate(self.cells):
            y: Tensor = cell((before, last), None if weights is None else weights[self.layout.places[index].cell])
            if index + 1 < len(self.cells):
                before, last = last, self.rectify(y)
        return y

    def _stages(self, x: Tensor, weights: Sequence[Sequence[RowWeights]] | None) -> Tensor:
        for index, cell in enumerate(self.cells):
            if str(index) in self.residuals:
                x = self.residuals[str(index)](x)
            x = cell((x,), None if weights is None else weights[self.layout.places[index].cell])
        rectified: Tensor = self.rectify(self.last_norm(x))
        return rectified


class Network(Skeleton):
    """Network of one genotype."""

    def __init__(self, genotype: CellGenotype, layout: Layout) -> None:
        index = {edge: row for row, edge in enumerate(layout.edges)}
        built: list[list[list[str]]] = []
        for cell in genotype.cells:
            names: list[list[str]] = [[] for _ in layout.edges]
            for target, node in enumerate(cell, layout.set.n_inputs):
                for name, source in node:
                    names[index[source, target]].append(name)
            built.append(names)
        super().__init__(layout, built)

    def forward(self, x: Tensor) -> Tensor:
        """Return outputs before softmax, ``(n, n_outputs)``, for images ``(n, channels, height, width)``."""
        return self.run(x, None)


def _entries(layout: Layout, place: Place) -> Iterator[nn.Module]:
    """Yield the modules that bring the inputs of a cell, after ReLU, to its channels and size."""
    if layout.set.skeleton != "darts":
        return
    for given in place.inputs:
        if given.size != place.inputs[-1].size:
            yield Halve(given.channels, place.nodes.channels)
        else:
            convolution = convolve(given.channels, place.nodes.channels, 1)
            yield nn.Sequential(convolution, Norm(place.nodes.channels))
