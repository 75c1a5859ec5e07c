"""Operators that a space offers, with their steps and weights."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from search_spaces.neuron.genotype import NeuronGenotype
from search_spaces.neuron.mutation import OPERATORS, MutationParams, Operator

#: Operators without a step; that of ``grow_and_prune`` also belongs to its variants.
WITHOUT_STEP = ("remove_layer", "prune", "release", "add_channel", "remove_channel")

#: Operators whose children are pruned to the edges that the search aims at.
AIMING = frozenset({
    "prune", "release", "grow_and_prune", "grow_and_prune_gradient", "grow_and_prune_dilated",
    "grow_and_prune_neurons", "grow_and_prune_skips",
})


@dataclass(frozen=True, slots=True)
class Mutation:
    """Operator as it is used by a space.

    Attributes:
        operator: The operator.
        params: Parameters of its calls.
        weight: Weight with which it is drawn.
        aims: Whether it chooses the child's cost, as those of :data:`AIMING` do.
    """

    operator: Operator
    params: MutationParams
    weight: float
    aims: bool

    def __call__(
        self, genotype: NeuronGenotype, rng: np.random.Generator, target: int | None = None
    ) -> NeuronGenotype | None:
        """Return a child, or None if the operator does not apply.

        Args:
            genotype: The parent.
            rng: Draws the child.
            target: See :attr:`MutationParams.target`.
        """
        return self.operator(genotype, rng, replace(self.params, target=target))


def offered(params: MutationParams, weights: Mapping[str, float], steps: Sequence[float]) -> Mapping[str, Mutation]:
    """Return mutations by the names under which individuals are recorded.

    Args:
        params: Parameters with the largest step of each operator.
        weights: Weights with which operators are drawn; one of weight 0 is left out.
        steps: Shares of the largest step, each a mutation of its own if the operator has a step.
    """
    mutations = {}
    for operator, weight in weights.items():
        shares = (1.0,) if operator in WITHOUT_STEP else steps
        for share in shares if weight else ():
            largest, smallest = (
                {name: share * step for name, step in of.items()}
                for of in (params.largest_steps, params.smallest_steps)
            )
            name = operator if share == 1 else f"{operator} x{share}"
            mutations[name] = Mutation(
                OPERATORS[operator], replace(params, largest_steps=largest, smallest_steps=smallest),
                weight / len(shares), operator in AIMING,
            )
    return mutations
