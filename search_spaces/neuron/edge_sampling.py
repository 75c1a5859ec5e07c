"""Draws of absent edges."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, lru_cache

import numpy as np

from evonas.types import Doubles, Floats, Ints
from search_spaces.neuron.distance import DistanceLaw, edge_lengths
from search_spaces.neuron.genotype import NeuronGenotype
from search_spaces.neuron.layering import pair_capacities, pair_counts

#: Candidates that are processed together: proposals that fit into the cache, and racers for which 4 MB is enough.
CHUNK, RACE_CHUNK = 1 << 15, 1 << 20
#: Rejection is cheaper if few of many candidates are wanted. The scale grows with the grid, so that about one proposal
#: in six is accepted; if fewer than one in MOST_PROPOSALS is, near candidates are taken, and the race is cheaper. Fewer
#: than LEAST_ROUND proposals would not tell.
MOST_PROPOSALS, LEAST_ROUND, ROUNDS, MANY = 20, 1 << 10, 5, 1 << 16


def layer_members(genotype: NeuronGenotype, layer: int) -> Ints:
    """Return the global indices of the neurons of a layer."""
    return np.arange(genotype.layer_offsets[layer], genotype.layer_offsets[layer + 1])


class AbsentEdges:
    """Edges that a genotype could have but lacks, from which can be drawn repeatedly.

    Args:
        genotype: The genotype; its neurons need not be connected.
        law: Probabilities of edges.
    """

    def __init__(self, genotype: NeuronGenotype, law: DistanceLaw) -> None:
        self._genotype, self._law = genotype, law
        self._positions = law.positions(genotype)
        self._between: dict[tuple[int, int], _Candidates] = {}

    def draw(self, sources: Ints, targets: Ints, k: int, rng: np.random.Generator) -> Ints:
        """Draw k absent edges without replacement, one after the other with the probabilities of the distance law.

        Args:
            sources: Global indices of neurons on layers before that of the targets, ascending.
            targets: Global indices of neurons of one layer, ascending.
            k: Number of edges.
            rng: Draws the edges.

        Returns:
            (source, target) pairs sorted by (target, source), shape ``(k, 2)``; fewer if fewer are absent.
        """
        if k <= 0 or not len(sources) or not len(targets):
            return np.empty((0, 2), np.int64)
        return self._candidates(sources, targets).draw(k, rng)

    def draw_over_pairs(self, pairs: Ints, counts: Ints, rng: np.random.Generator) -> Ints:
        """Draw absent edges between whole layers.

        Args:
            pairs: (source layer, target layer), ``(n_pairs, 2)``.
            counts: Number of edges of each pair, ``(n_pairs,)``.
            rng: Draws the edges.

        Returns:
            (source, target) pairs, shape ``(n, 2)``.
        """
        drawn = [np.empty((0, 2), np.int64)]
        for (i, j), count in zip(pairs.tolist(), counts.tolist(), strict=True):
            members = layer_members(self._genotype, i), layer_members(self._genotype, j)
            if count > 0 and all(map(len, members)):
                if (i, j) not in self._between:
                    self._between[i, j] = self._candidates(*members)
                drawn.append(self._between[i, j].draw(count, rng))
        return np.concatenate(drawn)

    @cached_property
    def _counts(self) -> Ints:
        return pair_counts(self._genotype)

    def draw_by_pair_weights(self, weights: Doubles, k: int, rng: np.random.Generator) -> Ints:
        """Draw k absent edges, or as many as there are between layers of positive weight.

        Args:
            weights: Layer pairs get edges in proportion to these, as far as they have room: ``(depth + 1, depth + 1)``.
            k: Number of edges.
            rng: Draws the edges.
        """
        room = pair_capacities(self._genotype) - self._counts
        pairs = np.argwhere((room > 0) & (weights > 0))
        index = tuple(pairs.T)
        return self.draw_over_pairs(pairs, _shares(k, weights[index], room[index], rng), rng)

    def draw_like_present(self, k: int, rng: np.random.Generator) -> Ints:
        """Draw k absent edges, or all.

        Layer pairs get them in proportion to one plus the number of edges that they have.
        """
        return self.draw_by_pair_weights(self._counts + np.float64(1), k, rng)

    def _candidates(self, sources: Ints, targets: Ints) -> _Candidates:
        scale = self._law.scale(self._genotype, int(self._genotype.layer_of[targets[0]]))
        positions = self._positions[np.concatenate([sources, targets])] / np.float32(scale)
        taken = self._cells_with_edges(sources, targets)
        return _Candidates(sources, targets, taken, _Grid(len(sources), len(targets), positions))

    def _cells_with_edges(self, sources: Ints, targets: Ints) -> Ints:
        """Return the cells of a :class:`_Grid` that have edges from the sources to the targets, ascending."""
        genotype = self._genotype
        begin, end = genotype.row_pointers[targets[[0, -1]] - genotype.n_inputs + [0, 1]]
        column, row = np.full(genotype.n_neurons, -1), np.full(genotype.n_neurons, -1)
        column[sources], row[targets] = np.arange(len(sources)), np.arange(len(targets))
        source, target = genotype.edges[begin:end].T.astype(np.int64)
        columns, rows = column[source], row[target]
        cells: Ints = (rows * len(sources) + columns)[(rows >= 0) & (columns >= 0)]
        return cells


@lru_cache(maxsize=1)
def absent_edges(genotype: NeuronGenotype, law: DistanceLaw) -> AbsentEdges:
    """Return :class:`AbsentEdges`; cached for the next of several offspring of one parent."""
    return AbsentEdges(genotype, law)


@dataclass(frozen=True, slots=True)
class _Candidates:
    """Edges from some neurons to those of one layer, present and absent; see :meth:`AbsentEdges.draw`.

    Attributes:
        sources: Global indices, ascending.
        targets: Global indices, ascending.
        taken: Cells of the grid that have an edge, ascending.
        grid: The grid of candidates.
    """

    sources: Ints
    targets: Ints
    taken: Ints
    grid: _Grid

    def draw(self, k: int, rng: np.random.Generator) -> Ints:
        """Draw as :meth:`AbsentEdges.draw`; ``k`` is positive."""
        grid, taken, drawn = self.grid, self.taken, np.empty(0, np.int64)
        if grid.n_cells > max(MANY, MOST_PROPOSALS * k):
            drawn = grid.draw_by_rejection(taken, k, rng)
        if len(drawn) < k:
            taken = np.concatenate([taken, drawn])
            drawn = np.sort(np.concatenate([drawn, grid.draw_by_race(taken, k - len(drawn), rng)]))
        rows, columns = grid.rows_and_columns(drawn)
        return np.stack([self.sources[columns], self.targets[rows]], axis=1)


@dataclass(frozen=True, slots=True)
class _Grid:
    """Candidate edges as the cells ``row * n_columns + column`` of a matrix: a row is a target, a column a source.

    Attributes:
        n_columns: Number of sources.
        n_rows: Number of targets.
        positions: Positions of the sources, then of the targets, in units of the law's scale.
    """

    n_columns: int
    n_rows: int
    positions: Floats

    @property
    def n_cells(self) -> int:
        return self.n_rows * self.n_columns

    def rows_and_columns(self, cells: Ints) -> tuple[Ints, Ints]:
        rows = cells // self.n_columns
        return rows, cells - rows * self.n_columns

    def distances(self, rows: Ints, columns: Ints) -> Floats:
        """Return distances in units of the law's scale; broadcasts."""
        return edge_lengths(self.positions, columns, self.n_columns + rows)

    def draw_by_rejection(self, taken: Ints, k: int, rng: np.random.Generator) -> Ints:
        """Draw up to k cells, ascending: uniform proposals, accepted with the law's probability, without repeats.

        The first round estimates the acceptance rate, the second should be enough, and the others replace repeats.

        Args:
            taken: Cells that are not to be drawn, ascending.
            k: Number of cells.
            rng: Draws the cells.
        """
        drawn, proposals = np.empty(0, np.int64), 1.0
        for _ in range(ROUNDS):
            missing = k - len(drawn)
            if not missing or proposals > MOST_PROPOSALS:
                break
            n_proposals = max(LEAST_ROUND, int(proposals * missing))
            n_chunks = n_proposals // CHUNK + 1
            accepted = np.concatenate([self._accepted(n_proposals // n_chunks + 1, rng) for _ in range(n_chunks)])
            fresh = first_fresh(accepted, taken, missing)
            proposals = 1.1 * n_proposals / max(1, len(fresh))
            drawn, taken = merged(drawn, fresh), merged(taken, fresh)
        return drawn

    def _accepted(self, n_proposals: int, rng: np.random.Generator) -> Ints:
        """Return those of ``n_proposals`` uniform proposals that the law accepts, in the order of their proposal."""
        cells = rng.integers(self.n_cells, size=n_proposals)
        # P(standard exponential > d) = exp(-d): one draw instead of a uniform one and an exponential function.
        clocks = rng.standard_exponential(n_proposals, np.float32)
        return cells[np.flatnonzero(clocks > self.distances(*self.rows_and_columns(cells)))]

    def draw_by_race(self, taken: Ints, k: int, rng: np.random.Generator) -> Ints:
        """Draw up to k cells that are not taken: the earliest of exponential clocks whose rates are the law's weights.

        The logarithm of such a time is minus (log-weight + Gumbel noise): this is the Gumbel top-k draw.

        Args:
            taken: Cells that are not to be drawn.
            k: Number of cells.
            rng: Draws the times.
        """
        winners, best = np.empty(0, np.int64), np.empty(0, np.float32)
        height = max(1, RACE_CHUNK // self.n_columns)
        for first in range(0, self.n_rows, height):
            rows, columns = np.arange(first, min(first + height, self.n_rows)), np.arange(self.n_columns)
            racers = np.arange(first * self.n_columns, (rows[-1] + 1) * self.n_columns)
            times = (log_clocks((len(rows), len(columns)), rng) + self.distances(rows[:, None], columns)).reshape(-1)
            times[taken[(taken >= racers[0]) & (taken <= racers[-1])] - racers[0]] = np.inf
            best, winners = np.concatenate([best, times]), np.concatenate([winners, racers])
            earliest = _smallest(best, k)
            best, winners = best[earliest], winners[earliest]
        return winners


def _shares(k: int, weights: Doubles, room: Ints, rng: np.random.Generator) -> Ints:
    """Split ``k`` into multinomial numbers by weight, none larger than its room; the excess goes to the others.

    Args:
        k: Number to split.
        weights: Positive weights, ``(n,)``.
        room: Upper bounds, ``(n,)``.
        rng: Draws the numbers.
    """
    shares = np.zeros_like(room)
    k = min(k, int(room.sum()))
    while missing := k - int(shares.sum()):  # each round but the last fills one up
        left = np.where(shares < room, weights, 0.0)
        shares = np.minimum(shares + rng.multinomial(missing, left / left.sum()), room)
    return shares


def _smallest(times: Floats, k: int) -> Ints:
    """Return indices of the k smallest finite values, or of all of them."""
    if k < len(times):
        index = np.argpartition(times, k)[:k]
        return index[np.isfinite(times[index])]
    return np.flatnonzero(np.isfinite(times))


def log_clocks(shape: tuple[int, ...], rng: np.random.Generator) -> Floats:
    """Draw logarithms of standard exponential variates, that is minus Gumbel noise."""
    return np.log(np.maximum(rng.standard_exponential(shape, np.float32), np.finfo(np.float32).tiny))


def first_fresh(cells: Ints, taken: Ints, k: int) -> Ints:
    """Return the first k distinct cells that are not in ``taken``, ascending.

    Args:
        cells: Cells in the order of their draw.
        taken: Cells that are left out, ascending.
        k: Largest number of cells.
    """
    # A cell and the time of its draw are packed into one integer: numpy sorts values several times faster than it finds
    # their order. The 63 bits hold the cells of two layers of a million neurons and eight million draws.
    bits = len(cells).bit_length()
    dated = np.sort((cells << bits) | np.arange(len(cells)))
    cells = dated >> bits
    fresh = np.diff(cells, prepend=-1) > 0
    if len(taken):
        fresh &= taken[np.minimum(np.searchsorted(taken, cells), len(taken) - 1)] != cells
    cells = cells[fresh]
    if len(cells) > k:
        times = dated[fresh] & ((1 << bits) - 1)
        cells = cells[times < np.partition(times, k)[k]]
    return cells


def merged(left: Ints, right: Ints) -> Ints:
    """Merge two ascending arrays; the stable sort merges such runs in linear time."""
    return np.sort(np.concatenate([left, right]), kind="stable")
