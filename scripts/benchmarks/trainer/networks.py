"""Spatially local random networks of given shapes and densities, and random data of their size."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from math import prod

import numpy as np

from evonas.data.samples import Samples, Splits
from evonas.types import Ints, Task
from search_spaces.neuron.distance import DistanceLaw
from search_spaces.neuron.edge_sampling import AbsentEdges
from search_spaces.neuron.genotype import FIRST_HIDDEN_ID, NeuronGenotype, connected
from search_spaces.neuron.layering import arrange, pair_capacities
from search_spaces.neuron.trainer.base import Network
from search_spaces.neuron.weights import fresh

N_CLASSES = 10


@dataclass(frozen=True)
class Shape:
    """Sizes of a network.

    Attributes:
        input_shape: Shape of one sample.
        hidden: Neurons of each hidden layer.
        n_samples: Samples of an epoch in the benchmark: enough for several steps, few enough that an epoch is short.
    """

    input_shape: tuple[int, ...]
    hidden: tuple[int, ...]
    n_samples: int

    @property
    def n_inputs(self) -> int:
        return prod(self.input_shape)

    @property
    def n_pairs(self) -> int:
        """Pairs of neurons that an edge could join: the weights of the masked dense network."""
        sizes = np.array([self.n_inputs, *self.hidden, N_CLASSES])
        return int((sizes[1:] * np.cumsum(sizes)[:-1]).sum())


SHAPES = {
    "S": Shape((1, 28, 28), (100, 60, 40), 8192),
    "M": Shape((1, 28, 28), (200,) * 6, 2048),
    "L": Shape((3, 32, 32), (500, 400, 300, 300, 200, 200, 100, 100), 1024),
}


@lru_cache(maxsize=1)
def local_network(shape: str, density: float) -> Network:
    """Draw a network in which every pair of layers has this share of its edges, near ones by the space's distance law.

    A neuron without an input or an output gets one, so that every neuron of the shape is there.
    """
    sizes, rng = SHAPES[shape], np.random.default_rng(0)
    law = DistanceLaw(sizes.input_shape)
    n_hidden = sum(sizes.hidden)
    frame = arrange(
        sizes.n_inputs, N_CLASSES,
        ids=np.arange(FIRST_HIDDEN_ID, FIRST_HIDDEN_ID + n_hidden),
        layers=np.repeat(np.arange(1, len(sizes.hidden) + 1), sizes.hidden),
        positions=law.random_positions(n_hidden, rng),
        edges=np.empty((0, 2), np.int64),
    )
    capacities = pair_capacities(frame)
    pairs = np.argwhere(capacities)
    counts = np.maximum(1, np.round(density * capacities[tuple(pairs.T)])).astype(np.int64)
    drawn = AbsentEdges(frame, law).draw_over_pairs(pairs, counts, rng)
    genotype = connected(frame, np.concatenate([drawn, _missing(frame, drawn, rng)])).genotype
    assert genotype.n_hidden == n_hidden
    weights = fresh(genotype, rng)
    return Network(genotype, weights["edge"], weights["bias"], weights["gain"], "layer-affine")


def _missing(frame: NeuronGenotype, edges: Ints, rng: np.random.Generator) -> Ints:
    """Draw (source, target) pairs: an input for every row and an output for every hidden neuron without one.

    Args:
        frame: The neurons.
        edges: (source, target) global indices, ``(n, 2)``.
        rng: Draws the pairs.
    """
    rows = np.arange(frame.n_inputs, frame.n_neurons)
    bare = np.setdiff1d(rows, edges[:, 1])
    into = np.stack([rng.integers(0, frame.n_inputs, len(bare)), bare], axis=1)
    mute = np.setdiff1d(rows[: frame.n_hidden], edges[:, 0])
    later = frame.layer_offsets[frame.layer_of[mute] + 1]
    return np.concatenate([into, np.stack([mute, rng.integers(later, frame.n_neurons)], axis=1)])


@lru_cache(maxsize=1)
def random_splits(n_inputs: int, n_samples: int) -> Splits:
    """Draw normal inputs with random labels, and no validation samples; the times do not depend on values."""
    rng = np.random.default_rng(1)
    train = Samples(rng.standard_normal((n_samples, n_inputs), np.float32), rng.integers(0, N_CLASSES, n_samples))
    none = Samples(np.empty((0, n_inputs), np.float32), np.empty(0, np.int64))
    return Splits("random", Task("classification", (n_inputs,), N_CLASSES), train, none, fingerprint="")


def layer_edges(genotype: NeuronGenotype) -> list[tuple[int, int, Ints, Ints]]:
    """Return for every layer its first neuron, its size, and its incoming edges.

    Edges are rows (within the layer) and sources.
    """
    result = []
    for first, last in pairwise(genotype.layer_offsets[1:].tolist()):
        edges = slice(*np.searchsorted(genotype.edges[:, 1], [first, last]).tolist())
        source, target = genotype.edges[edges].astype(np.int64).T
        result.append((first, last - first, target - first, source))
    return result


def step_flops(genotype: NeuronGenotype, batch: int) -> int:
    """Count multiplications and additions of a training step on the edges.

    They are those of outputs, gradients of edges, and gradients of activations.
    """
    n_from_hidden = int((genotype.edges[:, 0] >= genotype.n_inputs).sum())
    return batch * (4 * genotype.n_edges + 2 * n_from_hidden)
