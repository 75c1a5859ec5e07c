"""Searchers of the benchmark, with their settings."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from evonas.search import SEARCHERS, Searcher, traits_of

from .play import Bench, objectives_of

#: Settings published for this benchmark (population 50, tournaments of 10); all others are the defaults on a table.
SETTINGS: Mapping[str, Mapping[str, Any]] = {
    "regularized-evolution": {"population": 50, "sample": 10},
}
#: Names of the searchers.
NAMES = tuple(SEARCHERS)
#: Number of batches above that of any search here.
ENDLESS = 1_000_000


def contestant(name: str, bench: Bench, objectives: tuple[str, ...], seed: int) -> Searcher[Any]:
    """Return a new searcher on the table, without an end of its own.

    Args:
        name: Name of the searcher.
        bench: The table.
        objectives: Names of the objectives.
        seed: Seed of the searcher.
    """
    traits, given = traits_of(SEARCHERS[name]), dict(SETTINGS.get(name, {}))
    numbers: dict[str, Any] = {"population": 40, "children": 20, **traits.defaults, **traits.on_tables}
    numbers |= {key: given.pop(key) for key in numbers.keys() & given.keys()} | {"generations": ENDLESS}
    settings = {} if traits.settings is None else {"settings": traits.settings(**given)}
    rungs = bench.table.budgets if traits.rungs == "several" else bench.table.budgets[-1:]
    return SEARCHERS[name](
        bench.space, objectives_of(objectives), **numbers, **settings, rungs=rungs, rng=np.random.default_rng(seed)
    )
