"""Edges go, long ones first."""

from __future__ import annotations

import numpy as np

from evonas.types import Doubles
from search_spaces.neuron.absent_edges import log_clocks
from search_spaces.neuron.distance import DistanceLaw, edge_lengths
from search_spaces.neuron.genotype import NeuronGenotype, connected
from search_spaces.neuron.layering import pair_counts, pair_of_edge
from search_spaces.neuron.mutation.steps import N_PAIRS, MutationParams, choose_pairs, even_shares, step_size
from search_spaces.neuron.wiring import feed_outputs


def remove_edges(genotype: NeuronGenotype, rng: np.random.Generator, params: MutationParams) -> NeuronGenotype | None:
    """Remove edges over 3 layer pairs, with probabilities proportional to ``exp(+length / scale)``.

    Pairs are drawn by the square root of their number of edges; an adjacent pair keeps at least half of its edges.
    Neurons that have lost all inputs or all outputs go too, in cascade; an output that has lost its last edge gets a
    new one. None if no pair may lose an edge.
    """
    counts = pair_counts(genotype)
    adjacent = np.eye(len(counts), k=1, dtype=bool)
    removable = np.where(adjacent, counts // 2, counts)
    pairs = np.argwhere(removable > 0)
    if not len(pairs):
        return None
    total = step_size(params.largest_steps["remove_edges"] * genotype.n_edges, rng)
    chosen = choose_pairs(pairs, np.sqrt(counts[tuple(pairs.T)]), rng, n=min(N_PAIRS, total))
    times = removal_times(genotype, params.law, rng)
    pair_of = pair_of_edge(genotype)
    keep = np.ones(genotype.n_edges, bool)
    for (i, j), share in zip(chosen, even_shares(total, len(chosen)), strict=True):
        candidates = np.flatnonzero(pair_of == i * len(counts) + j)
        k = min(int(share), int(removable[i, j]))
        keep[candidates[np.argpartition(times[candidates], k - 1)[:k]]] = False
    return feed_outputs(connected(genotype, genotype.edges[keep], genotype.ties[keep]).genotype, rng)


def removal_times(genotype: NeuronGenotype, law: DistanceLaw, rng: np.random.Generator) -> Doubles:
    """When each edge would go, shape ``(n_edges,)``: logarithms of clocks whose rates are ``exp(+length / scale)``."""
    lengths = edge_lengths(law.positions(genotype), *genotype.edges.T)
    scales = law.scales(genotype)[genotype.layer_of[genotype.edges[:, 1]]]
    return log_clocks((genotype.n_edges,), rng) - lengths / scales
