"""Conversion of the structure to a network of single neurons that computes the same: the argmax of every vertex."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

import numpy as np
import torch
from torch import Tensor

from evonas.types import Floats
from search_spaces.neuron.genotype import Activation, NeuronGenotype
from search_spaces.neuron.initialization.dense import all_between_neighbours
from search_spaces.neuron.trainer.base import Network
from search_spaces.neuron.vertices.network import Dense, Pair, RelaxedNetwork

#: Makes hidden layers of the given widths, without edges.
Frame: TypeAlias = Callable[[tuple[int, ...]], NeuronGenotype]


@dataclass
class _Layer:
    """A dense layer, ``weight`` as :class:`Dense` has it, and what its neurons make of their sums."""

    part: Dense
    activation: Activation


def one_hot(gammas: Sequence[Tensor]) -> list[Tensor]:
    """Largest share of each vertex as 1, the first of equal ones, all others exactly 0."""
    return [torch.nn.functional.one_hot(gamma.argmax(), len(gamma)).to(gamma.dtype) for gamma in gammas]


def chosen_path(pairs: Sequence[Sequence[Pair]], gammas: Sequence[Tensor]) -> list[tuple[int, int]]:
    """Vertices that the outputs depend on when each keeps its most probable pair, from the first to the outputs.

    Returns:
        The number of each vertex, from 1, and the column of its pair: a path, since a vertex has one predecessor then.
    """
    path, vertex = list[tuple[int, int]](), len(pairs)
    while vertex:
        column = int(gammas[vertex - 1].argmax())
        path.append((vertex, column))
        vertex = pairs[vertex - 1][column].source
    return path[::-1]


def to_network(relaxed: RelaxedNetwork, gammas: Sequence[Tensor], frame: Frame) -> Network:
    """The network of the chosen path.

    It computes exactly what ``relaxed`` does with one-hot gammas: vertices that pass on what they read are no layer, a
    ReLU behind a linear function becomes the activation of its neurons, and one behind another ReLU is nothing.

    Args:
        relaxed: Relaxed network, with the weights.
        gammas: Gammas of every vertex, ``(n_pairs,)`` each.
        frame: Makes hidden layers.
    """
    layers = list[_Layer]()
    for vertex, column in chosen_path(relaxed.pairs, gammas):
        part, function = relaxed.part(vertex, column), relaxed.pairs[vertex - 1][column].function
        if isinstance(part, Dense):
            layers.append(_Layer(part, Activation.NORM if function == "dense-relu" else Activation.LINEAR))
        elif function == "relu" and layers[-1].activation == Activation.LINEAR:
            layers[-1].activation = Activation.RELU
    hidden = layers[:-1]
    sizes = tuple(len(layer.part.bias) for layer in hidden)
    genotype = all_between_neighbours(frame(sizes))
    genes = np.repeat([int(layer.activation) for layer in hidden], sizes).astype(np.int8)
    weights = {  # rows of a weight are targets, as the order of a genotype's edges has them
        name: _joined([getattr(layer.part, name) for layer in layers]) for name in ("weight", "bias", "gain")
    }
    genotype = replace(genotype, activations=genes)
    return Network(genotype, weights["weight"], weights["bias"], weights["gain"], relaxed.norm)


def _joined(tensors: Sequence[Tensor]) -> Floats:
    """One flat array."""
    flat: Floats = torch.cat([tensor.detach().flatten() for tensor in tensors]).numpy().astype(np.float32)
    return flat
