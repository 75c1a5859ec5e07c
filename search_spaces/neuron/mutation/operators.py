"""Which operators a space offers, with which steps and weights."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from search_spaces.neuron.genotype import NeuronGenotype
from search_spaces.neuron.mutation import OPERATORS, MutationParams, Operator
from search_spaces.neuron.options import NeuronOptions

#: All operators but these have a step; that of ``inflate`` is that of its variants, too.
WITHOUT_STEP = ("remove_layer", "prune", "release", "add_channel", "remove_channel", "share")


@dataclass(frozen=True, slots=True)
class Mutation:
    """An operator, the parameters that it is called with, and the weight that it is drawn with."""

    operator: Operator
    params: MutationParams
    weight: float

    def __call__(
        self, genotype: NeuronGenotype, rng: np.random.Generator, target: int | None = None
    ) -> NeuronGenotype | None:
        """A child, or None where it does not apply; see :attr:`MutationParams.target`."""
        params = self.params
        return self.operator(genotype, rng, MutationParams(params.law, params.largest_steps, params.edges, target))


def offered(options: NeuronOptions, params: MutationParams, weights: Mapping[str, float]) -> Mapping[str, Mutation]:
    """Mutations by the names that individuals are recorded with, see :attr:`NeuronOptions.steps`.

    Args:
        options: The space's.
        params: With the largest steps of operators whose own are not among the options.
        weights: With which operators are drawn where the options do not say.
    """
    largest = {**params.largest_steps, **options.largest_steps}
    if options.operators is not None:
        weights = options.operators
    mutations = {}
    for operator, weight in weights.items():
        shares = (1.0,) if operator in WITHOUT_STEP else options.steps
        for share in shares if weight else ():
            scaled = {name: share * step for name, step in largest.items()}
            name = operator if share == 1 else f"{operator} x{share}"
            mutations[name] = Mutation(
                OPERATORS[operator], replace(params, largest_steps=scaled), weight / len(shares)
            )
    return mutations
