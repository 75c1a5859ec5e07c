"""Sizes of mutations, and draws of the layer pairs that they change."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

import numpy as np

from evonas.types import Doubles, Ints
from search_spaces.neuron.distance import DistanceLaw

#: Largest step of each operator, as a share: ``add_nodes`` of all neurons; ``add_edges``, ``remove_edges`` and
#: ``swap_edges`` of all edges; ``split_neuron`` and ``merge_neurons`` of the hidden neurons; ``tie_weights`` of a layer
#: pair's edges; ``grow_and_prune``, which also counts for its variants, of the edges that training leaves. They are the
#: upper ends of the published ranges; swapping, splitting, merging, growing and pruning back were not published. With a
#: fifth for ``grow_and_prune``, fronts took long to reach the small networks.
LARGEST_STEPS: Mapping[str, float] = MappingProxyType(
    {"add_nodes": 0.32, "add_edges": 0.32, "remove_edges": 0.22, "swap_edges": 0.22, "split_neuron": 0.1,
     "merge_neurons": 0.1, "tie_weights": 1 / 3, "grow_and_prune": 0.5}
)
#: Edges are counted in 32 bits.
UNBOUNDED = int(np.iinfo(np.int32).max)
#: Most layer pairs that a mutation of edges changes.
N_PAIRS = 3
#: Draws of random shares, of which the first is taken that keeps the bound.
SHARE_DRAWS = 100


@dataclass(frozen=True, slots=True)
class MutationParams:
    """Parameters of the operators beside the genotype.

    Attributes:
        law: Which absent edges are likely.
        largest_steps: As :data:`LARGEST_STEPS`.
        smallest_steps: The same for the smallest; an operator without one begins with a single edge or neuron.
        pair_share: Most of an operator's edges that one of several layer pairs gets, as a share: their numbers are
            random then. None gives all pairs as many.
        at_predecessors: New neurons lie at the mean of their predecessors, else anywhere.
        edges: Fewest and most edges of what training leaves of a child.
        target: Edges that training should leave of this child, where the search aims at a size; operators that can
            choose obey it.
    """

    law: DistanceLaw
    largest_steps: Mapping[str, float] = field(default_factory=lambda: LARGEST_STEPS)
    edges: tuple[int, int] = (1, UNBOUNDED)
    target: int | None = None
    smallest_steps: Mapping[str, float] = field(default_factory=dict)
    pair_share: float | None = None
    at_predecessors: bool = False

    def step(self, operator: str, n: int, rng: np.random.Generator) -> int:
        """Size of a step of ``n``: uniform between the smallest and the largest, or log-uniform from 1.

        Args:
            operator: Name of the operator.
            n: Number that the step is a share of.
            rng: Generator of the size.
        """
        largest = self.largest_steps[operator] * n
        if operator not in self.smallest_steps:
            return step_size(largest, rng)
        return max(1, round(rng.uniform(self.smallest_steps[operator] * n, largest)))

    def shares(self, total: int, n: int, rng: np.random.Generator) -> Ints:
        """Numbers of edges over ``n`` layer pairs, ``(n,)``, see :attr:`pair_share`.

        Args:
            total: Number of all edges.
            n: Number of pairs.
            rng: Generator of the shares.
        """
        if self.pair_share is None or n < 2:
            return even_shares(total, n)
        most = max(self.pair_share, 1 / n)
        drawn = rng.dirichlet(np.ones(n), SHARE_DRAWS)
        able = drawn[drawn.max(axis=1) <= most]
        if not len(able):
            return even_shares(total, n)
        ends: Ints = np.round(np.cumsum(able[0]) * total).astype(np.int64)
        return np.diff(np.concatenate([np.zeros(1, np.int64), ends]))


def log_uniform(low: float, high: float, rng: np.random.Generator) -> float:
    """Draw a value between two positive ones, its logarithm uniform; ``low`` if the range is empty.

    Args:
        low: Smallest value.
        high: Largest value.
        rng: Draws the value.
    """
    return float(np.exp(rng.uniform(np.log(low), np.log(max(low, high)))))


def step_size(largest: float, rng: np.random.Generator, *, smallest: int = 1) -> int:
    """Draw a log-uniform whole number; small steps matter near the front.

    Args:
        largest: Largest number.
        rng: Draws the number.
        smallest: Smallest number.
    """
    return max(smallest, min(int(largest), int(log_uniform(smallest, largest + 1, rng))))


def preferences(pairs: Ints, rng: np.random.Generator) -> Doubles:
    """Draw the published weights of layer pairs (i, j) for added edges: U(.7, 1.3) / sqrt(j - i)."""
    weights: Doubles = rng.uniform(0.7, 1.3, len(pairs)) / np.sqrt(pairs[:, 1] - pairs[:, 0])
    return weights


def choose_pairs(pairs: Ints, weights: Doubles, rng: np.random.Generator, n: int = N_PAIRS) -> Ints:
    """Draw up to ``n`` layer pairs without replacement, by weight.

    Args:
        pairs: Layer pairs, ``(n_pairs, 2)``.
        weights: Weights, ``(n_pairs,)``.
        rng: Draws the pairs.
        n: Largest number of pairs.
    """
    n = min(n, int((weights > 0).sum()))
    return pairs[rng.choice(len(pairs), n, replace=False, p=weights / weights.sum())] if n else pairs[:0]


def even_shares(total: int, n: int) -> Ints:
    """Split ``total`` into ``n`` whole numbers that differ by at most one."""
    return np.diff(np.arange(n + 1) * total // max(1, n))
