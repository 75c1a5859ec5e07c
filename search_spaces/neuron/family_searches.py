"""The searches that give a whole family, by the names that users know them by.

A module of its own, since both searches know :mod:`search_spaces.neuron.family_search`, which cannot know them.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from search_spaces.neuron.family_search import NeuronFamilySearch
from search_spaces.neuron.gates.family import RelevanceSearch
from search_spaces.neuron.vertices.family import VertexRelaxationSearch

FAMILY_SEARCHES: Mapping[str, type[NeuronFamilySearch]] = MappingProxyType({
    "relevance": RelevanceSearch, "vertex-relaxation": VertexRelaxationSearch,
})
