"""The network that mixes, at every vertex, all predecessors through all functions; the mixture is an argument."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from search_spaces.neuron.genotype import Activation
from search_spaces.neuron.module import LayerActivation
from search_spaces.neuron.trainer.base import Norm
from search_spaces.neuron.vertices.settings import DENSE, FunctionName


class Pair(NamedTuple):
    """One choice of a vertex.

    Attributes:
        source: The predecessor: 0 for the inputs, then the number of a hidden vertex.
        function: Function of it.
    """

    source: int
    function: FunctionName


def pairs_of(n_vertices: int, functions: Sequence[FunctionName]) -> list[list[Pair]]:
    """The pairs of the hidden vertices 1 to ``n_vertices``, then those of the outputs.

    Outputs read hidden vertices, through ``dense`` without ReLU, so that every structure has a hidden layer.
    """
    hidden = [
        [Pair(source, f) for source in range(vertex) for f in functions if source or f in DENSE]
        for vertex in range(1, n_vertices + 1)
    ]
    return [*hidden, [Pair(source, "dense") for source in range(1, n_vertices + 1)]]


class Dense(nn.Module):
    """A weighted sum of all neurons of a predecessor for each neuron of a vertex, linear or as hidden neurons have it.

    Attributes:
        weight: ``(n_neurons, n_sources)``.
        bias, gain: ``(n_neurons,)``; the gain is trained where the norm has one.
    """

    def __init__(self, sizes: tuple[int, int], norm: Norm | None, generator: torch.Generator) -> None:
        """Fresh weights as :func:`search_spaces.neuron.weights.fresh` has them.

        Args:
            sizes: Neurons of the predecessor and of the vertex.
            norm: Before the ReLU; None is a linear function.
            generator: Generator of the weights.
        """
        super().__init__()
        n_sources, n_neurons = sizes
        deviation = math.sqrt((1 if norm is None else 2) / n_sources)
        self.weight = nn.Parameter(deviation * torch.randn(n_neurons, n_sources, generator=generator))
        self.bias = nn.Parameter(torch.zeros(n_neurons))
        self.gain = nn.Parameter(torch.ones(n_neurons), requires_grad=norm == "layer-affine")
        genes = np.full(n_neurons, Activation.NORM, np.int8)
        self.activation = None if norm is None else LayerActivation(genes, norm)

    def forward(self, h: Tensor) -> Tensor:
        """Shape ``(n, n_neurons)``, of ``(n, n_sources)``."""
        z = h @ self.weight.t()
        if self.activation is None:
            return z + self.bias
        y: Tensor = self.activation(z, self.bias, self.gain)
        return y


class RelaxedNetwork(nn.Module):
    """Vertices of one width between inputs and outputs, each a mixture of its pairs.

    Args:
        sizes: Inputs, neurons of a vertex, outputs.
        n_vertices: Hidden ones.
        functions: Functions of hidden vertices.
        norm: Norm of ``dense-relu``.
        generator: Generator of the weights.

    Attributes:
        pairs: See :func:`pairs_of`.
        parts: The module of every pair, vertex by vertex.
    """

    def __init__(
        self, sizes: tuple[int, int, int], n_vertices: int, functions: Sequence[FunctionName], norm: Norm,
        generator: torch.Generator,
    ) -> None:
        super().__init__()
        n_inputs, width, n_outputs = sizes
        self.norm = norm
        self.sizes = [n_inputs, *[width] * n_vertices, n_outputs]
        self.pairs = pairs_of(n_vertices, functions)
        self.parts = nn.ModuleList(
            nn.ModuleList(self._part(pair, self.sizes[vertex], generator) for pair in pairs)
            for vertex, pairs in enumerate(self.pairs, 1)
        )

    @property
    def decayed(self) -> list[Tensor]:
        """The weights that a decay is learned for, one matrix for every dense function; biases and gains have none."""
        return [part.weight for parts in self._parts for part in parts if isinstance(part, Dense)]

    @property
    def trained(self) -> list[Tensor]:
        """Everything that the weights' optimiser moves."""
        return [parameter for parameter in self.parameters() if parameter.requires_grad]

    @property
    def n_edges(self) -> int:
        """Weights between two neurons."""
        return sum(weight.numel() for weight in self.decayed)

    def part(self, vertex: int, column: int) -> nn.Module:
        """The module of a pair; vertices count from 1, outputs are the last."""
        return self._parts[vertex - 1][column]

    def forward(self, x: Tensor, gammas: Sequence[Tensor]) -> Tensor:
        """Outputs before softmax, ``(n, n_outputs)``.

        Args:
            x: ``(n, n_inputs)`` or ``(n, *input_shape)``.
            gammas: Shares of the pairs of every vertex, ``(n_pairs,)`` each. What has a share of exactly 0 is not run,
                and gives it no gradient.
        """
        states = [x.flatten(1)]
        for pairs, parts, gamma in zip(self.pairs, self._parts, gammas, strict=True):
            terms = [
                gamma[column] * part(states[pairs[column].source])
                for column, part in enumerate(parts) if float(gamma[column].detach()) != 0
            ]
            states.append(torch.stack(terms).sum(0))
        return states[-1]

    @property
    def _parts(self) -> list[list[nn.Module]]:
        return [[*parts] for parts in self.parts]  # type: ignore[misc]

    def _part(self, pair: Pair, n_neurons: int, generator: torch.Generator) -> nn.Module:
        if pair.function in DENSE:
            norm = self.norm if pair.function == "dense-relu" else None
            return Dense((self.sizes[pair.source], n_neurons), norm, generator)
        return nn.Identity() if pair.function == "identity" else nn.ReLU()
