"""Searchers, one a file: they ask for trials and are told evaluations.

- ``nsga2``: the population engine; ``survival``: who survives a generation; ``parents``: who is bred from; ``credit``:
  which operators pay.
- ``random_search``: the baseline at equal budget; with rungs, successive halving.
- ``generational``: the turns of ask and tell and the rungs of budgets, shared by both; ``births``: numbering and
  deduplication; ``base``: the contract.
"""

from __future__ import annotations

from collections.abc import Callable
from types import MappingProxyType
from typing import Any

from evonas.search.base import History, Searcher
from evonas.search.nsga2 import NSGA2
from evonas.search.parents import PARENTS
from evonas.search.random_search import RandomSearch
from evonas.search.survival import SURVIVALS

#: Searchers by the name that the command line knows them by.
SEARCHERS: MappingProxyType[str, Callable[..., Searcher[Any]]] = MappingProxyType(
    {"nsga2": NSGA2, "random": RandomSearch}
)

__all__ = ["NSGA2", "PARENTS", "SEARCHERS", "SURVIVALS", "History", "RandomSearch", "Searcher"]
