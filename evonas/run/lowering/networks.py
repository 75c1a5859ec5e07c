"""Networks of one space as networks of another, through the layers that they consist of (see
:mod:`evonas.capabilities.layers`).
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from evonas.capabilities.layers import Lowerable, NotLowerable, TakesLayers
from evonas.rng import Stream, stream
from evonas.space import Genotype, Phenotype
from evonas.types import Weights

#: Name in commands of the permission to put averages in the place of maxima.
REPLACE_MAX_POOL = "--replace-max-pool"


class LoweredNetwork(NamedTuple):
    """A network in the space that took it.

    Attributes:
        replaced: Names of the max-pooling layers for which there are averages now: with any, it is another function.
    """

    phenotype: Phenotype[Any]
    replaced: tuple[str, ...]


def lower_network(
    source: Lowerable[Any], genotype: Genotype, weights: Weights, target: TakesLayers[Any], *, seed: int,
    replace_max_pool: bool,
) -> LoweredNetwork:
    """A network of ``source`` as one of ``target``; equal genotypes give equal ones.

    Args:
        seed: Decides with the genotype what the target draws, like names of its parts.
        replace_max_pool: Average in the place of max-pooling, which is refused otherwise.

    Raises:
        NotLowerable: The target does not take it.
        ValueError: ``weights`` do not fit ``genotype``.
    """
    graph = source.layers(genotype, weights)
    replaced = graph.max_pools
    if replaced and not replace_max_pool:
        raise NotLowerable(
            f"has max-pooling ({', '.join(replaced)}), which no weighted sum computes: give {REPLACE_MAX_POOL} for "
            "average pooling in its place, or search without it, like --space-option operations=tiny for cells"
        )
    rng = np.random.default_rng(stream(seed, Stream.LOWERING, int(genotype.digest[:15], 16)))
    lowered, lowered_weights = target.lower(graph.with_average_pools(), rng)
    return LoweredNetwork(Phenotype(lowered, lowered_weights), replaced)
