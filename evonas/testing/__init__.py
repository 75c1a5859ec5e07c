"""Contracts that parts of a search obey, as tests to subclass, and a toy space to try parts on; needs evonas[testing].

A class of tests names its part, and pytest runs every law on it::

    class TestMySpace(SpaceContract):
        task = Task("classification", (1, 8, 8), 10)
        space = create(task, {})

- ``space_contract``: search spaces; ``capability_contract``: what they may offer beside, which it inherits;
  ``lineage``: the genotypes that both are tried on; ``layer_reference``: what layers compute, by torch
- ``searcher_contract``: searchers, on the toy space
- ``seeder_contract``: seeders, and searches that give a whole family
- ``metric_contract``: evaluators of phenotypes; ``proxy_contract``: scores of fresh weights; ``table_contract``: tables
- ``contract``: how a subclass sets what is tested
- ``toy``: a space of integer vectors and an evaluator that trains in no time
"""

from __future__ import annotations

import sys
from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from evonas.testing.metric_contract import MetricContract
    from evonas.testing.proxy_contract import ProxyContract
    from evonas.testing.searcher_contract import SearcherContract
    from evonas.testing.seeder_contract import FamilySearchContract, SeederContract
    from evonas.testing.space_contract import SpaceContract
    from evonas.testing.table_contract import TableContract
    from evonas.testing.toy import Digits, ToyEvaluator, ToySpace

__all__ = [
    "Digits", "FamilySearchContract", "MetricContract", "ProxyContract", "SearcherContract", "SeederContract",
    "SpaceContract", "TableContract", "ToyEvaluator", "ToySpace",
]

_MODULES = {
    "Digits": "toy", "FamilySearchContract": "seeder_contract", "MetricContract": "metric_contract",
    "ProxyContract": "proxy_contract", "SearcherContract": "searcher_contract", "SeederContract": "seeder_contract",
    "SpaceContract": "space_contract", "TableContract": "table_contract", "ToyEvaluator": "toy", "ToySpace": "toy",
}
#: Modules whose assertions pytest explains: it must know them before they are imported.
_ASSERTING = ("capability_contract", "layer_reference", *sorted({name for name in _MODULES.values() if name != "toy"}))

if _missing := [name for name in ("pytest", "hypothesis") if find_spec(name) is None]:
    raise ModuleNotFoundError(
        f"evonas.testing needs {' and '.join(_missing)}, which the extra brings: pip install 'evonas[testing]'",
        name=_missing[0],
    )
if "pytest" in sys.modules:
    sys.modules["pytest"].register_assert_rewrite(*(f"{__name__}.{name}" for name in _ASSERTING))


def __getattr__(name: str) -> Any:
    """Import attributes on access: the toy space needs neither torch nor pytest."""
    if name in _MODULES:
        return getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
