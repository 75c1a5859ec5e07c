"""Searchers, one a file: they ask for trials and are told evaluations.

- ``nsga2``: the population engine; ``survival``: who survives a generation; ``parent_selection``: who is bred from;
  ``credit``: which operators pay.
- ``nsga3``, ``regularized_evolution``, ``local_search``: other ways to breed and to select.
- ``surrogate``, ``reinforce``: what is evaluated next is learned from what was.
- ``random_search``: the baseline at equal budget; with rungs, halving that keeps whatever is not dominated.
- ``successive_halving``, ``hyperband``: budgets that grow with promise, as published.
- ``generational``: the turns of ask and tell and the rungs of budgets, shared by all; ``reproduction``: numbering and
  deduplication; ``base``: the contract.
"""

from __future__ import annotations

from types import MappingProxyType

from evonas.search.base import History, Searcher, SearcherFactory, Traits, traits_of
from evonas.search.hyperband import Hyperband
from evonas.search.local_search import LocalSearch
from evonas.search.nsga2 import NSGA2
from evonas.search.nsga3 import NSGA3
from evonas.search.parent_selection import PARENTS
from evonas.search.random_search import RandomSearch
from evonas.search.regularized_evolution import RegularizedEvolution
from evonas.search.reinforce import Reinforce
from evonas.search.successive_halving import SuccessiveHalving
from evonas.search.surrogate import SurrogateSearch
from evonas.search.survival import SURVIVALS

#: Searchers by the name that the command line knows them by.
SEARCHERS: MappingProxyType[str, SearcherFactory] = MappingProxyType({
    "nsga2": NSGA2, "random": RandomSearch, "local-search": LocalSearch,
    "regularized-evolution": RegularizedEvolution, "nsga3": NSGA3, "successive-halving": SuccessiveHalving,
    "hyperband": Hyperband, "surrogate": SurrogateSearch, "reinforce": Reinforce,
})

__all__ = [
    "NSGA2", "NSGA3", "PARENTS", "SEARCHERS", "SURVIVALS", "History", "Hyperband", "LocalSearch", "RandomSearch",
    "RegularizedEvolution", "Reinforce", "Searcher", "SearcherFactory", "SuccessiveHalving", "SurrogateSearch",
    "Traits", "traits_of",
]
