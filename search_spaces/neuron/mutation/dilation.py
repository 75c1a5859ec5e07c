"""Mutation that grows receptive fields at their rims."""

from __future__ import annotations

from functools import cache
from itertools import pairwise

import numpy as np

from evonas.types import Floats, Ints
from search_spaces.neuron.distance import DistanceLaw, input_positions
from search_spaces.neuron.edge_editing import with_edges
from search_spaces.neuron.edge_sampling import first_fresh, merged
from search_spaces.neuron.genotype import NeuronGenotype
from search_spaces.neuron.mutation.growing import grown_and_pruned
from search_spaces.neuron.mutation.steps import MutationParams

#: Numbers of its layer's nearest places that count as a source's neighbours, on a grid squares around it: the next
#: number is used if a round finds fewer than a tenth of the edges that it seeks, as can happen if most are there.
NEIGHBOURS = (9, 25, 81)
#: Proposals for each edge that is sought, the fewest of a round from which its yield can be judged, and the most
#: rounds.
PROPOSALS, LEAST_ROUND, ROUNDS = 3, 256, 24


def grow_and_prune_dilated(
    genotype: NeuronGenotype, rng: np.random.Generator, params: MutationParams
) -> NeuronGenotype | None:
    """Grow edges from neighbours of a target's present sources; training prunes back (see :func:`grown_and_pruned`).

    Each new edge is a copy of a random present one whose source is replaced by one of its nearest neurons in the same
    layer. There are fewer if all neighbours are sources, and the result is None if none is left; a full network is only
    pruned.

    Args:
        genotype: The parent.
        rng: Draws the child.
        params: Bounds, steps and the distance law.
    """
    return grown_and_pruned(genotype, rng, params, _dilated)


def _dilated(
    genotype: NeuronGenotype, n_edges: int, rng: np.random.Generator, params: MutationParams
) -> NeuronGenotype | None:
    source, target = genotype.edges.T.astype(np.int64)
    taken = target * genotype.n_neurons + source
    drawn, reaches = np.empty(0, np.int64), iter(NEIGHBOURS)
    nearest = _nearest(genotype, params.law, next(reaches))
    for _ in range(ROUNDS):
        missing = n_edges - len(drawn)
        if not missing:
            break
        n_proposals = max(LEAST_ROUND, PROPOSALS * missing)
        edge = rng.integers(genotype.n_edges, size=n_proposals)
        column = rng.integers(nearest.shape[1], size=n_proposals)
        proposals = target[edge] * genotype.n_neurons + nearest[source[edge], column]
        fresh = first_fresh(proposals, taken, missing)
        drawn, taken = merged(drawn, fresh), merged(taken, fresh)
        if 10 * len(fresh) < missing:
            farther = next(reaches, None)
            if farther is None:
                break
            nearest = _nearest(genotype, params.law, farther)
    new = np.stack([drawn % genotype.n_neurons, drawn // genotype.n_neurons], axis=1)
    return with_edges(genotype, new) if len(new) else None


def _nearest(genotype: NeuronGenotype, law: DistanceLaw, n: int) -> Ints:
    """Return neurons at the ``n`` nearest places of its own layer for every neuron but the outputs.

    A neuron's own place is included.

    Args:
        genotype: The genotype.
        law: Gives positions.
        n: Number of places.

    Returns:
        Global indices, ``(n_inputs + n_hidden, n * channels)``, or as many columns as inputs; repeated in small layers.
    """
    layers = [_nearest_inputs(law, n)]
    column = np.arange(layers[0].shape[1])
    for first, last in pairwise(genotype.layer_offsets[1:-1].tolist()):
        nearest = _nearest_places(genotype.positions[first - genotype.n_inputs : last - genotype.n_inputs], n)
        layers.append(first + nearest[:, column % nearest.shape[1]])
    return np.concatenate(layers)


@cache
def _nearest_inputs(law: DistanceLaw, n: int) -> Ints:
    """Return for each input those at the ``n`` nearest places, at most all, on all channels.

    The shape is ``(n_inputs, n * channels)``.
    """
    positions = input_positions(law.input_shape)
    n_places = len(positions) // law.channels
    nearest = _nearest_places(positions[:n_places], n)
    on_all = nearest[:, :, None] + n_places * np.arange(law.channels)
    return np.tile(on_all.reshape(n_places, -1), (law.channels, 1))


def _nearest_places(places: Floats, n: int) -> Ints:
    """Return indices of the ``n`` nearest of ``(n_places, 2)``, or of all, for each of them."""
    from scipy.spatial import cKDTree  # takes longer to load than the rest of the package

    nearest = cKDTree(places).query(places, np.arange(1, min(n, len(places)) + 1))[1]
    return np.asarray(nearest, np.int64)
