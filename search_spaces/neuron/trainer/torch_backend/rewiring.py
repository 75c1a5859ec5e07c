"""Edges that pruning and regrowth remove and add: the rule of base.py in numpy, and what it does to parameters."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from evonas.types import Floats, Ints
from search_spaces.neuron.genotype import NeuronGenotype, connected
from search_spaces.neuron.trainer.base import row_channels

#: Pairs of neurons that are scored together: 4 MB of scores.
SCORED_AT_ONCE = 1 << 20


class Rewired(NamedTuple):
    """Edges in any order, and their origins.

    Attributes:
        edges: ``(n, 2)``, (source, target) global indices.
        origin: Index of the edge before rewiring, -1 for new ones, shape ``(n,)``.
    """

    edges: NDArray[np.int32]
    origin: Ints


class Carried(NamedTuple):
    """A network after rewiring, and where its parameters come from.

    Attributes:
        genotype: The genotype.
        columns: Place of each of its flat parameters ``[edge, bias, gain]`` among those from before, or their number
            for a new edge, which begins with 0, ``(n_parameters,)``.
        frozen: Its frozen edges, ``(n_edges,)``.
    """

    genotype: NeuronGenotype
    columns: Ints
    frozen: NDArray[np.bool_]


def carried(genotype: NeuronGenotype, frozen: NDArray[np.bool_], rewired: Rewired) -> Carried:
    """Return the network with other edges, without the neurons that then lack inputs or outputs.

    Args:
        genotype: The genotype from before.
        frozen: Its frozen edges, ``(n_edges,)``.
        rewired: Its edges from now on.
    """
    ties = np.where(rewired.origin < 0, np.int32(-1), genotype.ties[rewired.origin])
    result = connected(genotype, rewired.edges, ties)
    origin = rewired.origin[result.edges]
    n_edges, n_rows = genotype.n_edges, genotype.n_hidden + genotype.n_outputs
    rows = result.neurons[result.neurons >= genotype.n_inputs] - genotype.n_inputs
    of_edges = np.where(origin < 0, n_edges + 2 * n_rows, origin)
    columns = np.concatenate([of_edges, n_edges + rows, n_edges + n_rows + rows])
    return Carried(result.genotype, columns, np.where(origin < 0, False, frozen[origin]))


def groups_of(genotype: NeuronGenotype, frozen: NDArray[np.bool_]) -> Ints:
    """Return the group of every flat parameter: ties, channels' biases and their gains; -1 is no group.

    A frozen edge is in no group: the others of its tie continue without it.
    """
    groups, n_groups = [], 0
    channels = row_channels(genotype)
    for numbers in (np.where(frozen, np.int32(-1), genotype.ties), channels, channels):
        groups.append(np.where(numbers < 0, -1, numbers + np.int64(n_groups)))
        n_groups += int(numbers.max(initial=-1)) + 1
    return np.concatenate(groups)


def largest(values: Floats, count: int) -> NDArray[np.bool_]:
    """Return a mask of the ``count`` largest values; of equal ones the earlier."""
    if count <= 0:
        return np.zeros(len(values), bool)
    if count >= len(values):
        return np.ones(len(values), bool)
    threshold = np.partition(values, -count)[-count]
    chosen: NDArray[np.bool_] = values > threshold
    chosen[np.flatnonzero(values == threshold)[: count - int(chosen.sum())]] = True
    return chosen


def pruned(genotype: NeuronGenotype, edge: Floats, frozen: NDArray[np.bool_], keep: int) -> Rewired:
    """Return the ``keep`` edges with the largest weights, frozen ones first.

    Args:
        genotype: The genotype.
        edge: Weights, ``(n_edges,)``.
        frozen: Mask of frozen edges, ``(n_edges,)``.
        keep: Number of edges.
    """
    kept = np.flatnonzero(largest(np.where(frozen, np.float32(np.inf), np.abs(edge)), max(keep, int(frozen.sum()))))
    return Rewired(genotype.edges[kept], kept)


def regrown(
    genotype: NeuronGenotype, edge: Floats, frozen: NDArray[np.bool_], share: float, scores: Iterable[Floats]
) -> Rewired:
    """Return the edges after ``share`` of them moved to absent places with the largest absolute scores.

    Args:
        genotype: The genotype.
        edge: Weights, ``(n_edges,)``.
        frozen: Mask of frozen edges, ``(n_edges,)``.
        share: Share of the edges that move.
        scores: Scores of the pairs of some targets, ascending, with all neurons on earlier layers,
            ``(n_targets, n_sources)``: the blocks cover all targets from the first neuron after the inputs on, in
            order. No block is kept.
    """
    moved = min(round(share * len(edge)), int((~frozen).sum()), genotype.n_possible_edges - genotype.n_edges)
    kept = np.flatnonzero(~largest(np.where(frozen, np.float32(-np.inf), -np.abs(edge)), moved))
    best, places = np.empty(0, np.float32), np.empty(0, np.int64)
    source, target = genotype.edges.astype(np.int64).T
    first = genotype.n_inputs
    for block in scores:
        height, width = block.shape
        candidates = np.abs(block).reshape(-1)  # by target, then source
        present = slice(*np.searchsorted(target, [first, first + height]))
        candidates[(target[present] - first) * width + source[present]] = -1  # below any score
        here = np.flatnonzero(largest(candidates, moved))
        best = np.concatenate([best, candidates[here]])
        rows, columns = np.divmod(here, width)
        places = np.concatenate([places, (first + rows) * genotype.n_neurons + columns])
        winners = largest(best, moved)
        best, places = best[winners], places[winners]
        first += height
    added = np.stack([places % genotype.n_neurons, places // genotype.n_neurons], axis=1).astype(np.int32)
    return Rewired(np.concatenate([genotype.edges[kept], added]), np.concatenate([kept, np.full(len(added), -1)]))


def regrown_by_pair(
    genotype: NeuronGenotype, edge: Floats, frozen: NDArray[np.bool_], share: float, scores: Iterable[Floats]
) -> Rewired:
    """The edges after ``share`` of those between each two layers gave way to the largest absolute scores there.

    An edge that was dropped is a candidate, too, and stays the edge that it was.

    Args:
        genotype: Genotype with the edges as they are.
        edge: Their weights, ``(n_edges,)``.
        frozen: Edges that stay, ``(n_edges,)``.
        share: Share of the edges of each pair of layers.
        scores: As :func:`regrown` takes them.
    """
    kept, counts = _kept_by_pair(genotype, edge, frozen, share)
    source, target = genotype.edges.astype(np.int64).T
    present_places = target * genotype.n_neurons + source
    best: dict[tuple[int, int], tuple[Floats, Ints]] = {}
    first = genotype.n_inputs
    for block in scores:
        height, candidates = len(block), np.abs(block)
        present = slice(*np.searchsorted(target, [first, first + height]))
        chosen = np.flatnonzero(kept[present]) + present.start
        candidates[target[chosen] - first, source[chosen]] = -1  # below any score
        layer = int(genotype.layer_of[first])
        for before in range(layer):
            columns = slice(*genotype.layer_offsets[before : before + 2].tolist())
            here = candidates[:, columns].reshape(-1)
            winners = np.flatnonzero(largest(here, int(counts[before, layer])))
            rows, places = np.divmod(winners, columns.stop - columns.start)
            places = (first + rows) * genotype.n_neurons + columns.start + places
            values, earlier = best.get((before, layer), (np.empty(0, np.float32), np.empty(0, np.int64)))
            values, places = np.concatenate([values, here[winners]]), np.concatenate([earlier, places])
            winners = np.flatnonzero(largest(values, int(counts[before, layer])))
            best[before, layer] = values[winners], places[winners]
        first += height
    grown = np.sort(np.concatenate([places for _, places in best.values()]))
    again = np.isin(present_places, grown) & ~kept
    left = np.flatnonzero(kept | again)
    fresh = np.setdiff1d(grown, present_places[again])
    added = np.stack([fresh % genotype.n_neurons, fresh // genotype.n_neurons], axis=1).astype(np.int32)
    return Rewired(np.concatenate([genotype.edges[left], added]), np.concatenate([left, np.full(len(added), -1)]))


def score_blocks(genotype: NeuronGenotype) -> Iterator[tuple[Ints, int]]:
    """Yield neurons of one layer, by global index, with the number of neurons on earlier layers: all pairs to score.

    Each block has few pairs.
    """
    for first, last in pairwise(genotype.layer_offsets[1:].tolist()):
        height = max(1, SCORED_AT_ONCE // first)
        for begin in range(first, last, height):
            yield np.arange(begin, min(begin + height, last)), first


def _kept_by_pair(
    genotype: NeuronGenotype, edge: Floats, frozen: NDArray[np.bool_], share: float
) -> tuple[NDArray[np.bool_], Ints]:
    """Mask of the edges that are not dropped, and their number between each two layers, ``(depth + 1, depth + 1)``.

    Args:
        genotype: The genotype.
        edge: Weights of its edges, ``(n_edges,)``.
        frozen: Which edges are never dropped, ``(n_edges,)``.
        share: Share of the edges of each pair of layers that is dropped.
    """
    layers = genotype.layer_of[genotype.edges.astype(np.int64)]
    n_layers = genotype.depth + 1
    kept, counts = np.ones(len(edge), bool), np.zeros((n_layers, n_layers), np.int64)
    pairs = layers[:, 0] * n_layers + layers[:, 1]
    for pair in np.unique(pairs).tolist():
        members = np.flatnonzero(pairs == pair)
        moved = min(round(share * len(members)), int((~frozen[members]).sum()))
        ranks = np.where(frozen[members], np.float32(-np.inf), -np.abs(edge[members]))
        kept[members[largest(ranks, moved)]] = False
        counts[divmod(pair, n_layers)] = moved
    return kept, counts
