"""Searchers, one per module: they propose trials (``ask``) and learn from evaluations (``tell``).

- ``nsga2``: the population engine; ``survival``: selection of the next population; ``parent_selection``: selection of
  parents; ``credit``: adaptive probabilities of operators.
- ``nsga3``, ``regularized_evolution``, ``local_search``: other ways to breed and to select.
- ``surrogate``, ``reinforce``: a model of earlier evaluations proposes the next trials.
- ``random_search``: the baseline at equal budget; with several rungs, halving that keeps all non-dominated members.
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
from evonas.search.parent_selection import PARENT_SELECTIONS
from evonas.search.random_search import RandomSearch
from evonas.search.regularized_evolution import RegularizedEvolution
from evonas.search.reinforce import Reinforce
from evonas.search.successive_halving import SuccessiveHalving
from evonas.search.surrogate import SurrogateSearch
from evonas.search.survival import SURVIVALS

#: Searchers by their names on the command line.
SEARCHERS: MappingProxyType[str, SearcherFactory] = MappingProxyType({
    "nsga2": NSGA2, "random": RandomSearch, "local-search": LocalSearch,
    "regularized-evolution": RegularizedEvolution, "nsga3": NSGA3, "successive-halving": SuccessiveHalving,
    "hyperband": Hyperband, "surrogate": SurrogateSearch, "reinforce": Reinforce,
})

__all__ = [
    "NSGA2", "NSGA3", "PARENT_SELECTIONS", "SEARCHERS", "SURVIVALS", "History", "Hyperband", "LocalSearch",
    "RandomSearch", "RegularizedEvolution", "Reinforce", "Searcher", "SearcherFactory", "SuccessiveHalving",
    "SurrogateSearch", "Traits", "traits_of",
]
