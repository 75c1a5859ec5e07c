"""Networks whose neurons share weights as convolutions do, built by plain loops."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from search_spaces.neuron.genotype import FIRST_HIDDEN_ID, Activation, NeuronGenotype
from search_spaces.neuron.layering import arrange
from search_spaces.neuron.trainer.base import Network, Norm


class Level(NamedTuple):
    """A convolution with padding of half its kernel; ``reads``: the earlier levels that are its sources, 0: inputs."""

    channels: int
    kernel: int
    stride: int
    reads: tuple[int, ...] = ()
    activation: Activation = Activation.NORM


def convolutional(
    levels: list[Level], shape: tuple[int, int, int], n_outputs: int = 10, *, pooled: bool = False,
    rng: np.random.Generator | None = None, norm: Norm = "layer-affine",
) -> Network:
    """A stack of convolutions and an output layer on the last, with random weights.

    Args:
        shape: Channels, height and width of the inputs.
        pooled: An output has one weight a channel; else one an edge.
        rng: Of the ids, which decide the order of neurons, and of the weights.
    """
    rng = rng or np.random.default_rng(0)
    n_inputs = int(np.prod(shape))
    maps = [(np.arange(n_inputs).reshape(shape), 1)]  # neurons (channels, height, width), and stride to the inputs
    n_neurons, layers, positions = n_inputs, list[int](), list[tuple[int, int]]()
    channels, activations = list[int](), list[int]()
    edges: dict[tuple[int, int], object] = {}  # by the name of its weight, None for one of its own
    for number, level in enumerate(levels, start=1):
        below = maps[-1] if not level.reads else maps[level.reads[0]]
        height, width = (-(-n // level.stride) for n in below[0].shape[1:])
        scale = below[1] * level.stride
        own = n_neurons + np.arange(level.channels * height * width).reshape(level.channels, height, width)
        n_neurons += own.size
        for channel, y, x in np.ndindex(own.shape):
            layers.append(number)
            positions.append((y * scale, x * scale))
            channels.append(100 * number + channel)
            activations.append(int(level.activation))
            for read in level.reads or (number - 1,):
                source, source_scale = maps[read]
                stride = scale // source_scale
                for c, dy, dx in np.ndindex(len(source), level.kernel, level.kernel):
                    sy, sx = y * stride + dy - level.kernel // 2, x * stride + dx - level.kernel // 2
                    if 0 <= sy < source.shape[1] and 0 <= sx < source.shape[2]:
                        edges[int(source[c, sy, sx]), int(own[channel, y, x])] = (number, read, channel, c, dy, dx)
        maps.append((own, scale))
    for channel, y, x in np.ndindex(maps[-1][0].shape):
        for output in range(n_outputs):
            edges[int(maps[-1][0][channel, y, x]), n_neurons + output] = ("out", output, channel) if pooled else None
    names = {name: i for i, name in enumerate(dict.fromkeys(edges.values())) if name is not None}
    genotype = arrange(
        n_inputs, n_outputs, ids=FIRST_HIDDEN_ID + rng.permutation(len(layers)), layers=np.array(layers),
        positions=np.array(positions, np.float32), edges=np.array(list(edges)),
        ties=np.array([names.get(name, -1) for name in edges.values()], np.int32), channels=np.array(channels),
        activations=np.array(activations),
    )
    genotype.validate()
    return with_weights(genotype, rng, norm)


def with_weights(genotype: NeuronGenotype, rng: np.random.Generator, norm: Norm = "layer-affine") -> Network:
    """Random weights that are equal where they are shared."""
    n_rows = genotype.n_hidden + genotype.n_outputs
    scale = 1 / np.sqrt(np.diff(genotype.row_pointers)[genotype.edges[:, 1] - genotype.n_inputs])
    edge = rng.normal(size=genotype.n_edges) * scale
    bias, gain = 0.3 * rng.normal(size=n_rows), 1 + 0.3 * rng.normal(size=n_rows)
    for tie in np.unique(genotype.ties[genotype.ties >= 0]):
        edge[genotype.ties == tie] = edge[genotype.ties == tie][0]
    for channel in np.unique(genotype.channels[genotype.channels >= 0]):
        own = np.flatnonzero(genotype.channels == channel)
        bias[own], gain[own] = bias[own[0]], gain[own[0]]
    return Network(genotype, edge.astype(np.float32), bias.astype(np.float32), gain.astype(np.float32), norm)
