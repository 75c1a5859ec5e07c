"""Mutations: functions ``(genotype, rng) -> genotype``; the result may equal the parent or be no valid network."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import TypeAlias

import numpy as np

from search_spaces.cnn.founders import FIRST_KERNELS, FIRST_STRIDES, HEADS, HIDDEN, POOLS
from search_spaces.cnn.genotype import CnnGenotype

Operator: TypeAlias = Callable[[CnnGenotype, np.random.Generator], CnnGenotype]

#: Largest factor by which channels are multiplied or divided.
LARGEST_SCALE = 2.0


def change_width(parent: CnnGenotype, rng: np.random.Generator) -> CnnGenotype:
    """Multiply the numbers of channels by one factor."""
    scale = LARGEST_SCALE ** rng.uniform(-1, 1)
    return replace(parent, convolutions=tuple(
        replace(convolution, channels=max(1, round(scale * convolution.channels)))
        for convolution in parent.convolutions
    ))


def change_convolution(parent: CnnGenotype, rng: np.random.Generator) -> CnnGenotype:
    """Change kernel, stride, number of channels or separability of one convolution."""
    index = int(rng.integers(len(parent.convolutions)))
    convolution = parent.convolutions[index]
    changes = (
        {"kernel": int(rng.choice(FIRST_KERNELS))}, {"stride": int(rng.choice(FIRST_STRIDES))},
        {"channels": max(1, round(convolution.channels * LARGEST_SCALE ** rng.uniform(-1, 1)))},
        {"separable": not convolution.separable},
    )
    changed = replace(convolution, **changes[rng.integers(len(changes))])
    return replace(
        parent, convolutions=(*parent.convolutions[:index], changed, *parent.convolutions[index + 1 :])
    )


def change_depth(parent: CnnGenotype, rng: np.random.Generator) -> CnnGenotype:
    """Insert a copy of one convolution after it, with stride 1; or remove one convolution."""
    index = int(rng.integers(len(parent.convolutions)))
    before, after = parent.convolutions[:index], parent.convolutions[index + 1 :]
    chosen = parent.convolutions[index]
    kept = (chosen, replace(chosen, stride=1)) if rng.random() < 0.5 else ()
    return replace(parent, convolutions=(*before, *kept, *after))


def change_ends(parent: CnnGenotype, rng: np.random.Generator) -> CnnGenotype:
    """Change the stem, the head or the number of hidden neurons."""
    changes = (
        {"pool": int(rng.choice(POOLS))}, {"head": HEADS[rng.integers(len(HEADS))]}, {"hidden": int(rng.choice(HIDDEN))}
    )
    return replace(parent, **changes[rng.integers(len(changes))])


#: Operators by name.
OPERATORS: Mapping[str, Operator] = MappingProxyType({
    "change_width": change_width, "change_convolution": change_convolution, "change_depth": change_depth,
    "change_ends": change_ends,
})


def exchange_ends(first: CnnGenotype, second: CnnGenotype) -> CnnGenotype:
    """Return the convolutions of the first parent with stem, head and hidden neurons of the second."""
    return replace(second, convolutions=first.convolutions)
