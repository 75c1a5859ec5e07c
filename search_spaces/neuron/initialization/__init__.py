"""Seeders: families of genotypes to start from, each with the settings that train it well.

A method is a function ``(target, rng, setting) -> genotype`` in a module of its own, beside its ``TRAINING``: defaults
of the recipe. ``conv``: tied convolutions to single neurons; ``dense`` (prune): dense to sparse; ``local``: locally
sparse to sparser; ``dynamic`` (rigl, set, and their global variants): sparse at once, with edges that move; ``family``:
from methods to seeders. :mod:`search_spaces.neuron.family_searches` give a whole family at once.
:func:`pruned` are the founders of a search that was not seeded.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from search_spaces.neuron.initialization.conv import TRAINING as CONV_TRAINING
from search_spaces.neuron.initialization.conv import conv, shared
from search_spaces.neuron.initialization.dense import TRAINING as PRUNE_TRAINING
from search_spaces.neuron.initialization.dense import dense
from search_spaces.neuron.initialization.dynamic import (
    RIGL_GLOBAL_TRAINING,
    RIGL_TRAINING,
    SET_GLOBAL_TRAINING,
    SET_TRAINING,
    sparse,
)
from search_spaces.neuron.initialization.family import Family, Method, Setting
from search_spaces.neuron.initialization.local import TRAINING as LOCAL_TRAINING
from search_spaces.neuron.initialization.local import locally_sparse, pruned

__all__ = ["METHODS", "Family", "Method", "Setting", "pruned", "shared"]

#: Methods by name; ``random`` belongs to every space.
METHODS: Mapping[str, Method] = MappingProxyType({
    "conv": Method(conv, CONV_TRAINING),
    "prune": Method(dense, PRUNE_TRAINING),
    "local": Method(locally_sparse, LOCAL_TRAINING),
    "rigl": Method(sparse, RIGL_TRAINING),
    "set": Method(sparse, SET_TRAINING),
    "rigl-global": Method(sparse, RIGL_GLOBAL_TRAINING),
    "set-global": Method(sparse, SET_GLOBAL_TRAINING),
})
