"""Drawing edges that are not there yet."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, lru_cache

import numpy as np

from evonas.types import Doubles, Floats, Ints
from search_spaces.neuron.distance import DistanceLaw, edge_lengths
from search_spaces.neuron.genotype import NeuronGenotype
from search_spaces.neuron.layering import pair_capacities, pair_counts

#: Candidates that are looked at together: proposals that fit into the cache, and racers for which 4 MB is enough.
CHUNK, RACE_CHUNK = 1 << 15, 1 << 20
#: Rejection pays when few of many candidates are wanted. The scale grows with the grid, so that about one proposal in
#: six is accepted; where fewer than one in MOST_PROPOSALS is, near candidates are taken, and the race is cheaper. Fewer
#: than LEAST_ROUND proposals would not tell.
MOST_PROPOSALS, LEAST_ROUND, ROUNDS, MANY = 20, 1 << 10, 5, 1 << 16


def layer_members(genotype: NeuronGenotype, layer: int) -> Ints:
    """Global indices of the neurons of a layer."""
    return np.arange(genotype.layer_offsets[layer], genotype.layer_offsets[layer + 1])


class AbsentEdges:
    """The edges that a genotype could have but has not, and the draw among them, as often as wanted.

    Args:
        genotype: Its neurons need not be connected.
        law: How likely each edge is.
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

        Returns:
            (source, target) pairs sorted by (target, source), shape ``(k, 2)``; fewer where fewer are absent.
        """
        if k <= 0 or not len(sources) or not len(targets):
            return np.empty((0, 2), np.int64)
        return self._candidates(sources, targets).draw(k, rng)

    def draw_over_pairs(self, pairs: Ints, counts: Ints, rng: np.random.Generator) -> Ints:
        """Absent edges between whole layers, ``counts[n]`` of them from layer ``pairs[n, 0]`` to ``pairs[n, 1]``."""
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
        """k absent edges, or as many as there are between layers of positive weight.

        Args:
            weights: Layer pairs get edges in proportion to these, as far as they have room: ``(depth + 1, depth + 1)``.
        """
        room = pair_capacities(self._genotype) - self._counts
        pairs = np.argwhere((room > 0) & (weights > 0))
        index = tuple(pairs.T)
        return self.draw_over_pairs(pairs, _shares(k, weights[index], room[index], rng), rng)

    def draw_like_present(self, k: int, rng: np.random.Generator) -> Ints:
        """k absent edges, or all; layer pairs get them in proportion to those that they have, and one each."""
        return self.draw_by_pair_weights(self._counts + np.float64(1), k, rng)

    def _candidates(self, sources: Ints, targets: Ints) -> _Candidates:
        scale = self._law.scale(self._genotype, int(self._genotype.layer_of[targets[0]]))
        positions = self._positions[np.concatenate([sources, targets])] / np.float32(scale)
        taken = self._cells_with_edges(sources, targets)
        return _Candidates(sources, targets, taken, _Grid(len(sources), len(targets), positions))

    def _cells_with_edges(self, sources: Ints, targets: Ints) -> Ints:
        """Cells, as of a :class:`_Grid`, of the edges from one of the sources to one of the targets, ascending."""
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
    """The same as the class gives; kept for the next of several offspring of one parent."""
    return AbsentEdges(genotype, law)


@dataclass(frozen=True, slots=True)
class _Candidates:
    """The edges from some neurons to those of one layer, present and absent; arguments as of :meth:`AbsentEdges.draw`.

    Attributes:
        taken: Cells of the grid that have an edge, ascending.
    """

    sources: Ints
    targets: Ints
    taken: Ints
    grid: _Grid

    def draw(self, k: int, rng: np.random.Generator) -> Ints:
        """As :meth:`AbsentEdges.draw`; ``k`` is positive."""
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
        positions: Of the sources, then of the targets, in units of the law's scale.
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
        """In units of the law's scale; broadcasts."""
        return edge_lengths(self.positions, columns, self.n_columns + rows)

    def draw_by_rejection(self, taken: Ints, k: int, rng: np.random.Generator) -> Ints:
        """Up to k cells, ascending: uniform proposals, accepted with the law's probability, repeats left out.

        The first round shows what share is accepted, the second is to be enough, the others replace repeats.

        Args:
            taken: Cells that are not to be drawn, ascending.
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
        """Those of so many uniform proposals that the law accepts, in the order of their proposal."""
        cells = rng.integers(self.n_cells, size=n_proposals)
        # P(standard exponential > d) = exp(-d): one draw instead of a uniform one and an exponential function.
        clocks = rng.standard_exponential(n_proposals, np.float32)
        return cells[np.flatnonzero(clocks > self.distances(*self.rows_and_columns(cells)))]

    def draw_by_race(self, taken: Ints, k: int, rng: np.random.Generator) -> Ints:
        """Up to k cells that are not taken: the earliest of exponential clocks whose rates are the law's weights.

        The logarithm of such a time is minus (log-weight + Gumbel noise): this is the Gumbel top-k draw.
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
    """``k`` as multinomial numbers by weight, none larger than its room: what has none goes to the others."""
    shares = np.zeros_like(room)
    k = min(k, int(room.sum()))
    while missing := k - int(shares.sum()):  # each round but the last fills one up
        left = np.where(shares < room, weights, 0.0)
        shares = np.minimum(shares + rng.multinomial(missing, left / left.sum()), room)
    return shares


def _smallest(times: Floats, k: int) -> Ints:
    """Indices of the k smallest finite values, or of all of them."""
    if k < len(times):
        index = np.argpartition(times, k)[:k]
        return index[np.isfinite(times[index])]
    return np.flatnonzero(np.isfinite(times))


def log_clocks(shape: tuple[int, ...], rng: np.random.Generator) -> Floats:
    """Logarithms of standard exponential variates, that is minus Gumbel noise."""
    return np.log(np.maximum(rng.standard_exponential(shape, np.float32), np.finfo(np.float32).tiny))


def first_fresh(cells: Ints, taken: Ints, k: int) -> Ints:
    """The first k distinct cells that are not in ``taken``, ascending as ``taken`` is."""
    # Cell and time of its draw in one integer: numpy sorts values several times faster than it finds their order.
    # The 63 bits hold the cells of two layers of a million neurons and eight million draws.
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
    """Both ascending arrays as one; the stable sort merges such runs in linear time."""
    return np.sort(np.concatenate([left, right]), kind="stable")
