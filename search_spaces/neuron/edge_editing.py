"""Changes of the edges of a genotype."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from evonas.types import Ints
from search_spaces.neuron.genotype import FIRST_HIDDEN_ID, NeuronGenotype, connected


def with_edges(genotype: NeuronGenotype, new: NDArray[np.integer[Any]]) -> NeuronGenotype:
    """Return the connected genotype with more edges, untied.

    ``new`` are absent (source, target) pairs, shape ``(n, 2)``.
    """
    edges = np.concatenate([genotype.edges, new])
    ties = np.concatenate([genotype.ties, np.full(len(new), -1, np.int32)])
    return connected(genotype, edges, ties).genotype


def feed_outputs(genotype: NeuronGenotype, rng: np.random.Generator) -> NeuronGenotype:
    """Give each output that has lost its last edge one from a random neuron."""
    first_output = genotype.n_neurons - genotype.n_outputs
    fed = np.bincount(genotype.edges[:, 1], minlength=genotype.n_neurons)[first_output:] > 0
    if fed.all():
        return genotype
    bare = first_output + np.flatnonzero(~fed)
    lowest = genotype.n_inputs if genotype.n_hidden else 0
    return with_edges(genotype, np.stack([rng.integers(lowest, first_output, len(bare)), bare], axis=1))


def new_ids(n: int, rng: np.random.Generator, taken: Ints | None = None) -> Ints:
    """Draw ids for hidden neurons: 63 bits, so that they are unique without a counter.

    Args:
        n: Number of ids.
        rng: Draws the ids.
        taken: Ids of the genotype that gets the new ones. A random collision is practically impossible, but a caller
            may use the same seed twice.
    """
    while True:
        ids = rng.integers(FIRST_HIDDEN_ID, np.iinfo(np.int64).max, n, endpoint=True)
        if taken is None or not np.isin(ids, taken).any():
            return ids
