"""Decisions of the searcher about the settings of its run: defaults, budgets, and settings of its own."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

from evonas.config import RunConfig
from evonas.run.plugins import find_searcher
from evonas.search import Traits, traits_of
from evonas.search.generational import ETA
from evonas.types import MOST, UserError

#: Settings of a run that only the searcher ``nsga2`` takes.
OF_NSGA2 = ("survival", "parent_selection", "adaptive_operators", "crossover_rate")


def with_defaults(config: RunConfig) -> RunConfig:
    """The configuration with its searcher's own defaults, and with no end by generations where evaluations are counted.

    Raises:
        UserError: There is no such searcher, or one of :data:`OF_NSGA2` is given with a searcher that would ignore it.
    """
    traits = _traits(config)
    given = [name for name in OF_NSGA2 if getattr(config, name) != RunConfig.model_fields[name].default]
    if given and config.searcher != "nsga2":
        fields = () if traits.settings is None else [field.name for field in dataclasses.fields(traits.settings)]
        own = [name for name in given if name in fields]
        remedy = f", or set {own[0]} in searcher_options" if own else ""
        raise UserError(f"{', '.join(given)}: only the searcher 'nsga2' has such a setting, got the searcher "
                        f"{config.searcher!r}: leave it out{remedy}")
    defaults = {**traits.defaults, **({} if config.evaluations is None else {"generations": MOST})}
    return config.model_copy(update={k: v for k, v in defaults.items() if k not in config.model_fields_set})


def with_budgets(config: RunConfig, epochs: int, table: Sequence[int] | None) -> RunConfig:
    """The configuration with its epochs, and with rungs where its searcher takes several.

    Args:
        config: Configuration of the run.
        epochs: Epochs for one that has none.
        table: Epochs after which the table of results has networks, ascending; None without a table.

    Raises:
        UserError: It has others than the table, or too few for two rungs.
    """
    several = _traits(config).rungs == "several"
    if config.epochs is None:
        rungs = tuple(table) if several and table is not None else None
        config = config.model_copy(update={"epochs": epochs, "rungs": config.rungs or rungs})
    if table is not None and (others := [budget for budget in config.budgets if budget not in table]):
        raise UserError(f"the table has networks after {' and '.join(map(str, table))} epochs, got {others[0]}: give "
                        "one of these as epochs, or all as rungs")
    if config.rungs is not None or not several:
        return config
    grown = list(config.budgets)
    while grown[0] >= ETA:
        grown.insert(0, grown[0] // ETA)
    if len(grown) < 2:
        raise UserError(f"the searcher {config.searcher!r} needs {ETA} epochs at least, or rungs, got {grown[0]} "
                        "epochs")
    return config.model_copy(update={"rungs": tuple(grown)})


def own_settings(config: RunConfig) -> type[Any] | None:
    """The dataclass that the table ``searcher_options`` fills; None if the searcher has no settings of its own.

    Raises:
        UserError: It has none, and the table is not empty.
    """
    kind, options = _traits(config).settings, config.searcher_options
    if kind is None and options:
        raise UserError(f"the searcher {config.searcher!r} has no settings of its own, got searcher_options "
                        f"{', '.join(options)}: leave them out")
    return kind


def _traits(config: RunConfig) -> Traits:
    return traits_of(find_searcher(config.searcher))
