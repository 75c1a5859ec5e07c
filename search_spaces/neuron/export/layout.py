"""Layout of a network on a device: weights row by row with steps between their sources, activations in one buffer."""

from __future__ import annotations

from typing import Any, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from evonas.types import Ints
from search_spaces.neuron.genotype import NeuronGenotype

StepType: TypeAlias = type[np.uint8] | type[np.uint16]
STEP_TYPES: tuple[StepType, ...] = (np.uint8, np.uint16)


class Slots(NamedTuple):
    """Places of the hidden activations in one buffer.

    Attributes:
        first: Place of each hidden layer's first neuron, shape ``(depth - 1,)``; the others of the layer follow it.
        size: Size of the whole buffer, in activations.
    """

    first: Ints
    size: int


class Rows(NamedTuple):
    """Sparse matrix whose columns are reached by steps: each from the column before, the first of a row from 0.

    If a step is too long for its type, entries of weight 0 are inserted.

    Attributes:
        counts: Entries of each row, shape ``(n_rows,)``.
        steps: Shape ``(n_entries,)``.
        weights: Shape ``(n_entries,)``.
    """

    counts: Ints
    steps: Ints
    weights: NDArray[Any]


def place_layers(genotype: NeuronGenotype) -> Slots:
    """Place layers by first fit: a layer may take the place of those that no layer from it on reads."""
    source, target = genotype.layer_of[genotype.edges].T
    last_reader = np.zeros(genotype.depth, np.int64)
    np.maximum.at(last_reader, source, target)
    sizes = np.diff(genotype.layer_offsets)
    first: list[int] = []
    for layer in range(1, genotype.depth):
        alive = [k for k in range(1, layer) if last_reader[k] >= layer]
        at = 0
        for begin, end in sorted((first[k - 1], first[k - 1] + int(sizes[k])) for k in alive):
            if begin - at >= sizes[layer]:
                break
            at = max(at, end)
        first.append(at)
    ends = [begin + int(sizes[k]) for k, begin in enumerate(first, start=1)]
    return Slots(np.array(first, np.int64), max(ends, default=0))


def slot_of(genotype: NeuronGenotype, slots: Slots) -> Ints:
    """Return the slot of every hidden neuron, shape ``(n_hidden,)``."""
    layer = genotype.layers.astype(np.int64)
    return np.arange(genotype.n_hidden) + genotype.n_inputs - genotype.layer_offsets[layer] + slots.first[layer - 1]


def columns_of(genotype: NeuronGenotype, slots: Slots) -> Ints:
    """Return the place of the source of each edge, among the inputs or in the buffer, ``(n_edges,)``."""
    columns = genotype.edges[:, 0].astype(np.int64)
    hidden = columns >= genotype.n_inputs
    columns[hidden] = slot_of(genotype, slots)[columns[hidden] - genotype.n_inputs]
    return columns


def to_rows(row: Ints, column: Ints, weights: NDArray[Any], n_rows: int, longest_step: int) -> Rows:
    """Return entries ``(n,)`` in any order as :class:`Rows`.

    Args:
        row: Row of each entry.
        column: Column of each entry.
        weights: Weight of each entry.
        n_rows: Number of rows.
        longest_step: Longest step that the type holds.
    """
    order = np.lexsort((column, row))
    row, column, weights = row[order], column[order], weights[order]
    first = np.concatenate([[True], np.diff(row) > 0]) if len(row) else np.zeros(0, bool)
    steps = np.where(first, column, np.diff(column, prepend=0))
    parts = np.maximum(1, -(-steps // longest_step))
    last = np.cumsum(parts) - 1
    all_steps = np.full(int(parts.sum()), longest_step)
    all_steps[last] = steps - (parts - 1) * longest_step
    all_weights = np.zeros(len(all_steps), weights.dtype)
    all_weights[last] = weights
    counts = np.bincount(row, parts, n_rows).astype(np.int64)
    return Rows(counts, all_steps, all_weights)


def to_escaped_rows(row: Ints, column: Ints, weights: NDArray[Any], n_rows: int, escape: int) -> Rows:
    """Return entries ``(n,)``, row by row, as :class:`Rows` in which all steps but those without a weight are shorter.

    Args:
        row: Row of each entry.
        column: Column of each entry.
        weights: Weight of each entry, not 0.
        n_rows: Number of rows.
        escape: Length of a step with the weight 0.
    """
    order = np.lexsort((column, row))
    row, column, weights = row[order], column[order], weights[order]
    first = np.diff(row, prepend=-1) > 0
    steps = np.where(first, column, np.diff(column, prepend=0))
    parts = steps // escape + 1
    last = np.cumsum(parts) - 1
    all_steps, all_weights = np.full(int(parts.sum()), escape), np.zeros(int(parts.sum()), weights.dtype)
    all_steps[last], all_weights[last] = steps % escape, weights
    return Rows(np.bincount(row, parts, n_rows).astype(np.int64), all_steps, all_weights)
