"""Genotypes and weights that contracts try search spaces on."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import safetensors.numpy

from evonas.space import Encoded, SearchSpace
from evonas.types import Weights

SEEDS = range(4)


def generator(seed: int) -> np.random.Generator:
    """A new generator."""
    return np.random.default_rng(seed)


def through_files(data: Encoded) -> Encoded:
    """The header as JSON and the arrays as safetensors, written and read again."""
    arrays = safetensors.numpy.load(safetensors.numpy.save({k: np.asarray(v) for k, v in data.arrays.items()}))
    return Encoded(json.loads(json.dumps(data.header)), arrays)


def frozen(space: SearchSpace[Any], genotype: Any) -> bytes:
    """Stored form of a genotype as bytes, which must not change unseen."""
    data = space.encode(genotype)
    arrays = [np.asarray(array).tobytes() for _, array in sorted(data.arrays.items())]
    return json.dumps(data.header).encode() + b"".join(arrays)


def lineage(space: SearchSpace[Any], seed: int, length: int = 6) -> list[Any]:
    """A founder and its descendants by mutation.

    Args:
        space: The space.
        seed: Everything random follows from it.
        length: Number of descendants.
    """
    rng = generator(seed)
    genotypes = [space.sample(rng)]
    for _ in range(length):
        genotypes.append(space.mutate(genotypes[-1], rng).genotype)
    return genotypes


def initial_weights(space: SearchSpace[Any], genotype: Any) -> Weights:
    """The state of an untrained phenotype."""
    return {name: value.numpy().copy() for name, value in space.compile(genotype).state_dict().items()}
