"""Edges move."""

from __future__ import annotations

import numpy as np

from search_spaces.neuron.absent_edges import AbsentEdges
from search_spaces.neuron.genotype import NeuronGenotype, connected
from search_spaces.neuron.mutation.remove_edges import removal_times
from search_spaces.neuron.mutation.steps import MutationParams, step_size


def swap_edges(genotype: NeuronGenotype, rng: np.random.Generator, params: MutationParams) -> NeuronGenotype | None:
    """Remove edges, long ones first, and draw as many others by the distance law: neurons and number of edges stay.

    Every neuron keeps an input and every hidden one an output: the edges that would be the last to go. Layer pairs get
    new edges in proportion to those that they have. None if no edge can go or every possible edge is there.
    """
    times = removal_times(genotype, params.law, rng)
    order = np.argsort(times)
    last = np.empty((2, genotype.n_neurons), np.int64)
    for side in (0, 1):
        last[side, genotype.edges[order, side]] = order  # of several edges at a neuron the one that would go last
    fed_inputs = genotype.edges[:, 0] < genotype.n_inputs
    edge = np.arange(genotype.n_edges)
    kept = (last[1, genotype.edges[:, 1]] == edge) | (~fed_inputs & (last[0, genotype.edges[:, 0]] == edge))
    removable = order[~kept[order]]
    n = step_size(params.largest_steps["swap_edges"] * genotype.n_edges, rng)
    n = min(n, len(removable), genotype.n_possible_edges - genotype.n_edges)
    if not n:
        return None
    new = AbsentEdges(genotype, params.law).draw_like_present(n, rng)
    stays = np.ones(genotype.n_edges, bool)
    stays[removable[:n]] = False
    ties = np.concatenate([genotype.ties[stays], np.full(n, -1, np.int32)])
    return connected(genotype, np.concatenate([genotype.edges[stays], new]), ties).genotype
