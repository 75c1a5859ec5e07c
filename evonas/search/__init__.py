"""Searchers, one a file: they ask for trials and are told evaluations.

- ``nsga2``: the population engine; ``survival``: who survives a generation.
- ``random_search``: the baseline at equal budget.
- ``births``: numbering and deduplication, shared by both; ``base``: the contract.
"""

from __future__ import annotations

from collections.abc import Callable
from types import MappingProxyType
from typing import Any

from evonas.search.base import History, Searcher
from evonas.search.nsga2 import NSGA2
from evonas.search.random_search import RandomSearch
from evonas.search.survival import SURVIVALS

#: Searchers by the name that the command line knows them by.
SEARCHERS: MappingProxyType[str, Callable[..., Searcher[Any]]] = MappingProxyType(
    {"nsga2": NSGA2, "random": RandomSearch}
)

__all__ = ["NSGA2", "SEARCHERS", "SURVIVALS", "History", "RandomSearch", "Searcher"]
