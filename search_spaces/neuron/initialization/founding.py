"""Founders of a search on images and signals: convolutions, and at the cheap end networks that training prunes."""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

import numpy as np

from search_spaces.neuron.genotype import NeuronGenotype
from search_spaces.neuron.initialization.conv import few_weights, shared
from search_spaces.neuron.initialization.family import Setting
from search_spaces.neuron.initialization.local import pruned

#: Share of the founders that are convolutional.
SHARE = 0.5
#: They have at least this share of the most edges: the best networks of all sizes are pruned, step by step, from large
#: ones.
LEAST = 1 / 2
#: Edges for each pixel (or other place of inputs) up to which the others go: there dense ones that are pruned are two
#: points ahead at 1 000 edges, equal at 2 650. From there on networks are released.
DENSE = 2.6

#: Distance between places of :func:`even_place`: the inverse of the root of x^3 = x + 1.
PLASTIC = 0.7548776662466927

#: Share of the founders that are convolutional if weights are counted, and the most of their weights, biases and gains
#: as a share of the most edges.
FEW_SHARE, MOST_WEIGHTS = 0.75, 0.1


class Place(NamedTuple):
    """Place of a founder among all that could be: shares in [0, 1), uniform over many founders.

    Attributes:
        kind: Convolutional below the share of these, else pruned.
        size: Size from the smallest of its kind to the largest.
    """

    kind: float
    size: float


def random_place(rng: np.random.Generator) -> Place:
    """A place by chance."""
    return Place(rng.random(), rng.random())


def even_place(index: int) -> Place:
    """Place ``index`` of a sequence of which any first ones cover kinds and sizes evenly.

    The additive recurrence R2 (Roberts 2018,
    https://extremelearning.com.au/unreasonable-effectiveness-of-quasirandom-sequences/).
    """
    return Place((0.5 + index * PLASTIC) % 1, (0.5 + index * PLASTIC**2) % 1)


def convolutional_or_pruned(place: Place, rng: np.random.Generator, setting: Setting) -> NeuronGenotype:
    """A network that stays tied, or one that training prunes to the cheap end of the range.

    Args:
        place: Its kind and size.
        rng: Draws everything else.
        setting: Setting of the space.
    """
    low, high = setting.edges
    if place.kind < SHARE:
        convolutional = replace(setting, edges=(max(low, round(LEAST * high)), high))
        founder = shared(convolutional.target_at(place.size), rng, setting, shared_readouts=0.0)
        if founder.n_edges <= high:
            return founder
    cheap = replace(setting, edges=(low, most_cheap(setting)))
    return pruned(cheap.target_at(place.size), rng, cheap)


def shared_or_pruned(place: Place, rng: np.random.Generator, setting: Setting) -> NeuronGenotype:
    """A network of few weights that stays tied, or one that training prunes: for searches that count weights.

    Args:
        place: Its kind and size.
        rng: Draws everything else.
        setting: Setting of the space.
    """
    low, high = setting.edges
    if place.kind < FEW_SHARE:
        few = replace(setting, edges=(low, max(low, round(high * MOST_WEIGHTS))))
        founder = few_weights(few.target_at(place.size), rng, setting)
        if founder.n_edges <= high:
            return founder
    return pruned(setting.target_at(place.size), rng, setting)


def most_cheap(setting: Setting) -> int:
    """The most edges that training leaves of a founder that is not convolutional."""
    low, high = setting.edges
    return max(low, min(high, round(DENSE * setting.n_inputs / setting.law.channels)))
