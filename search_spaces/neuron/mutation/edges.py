"""Mutations that remove, add and move edges."""

from __future__ import annotations

import numpy as np

from evonas.types import Doubles
from search_spaces.neuron.distance import DistanceLaw, edge_lengths
from search_spaces.neuron.edge_editing import feed_outputs, with_edges
from search_spaces.neuron.edge_sampling import AbsentEdges, log_clocks
from search_spaces.neuron.genotype import NeuronGenotype, connected
from search_spaces.neuron.layering import pair_capacities, pair_counts, pair_of_edge
from search_spaces.neuron.mutation.steps import N_PAIRS, MutationParams, choose_pairs, preferences


def remove_edges(genotype: NeuronGenotype, rng: np.random.Generator, params: MutationParams) -> NeuronGenotype | None:
    """Remove edges over 3 layer pairs, with probabilities proportional to ``exp(+length / scale)``.

    Pairs are drawn by the square root of their number of edges; an adjacent pair keeps at least half of its edges.
    Neurons that have lost all inputs or all outputs are removed too, in cascade; an output that has lost its last edge
    gets a new one. The result is None if no pair may lose an edge.

    Args:
        genotype: The parent.
        rng: Draws the child.
        params: Bounds, steps and the distance law.
    """
    counts = pair_counts(genotype)
    adjacent = np.eye(len(counts), k=1, dtype=bool)
    removable = np.where(adjacent, counts // 2, counts)
    pairs = np.argwhere(removable > 0)
    if not len(pairs):
        return None
    total = params.step("remove_edges", genotype.n_edges, rng)
    chosen = choose_pairs(pairs, np.sqrt(counts[tuple(pairs.T)]), rng, n=min(N_PAIRS, total))
    times = removal_times(genotype, params.law, rng)
    pair_of = pair_of_edge(genotype)
    keep = np.ones(genotype.n_edges, bool)
    for (i, j), share in zip(chosen, params.shares(total, len(chosen), rng), strict=True):
        candidates = np.flatnonzero(pair_of == i * len(counts) + j)
        k = min(int(share), int(removable[i, j]))
        if k:
            keep[candidates[np.argpartition(times[candidates], k - 1)[:k]]] = False
    return feed_outputs(connected(genotype, genotype.edges[keep], genotype.ties[keep]).genotype, rng)


def removal_times(genotype: NeuronGenotype, law: DistanceLaw, rng: np.random.Generator) -> Doubles:
    """Draw the logarithm of the removal time of each edge, shape ``(n_edges,)``.

    The times are those of clocks whose rates are ``exp(+length / scale)``.

    Args:
        genotype: The genotype.
        law: Gives lengths and scales.
        rng: Draws the times.
    """
    lengths = edge_lengths(law.positions(genotype), *genotype.edges.T)
    scales = law.scales(genotype)[genotype.layer_of[genotype.edges[:, 1]]]
    return log_clocks((genotype.n_edges,), rng) - lengths / scales


def add_edges(genotype: NeuronGenotype, rng: np.random.Generator, params: MutationParams) -> NeuronGenotype | None:
    """Add edges over 3 layer pairs, near pairs first, by the distance law.

    The result is None if every possible edge is there.

    Args:
        genotype: The parent.
        rng: Draws the child.
        params: Bounds, steps and the distance law.
    """
    count = params.step("add_edges", genotype.n_edges, rng)
    pairs = np.argwhere(pair_capacities(genotype) > pair_counts(genotype))
    if not len(pairs):
        return None
    chosen = choose_pairs(pairs, preferences(pairs, rng), rng, n=min(N_PAIRS, count))
    absent = AbsentEdges(genotype, params.law)
    return with_edges(genotype, absent.draw_over_pairs(chosen, params.shares(count, len(chosen), rng), rng))


def swap_edges(genotype: NeuronGenotype, rng: np.random.Generator, params: MutationParams) -> NeuronGenotype | None:
    """Remove edges, long ones first, and draw as many others by the distance law.

    The numbers of neurons and edges stay.

    Every neuron keeps an input and every hidden one an output, namely the edge with the latest removal time. Layer
    pairs get new edges in proportion to those that they have. The result is None if no edge can be removed or every
    possible edge is there.

    Args:
        genotype: The parent.
        rng: Draws the child.
        params: Bounds, steps and the distance law.
    """
    times = removal_times(genotype, params.law, rng)
    order = np.argsort(times)
    last = np.empty((2, genotype.n_neurons), np.int64)
    for side in (0, 1):
        last[side, genotype.edges[order, side]] = order  # the edge at each neuron with the latest removal time
    fed_inputs = genotype.edges[:, 0] < genotype.n_inputs
    edge = np.arange(genotype.n_edges)
    kept = (last[1, genotype.edges[:, 1]] == edge) | (~fed_inputs & (last[0, genotype.edges[:, 0]] == edge))
    removable = order[~kept[order]]
    n = params.step("swap_edges", genotype.n_edges, rng)
    n = min(n, len(removable), genotype.n_possible_edges - genotype.n_edges)
    if not n:
        return None
    new = AbsentEdges(genotype, params.law).draw_like_present(n, rng)
    stays = np.ones(genotype.n_edges, bool)
    stays[removable[:n]] = False
    ties = np.concatenate([genotype.ties[stays], np.full(n, -1, np.int32)])
    return connected(genotype, np.concatenate([genotype.edges[stays], new]), ties).genotype
