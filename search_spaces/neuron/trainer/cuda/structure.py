"""Structure of many networks at once: one block-diagonal matrix, with the rows of each level side by side.

A *row* is a hidden neuron or an output of a candidate; rows are sorted by level, candidate and neuron. The level of a
hidden neuron is its layer, and all outputs are on the last level, so that a level needs only those before it. The
inputs that a candidate uses are rows of their own, before all others. Everything here is numpy, and a candidate's part
depends on its own genotype alone but for offsets.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from evonas.types import Ints
from search_spaces.neuron.genotype import Activation, NeuronGenotype
from search_spaces.neuron.trainer.base import Norm, row_activations

#: Indices of either width.
_Indices: TypeAlias = NDArray[np.int32] | Ints
#: Kinds of rows as the kernels know them; the values are those of :class:`Activation`.
NORMED, RECTIFIED, LINEAR = int(Activation.NORM), int(Activation.RELU), int(Activation.LINEAR)


class Piece(NamedTuple):
    """What a genotype contributes, by its own indices.

    Attributes:
        genotype: The genotype.
        inputs: Inputs that have edges, ascending, ``(n_used,)``.
        kinds: Kind of every row, ``(n_rows,)``.
        sizes: Rows of each hidden layer, then the outputs, ``(depth,)``.
        out_edges: Edges between rows by source, then target: indices into the genotype's edges.
        out_counts: Edges from each row to other rows, ``(n_rows,)``.
    """

    genotype: NeuronGenotype
    inputs: Ints
    kinds: NDArray[np.int8]
    sizes: Ints
    out_edges: Ints
    out_counts: Ints


def piece_of(genotype: NeuronGenotype, norm: Norm) -> Piece:
    """The piece of a genotype; without a norm no row has one."""
    source = genotype.edges[:, 0]
    used = np.zeros(genotype.n_inputs, bool)
    used[source[source < genotype.n_inputs]] = True
    kinds = row_activations(genotype)
    if norm == "none":
        kinds = np.where(kinds == NORMED, np.int8(RECTIFIED), kinds)
    inner = np.flatnonzero(source >= genotype.n_inputs)
    rows = source[inner] - genotype.n_inputs
    return Piece(
        genotype, np.flatnonzero(used), kinds, np.diff(genotype.layer_offsets[1:]),
        inner[np.argsort(rows, kind="stable")], np.bincount(rows, minlength=len(kinds)),
    )


class Level(NamedTuple):
    """Rows and groups of a level; a group is the rows of one candidate on one level.

    Attributes:
        first_row, n_rows: The rows.
        first_group, n_groups: The groups.
    """

    first_row: int
    n_rows: int
    first_group: int
    n_groups: int


class Runs(NamedTuple):
    """Parameters of candidates as ranges of the packed parameters.

    Attributes:
        begin: ``(n_candidates + 1,)``, the first range of each candidate.
        first, last: First parameter of each range, and the one after it.
    """

    begin: NDArray[np.int32]
    first: NDArray[np.int32]
    last: NDArray[np.int32]


@dataclass(frozen=True, eq=False)
class Structure:
    """Candidates packed together. Parameters are flat, ``[edge, bias, gain]``: all edges by row, then all rows twice.

    Attributes:
        pieces: The candidates.
        input_candidate: Candidate of each input row, ``(n_input_rows,)``.
        input_index: Input that it shows, ``(n_input_rows,)``.
        levels: Hidden levels in order, then that of the outputs.
        begin: First edge into each row, ``(n_rows + 1,)``.
        source: Source of every edge, ``(n_edges,)``: an input row, or ``n_input_rows`` plus a row.
        out_begin: First edge out of each row, ``(n_rows + 1,)``, for the next two.
        out_target: Its row.
        out_edge: Its index among the edges.
        kind: ``(n_rows,)``.
        row_candidate: Candidate of each row, ``(n_rows,)``.
        row_neuron: Global index of the row in its own network, ``(n_rows,)``.
        group_begin: First row of each group, ``(n_groups + 1,)``.
        n_normed: Rows of a group with a norm, at least 1, ``(n_groups,)``.
        places: For each candidate where its own flat parameters lie.
    """

    pieces: Sequence[Piece]
    input_candidate: NDArray[np.int32]
    input_index: NDArray[np.int32]
    levels: Sequence[Level]
    begin: NDArray[np.int32]
    source: NDArray[np.int32]
    out_begin: NDArray[np.int32]
    out_target: NDArray[np.int32]
    out_edge: NDArray[np.int32]
    kind: NDArray[np.int8]
    row_candidate: NDArray[np.int32]
    row_neuron: NDArray[np.int32]
    group_begin: NDArray[np.int32]
    n_normed: NDArray[np.int32]
    places: Sequence[Ints]

    @property
    def n_edges(self) -> int:
        """Edges of all candidates."""
        return len(self.source)

    @property
    def n_rows(self) -> int:
        """Hidden neurons and outputs of all candidates."""
        return len(self.kind)

    @property
    def n_input_rows(self) -> int:
        """Inputs that candidates use, counted for each candidate."""
        return len(self.input_index)

    @property
    def n_parameters(self) -> int:
        """Values of the flat parameters."""
        return self.n_edges + 2 * self.n_rows

    def parameter_candidates(self) -> NDArray[np.int32]:
        """Candidate of every parameter, ``(n_parameters,)``."""
        of_edges = np.repeat(self.row_candidate, np.diff(self.begin))
        return np.concatenate([of_edges, self.row_candidate, self.row_candidate])

    def runs(self) -> Runs:
        """Parameters of each candidate as ranges, in the order of its own flat parameters."""
        ranges = [_ranges(places) for places in self.places]
        counts = [len(first) for first, _ in ranges]
        first, last = (np.concatenate(ends).astype(np.int32) for ends in zip(*ranges, strict=True))
        return Runs(_offsets(np.array(counts)), first, last)


def pack(pieces: Sequence[Piece]) -> Structure:
    """Pack the candidates, at least one, into one structure."""
    n_levels = max(len(piece.sizes) for piece in pieces)
    sizes = np.zeros((n_levels, len(pieces)), np.int64)
    for p, piece in enumerate(pieces):
        sizes[: len(piece.sizes) - 1, p] = piece.sizes[:-1]
        sizes[-1, p] = piece.sizes[-1]
    starts = _offsets(sizes.reshape(-1))[:-1].reshape(sizes.shape)
    rows = [_rows(piece, starts[:, p]) for p, piece in enumerate(pieces)]
    n_rows = int(sizes.sum())
    input_begin = _offsets(np.array([len(piece.inputs) for piece in pieces]))
    n_input_rows = int(input_begin[-1])
    in_counts, out_counts = np.zeros(n_rows, np.int64), np.zeros(n_rows, np.int64)
    kind, (row_candidate, row_neuron) = np.empty(n_rows, np.int8), np.empty((2, n_rows), np.int32)
    for p, (piece, own) in enumerate(zip(pieces, rows, strict=True)):
        in_counts[own], out_counts[own] = np.diff(piece.genotype.row_pointers), piece.out_counts
        kind[own], row_candidate[own] = piece.kinds, p
        row_neuron[own] = piece.genotype.n_inputs + np.arange(len(own))
    begin, out_begin = _offsets(in_counts), _offsets(out_counts)
    n_edges = int(begin[-1])
    source = np.empty(n_edges, np.int32)
    out_target, out_edge = np.empty(int(out_begin[-1]), np.int32), np.empty(int(out_begin[-1]), np.int32)
    places = []
    for p, (piece, own) in enumerate(zip(pieces, rows, strict=True)):
        genotype = piece.genotype
        edges = _spread(begin[own], np.diff(genotype.row_pointers))
        place_of = np.zeros(genotype.n_neurons, np.int32)  # of every neuron among the activations
        place_of[piece.inputs] = input_begin[p] + np.arange(len(piece.inputs))
        place_of[genotype.n_inputs :] = n_input_rows + own
        source[edges] = place_of[genotype.edges[:, 0]]
        outs = _spread(out_begin[own], piece.out_counts)
        out_edge[outs] = edges[piece.out_edges]
        out_target[outs] = own[genotype.edges[piece.out_edges, 1] - genotype.n_inputs]
        places.append(np.concatenate([edges, n_edges + own, n_edges + n_rows + own]))
    groups = sizes.reshape(-1)
    n_normed = np.array([
        np.count_nonzero(kind[first : first + size] == NORMED) for first, size in zip(starts.reshape(-1), groups,
                                                                                      strict=True)
    ])
    return Structure(
        pieces, np.repeat(np.arange(len(pieces), dtype=np.int32), np.diff(input_begin)),
        np.concatenate([piece.inputs for piece in pieces]).astype(np.int32),
        [
            Level(int(starts[level, 0]), int(sizes[level].sum()), level * len(pieces), len(pieces))
            for level in range(n_levels)
        ],
        begin, source, out_begin, out_target, out_edge, kind, row_candidate, row_neuron, _offsets(groups),
        np.maximum(n_normed, 1).astype(np.int32), places,
    )


def _rows(piece: Piece, starts: _Indices) -> Ints:
    """Where the rows of a candidate lie: ``starts`` are its first rows by level."""
    own = np.concatenate([starts[: len(piece.sizes) - 1], starts[-1:]])
    return _spread(own, piece.sizes)


def _spread(first: _Indices, counts: Ints) -> Ints:
    """``counts[i]`` numbers from ``first[i]`` on, for all i."""
    starts = first.astype(np.int64) - _offsets(counts)[:-1]
    return np.repeat(starts, counts) + np.arange(int(counts.sum()))


def _offsets(counts: Ints) -> NDArray[np.int32]:
    """Sums of the counts before each, and of all."""
    return np.concatenate([[0], np.cumsum(counts)]).astype(np.int32)


def _ranges(places: Ints) -> tuple[Ints, Ints]:
    """Ranges of ascending neighbours in ``places``: their first values, and the values after their last."""
    cuts = np.flatnonzero(np.diff(places) != 1) + 1
    bounds = np.concatenate([[0], cuts, [len(places)]])
    return places[bounds[:-1]], places[bounds[1:] - 1] + 1
