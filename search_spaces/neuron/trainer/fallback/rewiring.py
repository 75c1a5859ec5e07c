"""Which edges pruning and regrowth remove and add: the rule of base.py in numpy."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from evonas.types import Floats, Ints
from search_spaces.neuron.genotype import NeuronGenotype


class Rewired(NamedTuple):
    """Edges in any order, and where they come from.

    Attributes:
        edges: ``(n, 2)``, (source, target) global indices.
        origin: Index of the edge that each one was, -1 for new ones, shape ``(n,)``.
    """

    edges: NDArray[np.int32]
    origin: Ints


def largest(values: Floats, count: int) -> NDArray[np.bool_]:
    """A mask of the ``count`` largest values; of equal ones the earlier."""
    if count <= 0:
        return np.zeros(len(values), bool)
    if count >= len(values):
        return np.ones(len(values), bool)
    threshold = np.partition(values, -count)[-count]
    chosen: NDArray[np.bool_] = values > threshold
    chosen[np.flatnonzero(values == threshold)[: count - int(chosen.sum())]] = True
    return chosen


def pruned(genotype: NeuronGenotype, edge: Floats, frozen: NDArray[np.bool_], keep: int) -> Rewired:
    """The ``keep`` edges with the largest weights, frozen ones first."""
    kept = np.flatnonzero(largest(np.where(frozen, np.float32(np.inf), np.abs(edge)), max(keep, int(frozen.sum()))))
    return Rewired(genotype.edges[kept], kept)


def regrown(
    genotype: NeuronGenotype, edge: Floats, frozen: NDArray[np.bool_], share: float, scores: list[Floats]
) -> Rewired:
    """The edges after ``share`` of them moved to absent places with the largest absolute scores.

    Args:
        scores: Of absent edges by layer, shape ``(neurons of the layer, neurons on earlier layers)``.
    """
    source, target = genotype.edges[:, 0].astype(np.int64), genotype.edges[:, 1].astype(np.int64)
    first = genotype.layer_offsets[1:-1]
    widths = np.array([block.shape[1] for block in scores])
    begins = np.concatenate([[0], np.cumsum([block.size for block in scores])])
    layer = genotype.layer_of[target] - 1
    candidates = np.abs(np.concatenate([block.reshape(-1) for block in scores]))  # by target, then source
    candidates[begins[layer] + (target - first[layer]) * widths[layer] + source] = -1  # present: below any score
    moved = min(round(share * len(edge)), int((~frozen).sum()), len(candidates) - len(edge))
    kept = np.flatnonzero(~largest(np.where(frozen, np.float32(-np.inf), -np.abs(edge)), moved))
    grown = np.flatnonzero(largest(candidates, moved))
    block = np.searchsorted(begins, grown, side="right") - 1
    row, column = np.divmod(grown - begins[block], widths[block])
    added = np.stack([column, row + first[block]], axis=1).astype(np.int32)
    return Rewired(np.concatenate([genotype.edges[kept], added]), np.concatenate([kept, np.full(len(grown), -1)]))
