"""Networks of one space as networks of another, through the layers that they consist of (see :mod:`evonas.layers`)."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from evonas.layers import Lowerable, NotLowerable, TakesLayers
from evonas.types import Weights

#: What commands call the permission to put averages in the place of maxima.
REPLACE_MAX_POOL = "--replace-max-pool"


class LoweredNetwork(NamedTuple):
    """A network in the space that took it.

    Attributes:
        replaced: Names of the max-pooling layers for which there are averages now: with any, it is another function.
    """

    genotype: Any
    weights: Weights
    replaced: tuple[str, ...]


def lower_network(
    source: Lowerable[Any], genotype: Any, weights: Weights, target: TakesLayers[Any], rng: np.random.Generator, *,
    replace_max_pool: bool,
) -> LoweredNetwork:
    """A network of ``source`` as one of ``target``.

    Args:
        rng: For what the target draws, like names of its parts.
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
    lowered, lowered_weights = target.lower(graph.with_average_pools(), rng)
    return LoweredNetwork(lowered, lowered_weights, replaced)
