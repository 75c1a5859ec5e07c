"""Choice of the linear blocks that get neurons of their own, and the resulting number of edges, without weights.

A linear block (an identity, a sum, an average, a convolution that no ReLU follows) can be folded into those that read
it: they then read its sources, with products of both weights. Blocks are considered in order, and again if something
near them was folded; one is folded if the network then has no more edges. A depthwise convolution therefore stays (9 +
C edges for a unit of a separable convolution, 9 C if folded), while an addition is folded.

The inputs that a block reads from another are a table ``(channels, source's channels)`` of the numbers of patterns; a
pattern says which places see which. There are few of them, so counting a network of any number of edges takes little
memory.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce
from itertools import compress, product
from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from evonas.types import Ints
from search_spaces.neuron.genotype import Activation
from search_spaces.neuron.lowering.blocks import Block, Matrix, Product, total

#: Numbers of patterns; 0 is the empty pattern.
Table: TypeAlias = Ints
#: ``(channels, places)``.
Units: TypeAlias = NDArray[np.bool_]


#: Ratio to the allowed number of edges beyond which folding is not tried: it saves a few tenths of the edges, or a
#: factor of ten if little but a global average follows, and never this much.
HOPELESS = 50


class Patterns:
    """Patterns of places that see each other: bool matrices ``(places, source's places)``, each once, with a number."""

    def __init__(self) -> None:
        self._matrices: list[Matrix | None] = [None]
        self._sizes = [0]
        self._numbers: dict[tuple[object, ...], int] = {}
        self._products: dict[tuple[int, int], int] = {}
        self._unions: dict[frozenset[int], int] = {}

    def __getitem__(self, number: int) -> Matrix:
        matrix = self._matrices[number]
        assert matrix is not None
        return matrix

    def count(self, table: Table) -> int:
        """Return the edges of a table."""
        return int(np.array(self._sizes)[table].sum())

    def table(self, products: Sequence[Product]) -> Table:
        """Return the table of the sum of one or more products."""
        tables = []
        for channels, matrices in products:
            taps = np.packbits(channels != 0, axis=2)
            _, example, number_of = np.unique(taps.view(f"S{taps.shape[2]}"), return_index=True, return_inverse=True)
            places = [self._add(matrix.astype(bool)) for matrix in matrices]
            seen = (channels.reshape(-1, channels.shape[2])[example] != 0).tolist()
            numbers = [self.union(frozenset(compress(places, row))) for row in seen]
            tables.append(np.array(numbers)[number_of.reshape(channels.shape[:2])])
        return reduce(self.join, tables)

    def join(self, first: Table, second: Table) -> Table:
        """Return the union of two tables of one shape."""
        n = len(self._matrices)
        pairs, number_of = np.unique(first * n + second, return_inverse=True)
        numbers = [self.union(frozenset(divmod(pair, n))) for pair in pairs.tolist()]
        joined: Table = np.array(numbers)[number_of.reshape(first.shape)]
        return joined

    def compose(self, outer: Table, inner: Table) -> Table:
        """Return the table of ``outer`` after ``inner``."""
        composed: Table = np.zeros((outer.shape[0], inner.shape[1]), np.int64)
        for first, second in product(*(np.unique(table[table != 0]).tolist() for table in (outer, inner))):
            there = (outer == first).astype(np.float32) @ (inner == second).astype(np.float32) > 0
            composed = self.join(composed, self._product(first, second) * there)
        return composed

    def union(self, numbers: frozenset[int]) -> int:
        """Return the number of the union of some patterns."""
        numbers -= {0}
        if len(numbers) < 2:
            return next(iter(numbers), 0)
        if numbers not in self._unions:
            self._unions[numbers] = self._add(total([self[number] for number in sorted(numbers)]))
        return self._unions[numbers]

    def _product(self, outer: int, inner: int) -> int:
        if (outer, inner) not in self._products:
            self._products[outer, inner] = self._add(sparse.csr_array(self[outer] @ self[inner]))
        return self._products[outer, inner]

    def _add(self, matrix: Matrix) -> int:
        if not matrix.nnz:
            return 0
        matrix.sum_duplicates()
        key = (matrix.shape, matrix.indptr.tobytes(), matrix.indices.tobytes())
        if key not in self._numbers:
            self._numbers[key] = len(self._matrices)
            self._matrices.append(matrix)
            self._sizes.append(matrix.nnz)
        return self._numbers[key]


class Folding(NamedTuple):
    """Result of folding.

    Attributes:
        folded: Indices of the blocks that are folded, in that order.
        n_edges: Edges between the remaining blocks, as far as they lie on paths from the inputs to the outputs.
    """

    folded: tuple[int, ...]
    n_edges: int


def fold(blocks: Sequence[Block], most_edges: int) -> Folding:
    """Decide which blocks are folded, and count the edges; the first block is the input, the last one the output.

    Args:
        blocks: Blocks of the network.
        most_edges: Allowed number of edges. A network far beyond it (see ``HOPELESS``) is counted without folding,
            which could take long.
    """
    patterns = Patterns()
    reads = [{source: patterns.table(products) for source, products in block.reads.items()} for block in blocks]
    linear = {index for index, block in enumerate(blocks[1:-1], 1) if block.activation == Activation.LINEAR}
    folded: list[int] = []
    if (n_edges := sum(patterns.count(table) for tables in reads for table in tables.values())) > HOPELESS * most_edges:
        return Folding((), n_edges)
    waiting = set(linear)
    while waiting:
        waiting.remove(index := min(waiting))
        if (replaced := _without(index, reads, patterns)) is None:
            continue
        near = {*reads[index], *replaced, *(source for tables in replaced.values() for source in tables)}
        for reader, tables in replaced.items():
            reads[reader] = tables
        reads[index] = {}
        folded.append(index)
        linear.remove(index)
        waiting |= near & linear
    return Folding(tuple(folded), _count(blocks, reads, patterns))


def _without(index: int, reads: Sequence[dict[int, Table]], patterns: Patterns) -> dict[int, dict[int, Table]] | None:
    """Return the tables of a block's readers once it is folded; None if that takes more edges.

    Args:
        index: Index of the block.
        reads: Tables of each block by the index of the block that is read.
        patterns: All patterns.
    """
    before, after = sum(patterns.count(table) for table in reads[index].values()), 0
    replaced: dict[int, dict[int, Table]] = {}
    for reader in range(index + 1, len(reads)):
        if index not in reads[reader]:
            continue
        tables = dict(reads[reader])
        outer = tables.pop(index)
        before += patterns.count(outer)
        for source, inner in reads[index].items():
            through = patterns.compose(outer, inner)
            if source in tables:
                before += patterns.count(tables[source])
                through = patterns.join(tables[source], through)
            tables[source] = through
            after += patterns.count(through)
        replaced[reader] = tables
    return replaced if after <= before else None


def _count(blocks: Sequence[Block], reads: Sequence[dict[int, Table]], patterns: Patterns) -> int:
    reached = _reached(blocks, reads, patterns)
    needed = [np.zeros((block.shape.channels, block.shape.n_places), bool) for block in blocks]
    needed[-1][:] = True
    n_edges = 0
    for index in range(len(blocks) - 1, 0, -1):
        for source, table in reads[index].items():
            for number in np.unique(table[table != 0]).tolist():
                channels, places = (table == number).astype(np.int64), patterns[number].astype(np.int64)
                seen = places @ reached[source].T.astype(np.int64)  # (places, source's channels)
                n_edges += int((needed[index] * (channels @ seen.T)).sum())
                needed[source] |= ((channels.T @ needed[index]) @ places > 0) & reached[source]
    return n_edges


def _reached(blocks: Sequence[Block], reads: Sequence[dict[int, Table]], patterns: Patterns) -> list[Units]:
    """Return for each block the units that depend on the input.

    Args:
        blocks: Blocks of the network.
        reads: Tables of each block by the index of the block that is read.
        patterns: All patterns.
    """
    reached = [np.zeros((block.shape.channels, block.shape.n_places), bool) for block in blocks]
    reached[0][:] = True
    for index in range(1, len(blocks)):
        for source, table in reads[index].items():
            for number in np.unique(table[table != 0]).tolist():
                seen = patterns[number].astype(np.int64) @ reached[source].T.astype(np.int64)
                reached[index] |= (table == number).astype(np.int64) @ seen.T > 0
    return reached
