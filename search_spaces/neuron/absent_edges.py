"""Drawing edges that are not there yet."""

from __future__ import annotations

import numpy as np

from evonas.types import Floats, Ints
from search_spaces.neuron.distance import DistanceLaw, edge_lengths
from search_spaces.neuron.genotype import NeuronGenotype

#: Candidates that are looked at together: proposals that fit into the cache, and racers for which 4 MB is enough.
CHUNK, RACE_CHUNK = 1 << 15, 1 << 20
#: Rejection pays when few of many candidates are wanted. The scale grows with the grid, so that about one proposal in
#: five is accepted; where fewer than one in MOST_PROPOSALS is, near candidates are taken, and the race is cheaper.
PROPOSALS, MOST_PROPOSALS, ROUNDS, MANY = 5, 20, 5, 1 << 16


def layer_members(genotype: NeuronGenotype, layer: int) -> Ints:
    """Global indices of the neurons of a layer."""
    return np.arange(genotype.layer_offsets[layer], genotype.layer_offsets[layer + 1])


class AbsentEdges:
    """The edges that a genotype could have but has not, and the draw among them.

    Args:
        genotype: Its neurons need not be connected.
        law: How likely each edge is.
    """

    def __init__(self, genotype: NeuronGenotype, law: DistanceLaw) -> None:
        self._genotype, self._law = genotype, law
        self._positions = law.positions(genotype)
        #: ``target * n_neurons + source`` of every edge, ascending.
        self._keys = genotype.edges[:, 1].astype(np.int64) * genotype.n_neurons + genotype.edges[:, 0]

    def draw(self, sources: Ints, targets: Ints, k: int, rng: np.random.Generator) -> Ints:
        """Draw k absent edges without replacement, one after the other with the probabilities of the distance law.

        Args:
            sources: Global indices of neurons on layers before that of the targets.
            targets: Global indices of neurons of one layer, ascending.

        Returns:
            (source, target) pairs sorted by (target, source), shape ``(k, 2)``; fewer where fewer are absent.
        """
        n, n_candidates = self._genotype.n_neurons, len(sources) * len(targets)
        if k <= 0 or not n_candidates:
            return np.empty((0, 2), np.int64)
        taken = self._keys[slice(*np.searchsorted(self._keys, [targets[0] * n, (targets[-1] + 1) * n]))]
        drawn = np.empty(0, np.int64)
        if n_candidates > max(MANY, MOST_PROPOSALS * k):
            drawn = self._by_rejection(sources, targets, taken, k, rng)
        if len(drawn) < k:
            taken = np.concatenate([taken, drawn])
            drawn = np.concatenate([drawn, self._by_race(sources, targets, taken, k - len(drawn), rng)])
        drawn = np.sort(drawn)
        return np.stack([drawn % n, drawn // n], axis=1)

    def draw_over_pairs(self, pairs: Ints, counts: Ints, rng: np.random.Generator) -> Ints:
        """Absent edges between whole layers, ``counts[n]`` of them from layer ``pairs[n, 0]`` to ``pairs[n, 1]``."""
        drawn = [
            self.draw(layer_members(self._genotype, i), layer_members(self._genotype, j), int(count), rng)
            for (i, j), count in zip(pairs, counts, strict=True)
        ]
        return np.concatenate([np.empty((0, 2), np.int64), *drawn])

    def _distances(self, sources: Ints, targets: Ints) -> Floats:
        """Distances in units of the law's scale; broadcasts."""
        scale = self._law.scale(self._genotype, int(self._genotype.layer_of[targets.flat[0]]))
        return edge_lengths(self._positions, sources, targets) / np.float32(scale)

    def _by_rejection(self, sources: Ints, targets: Ints, taken: Ints, k: int, rng: np.random.Generator) -> Ints:
        """Keys of up to k edges: uniform proposals, accepted with the law's probability, repeats left out."""
        drawn, proposals = np.empty(0, np.int64), float(PROPOSALS)
        for _ in range(ROUNDS):
            missing = k - len(drawn)
            if not missing or proposals > MOST_PROPOSALS:
                break
            n_chunks = int(proposals * missing) // CHUNK + 1
            chunk = int(proposals * missing) // n_chunks + 1
            accepted = [self._accepted(sources, targets, chunk, rng) for _ in range(n_chunks)]
            fresh = _fresh(np.concatenate(accepted), taken)
            proposals = 1.1 * n_chunks * chunk / max(1, len(fresh))
            drawn = np.concatenate([drawn, fresh[:missing]])
            taken = np.sort(np.concatenate([taken, fresh[:missing]]))
        return drawn

    def _accepted(self, sources: Ints, targets: Ints, n_proposals: int, rng: np.random.Generator) -> Ints:
        """Keys of those of so many uniform proposals that the law accepts."""
        source = sources[rng.integers(len(sources), size=n_proposals)]
        target = targets[rng.integers(len(targets), size=n_proposals)]
        # P(standard exponential > d) = exp(-d): one draw instead of a uniform one and an exponential function.
        accepted = np.flatnonzero(rng.standard_exponential(n_proposals, np.float32) > self._distances(source, target))
        return target[accepted] * self._genotype.n_neurons + source[accepted]

    def _by_race(self, sources: Ints, targets: Ints, taken: Ints, k: int, rng: np.random.Generator) -> Ints:
        """Keys of up to k edges: the k earliest of exponential clocks whose rates are the law's weights.

        The logarithm of such a time is minus (log-weight + Gumbel noise): this is the Gumbel top-k draw.
        """
        n = self._genotype.n_neurons
        column, row = np.full(n, -1), np.full(n, -1)
        column[sources], row[targets] = np.arange(len(sources)), np.arange(len(targets))
        taken_columns, taken_rows = column[taken % n], row[taken // n]
        winners, best = np.empty(0, np.int64), np.empty(0, np.float32)
        height = max(1, RACE_CHUNK // len(sources))
        for first in range(0, len(targets), height):
            rows = targets[first : first + height]
            times = log_clocks((len(rows), len(sources)), rng) + self._distances(sources[None, :], rows[:, None])
            here = (taken_columns >= 0) & (taken_rows >= first) & (taken_rows < first + height)
            times[taken_rows[here] - first, taken_columns[here]] = np.inf
            best = np.concatenate([best, times.reshape(-1)])
            earliest = _smallest(best, k)
            racers = np.concatenate([winners, first * len(sources) + np.arange(times.size)])
            winners, best = racers[earliest], best[earliest]
        return targets[winners // len(sources)] * n + sources[winners % len(sources)]


def _smallest(times: Floats, k: int) -> Ints:
    """Indices of the k smallest finite values, or of all of them."""
    if k < len(times):
        index = np.argpartition(times, k)[:k]
        return index[np.isfinite(times[index])]
    return np.flatnonzero(np.isfinite(times))


def log_clocks(shape: tuple[int, ...], rng: np.random.Generator) -> Floats:
    """Logarithms of standard exponential variates, that is minus Gumbel noise."""
    return np.log(np.maximum(rng.standard_exponential(shape, np.float32), np.finfo(np.float32).tiny))


def _fresh(keys: Ints, taken: Ints) -> Ints:
    """The keys that are not in ``taken`` (ascending), each once, in the order of their first appearance."""
    order = np.argsort(keys)
    ordered = keys[order]
    begins = np.flatnonzero(np.diff(ordered, prepend=-1))
    first: Ints = np.minimum.reduceat(order, begins) if len(begins) else begins
    if len(taken):
        found = taken[np.minimum(np.searchsorted(taken, ordered[begins]), len(taken) - 1)]
        first = first[found != ordered[begins]]
    return keys[np.sort(first)]
