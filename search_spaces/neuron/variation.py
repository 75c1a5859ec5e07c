"""Children within the bounds on edges: mutants by one of the operators in use, and crossover."""

from __future__ import annotations

from bisect import bisect
from collections.abc import Mapping
from itertools import accumulate

import numpy as np

from evonas.space import Offspring, check_operator
from evonas.types import UserError
from search_spaces.neuron.crossover import exchange_disc
from search_spaces.neuron.distance import DistanceLaw
from search_spaces.neuron.genotype import NeuronGenotype
from search_spaces.neuron.mutation.operators import Mutation

#: Draws of an operator before a parent counts as one that cannot change: many, since the only one that
#: applies may be drawn rarely, and a bound on edges refuses large steps.
MUTATION_DRAWS = 200
#: Draws of an operator that was asked for, before others are drawn.
OPERATOR_DRAWS = 5
#: Discs before a crossover gives up and mutates: relatives may be equal in most places.
CROSSOVER_DRAWS = 10


class Variation:
    """Mutation and crossover of a space.

    Args:
        mutations: The operators in use, by name.
        edges: Fewest and most edges that training leaves a network.
        law: Gives the distances of crossover.
    """

    def __init__(self, mutations: Mapping[str, Mutation], edges: tuple[int, int], law: DistanceLaw) -> None:
        self._mutations = mutations
        self._edges = edges
        self._law = law
        self.operators: Mapping[str, float] = {name: mutation.weight for name, mutation in mutations.items()}

    def aims(self, operator: str) -> bool:
        """Whether the operator's children are pruned to the target of :meth:`mutant`."""
        mutation = self._mutations.get(operator)
        return mutation is not None and mutation.aims

    def mutant(
        self, parent: NeuronGenotype, rng: np.random.Generator, operator: str | None, target: int | None
    ) -> Offspring[NeuronGenotype]:
        """A child by one operator; another is drawn where one does not apply, changes nothing or leaves the bounds.

        Args:
            parent: The parent.
            rng: Generator of operator and child.
            operator: The one that is tried first; None draws one.
            target: Number of edges at which operators aim that can choose; None for none.

        Raises:
            ValueError: There is no such operator.
            UserError: No operator in use changes this parent.
        """
        check_operator(operator, self.operators)
        left = dict(self.operators)
        for draw in range(MUTATION_DRAWS):
            name = operator if operator is not None and draw < OPERATOR_DRAWS else _drawn(left, rng)
            child = self._mutations[name](parent, rng, target)
            if child is not None and self._fits(child, parent) and child != parent:
                return Offspring(child, name)
            if child is None:  # as of most networks for an operator that needs shared weights
                left.pop(name, None)
                left = left or dict(self.operators)
        raise UserError(
            f"none of the operators {', '.join(self.operators)} changes a genotype of {parent.n_edges} edges with "
            f"edges={list(self._edges)}; give another operator a weight"
        )

    def crossed(
        self, first: NeuronGenotype, second: NeuronGenotype, rng: np.random.Generator
    ) -> Offspring[NeuronGenotype]:
        """The first parent with a disc of the second (see :func:`exchange_disc`); a mutant if nothing changes.

        Args:
            first: First parent.
            second: Second parent.
            rng: Generator of the child.
        """
        for _ in range(CROSSOVER_DRAWS):
            child = exchange_disc(first, second, rng, self._law)
            if child is not None and self._fits(child, first) and child not in (first, second):
                return Offspring(child, "crossover")
        return self.mutant(first, rng, None, None)

    def _fits(self, child: NeuronGenotype, parent: NeuronGenotype) -> bool:
        """Whether a child keeps the bounds on edges; one of a parent outside of them need only come nearer."""
        beyond, before = (abs(n - min(max(n, self._edges[0]), self._edges[1]))
                          for n in (child.n_trained_edges, parent.n_trained_edges))
        return beyond == 0 or beyond < before


def _drawn(weights: Mapping[str, float], rng: np.random.Generator) -> str:
    """Return a name, drawn in proportion to its weight."""
    ends = list(accumulate(weights.values()))
    return list(weights)[min(bisect(ends, rng.random() * ends[-1]), len(ends) - 1)]
