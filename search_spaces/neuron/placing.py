"""Places of hidden neurons that see others: the mean of what they see, as published."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from evonas.types import Ints
from search_spaces.neuron.distance import DistanceLaw
from search_spaces.neuron.genotype import NeuronGenotype


def at_predecessors(
    genotype: NeuronGenotype, law: DistanceLaw, moved: Ints, edges: NDArray[np.integer[Any]] | None = None
) -> NeuronGenotype:
    """The genotype with some hidden neurons at the mean of their predecessors' places; layer by layer from the inputs.

    Args:
        genotype: Its other neurons stay where they are.
        law: Knows where inputs lie.
        moved: Global indices of hidden neurons; one without predecessors stays.
        edges: Edges that count, ``(n, 2)``; None takes those of the genotype.
    """
    source, target = (genotype.edges if edges is None else edges).astype(np.int64).T
    places = law.positions(genotype).astype(np.float64)
    is_moved = np.zeros(genotype.n_neurons, bool)
    is_moved[moved] = True
    for layer in np.unique(genotype.layer_of[moved]).tolist():
        into = is_moved[target] & (genotype.layer_of[target] == layer)
        neurons, row, n = np.unique(target[into], return_inverse=True, return_counts=True)
        sums = [np.bincount(row, places[source[into], axis], len(neurons)) for axis in (0, 1)]
        places[neurons] = np.stack(sums, axis=1) / n[:, None]
    hidden = slice(genotype.n_inputs, genotype.n_neurons - genotype.n_outputs)
    return replace(genotype, positions=places[hidden].astype(np.float32))
