"""Defaults, budgets and settings of a searcher by the configuration of its run."""

from __future__ import annotations

import dataclasses
from typing import Any

from evonas.capabilities.given import Given, settings_from
from evonas.capabilities.tables import ArchitectureTable
from evonas.config import RunConfig
from evonas.run.plugins import find_searcher
from evonas.search import Traits, traits_of
from evonas.search.generational import ETA
from evonas.types import MOST, UserError

#: Settings of a run that only the searcher ``nsga2`` takes.
OF_NSGA2 = ("survival", "parent_selection", "adaptive_operators", "crossover_rate")


def _traits(config: RunConfig) -> Traits:
    return traits_of(find_searcher(config.searcher))


def with_defaults(config: RunConfig) -> RunConfig:
    """The configuration with its searcher's own defaults, and with no end by generations where evaluations are counted.

    Raises:
        UserError: There is no such searcher.
    """
    defaults = {**_traits(config).defaults, **({} if config.evaluations is None else {"generations": MOST})}
    return config.model_copy(update={k: v for k, v in defaults.items() if k not in config.model_fields_set})


def check_own_settings(config: RunConfig) -> None:
    """Check that no setting but its default is given that the searcher would ignore.

    Raises:
        UserError: One of :data:`OF_NSGA2` is given with another searcher.
    """
    given = [name for name in OF_NSGA2 if getattr(config, name) != RunConfig.model_fields[name].default]
    if config.searcher == "nsga2" or not given:
        return
    kind = _traits(config).settings
    own = [name for name in given if kind is not None and name in {field.name for field in dataclasses.fields(kind)}]
    remedy = f", or set {own[0]} in searcher_options" if own else ""
    raise UserError(f"{', '.join(given)}: only the searcher 'nsga2' has such a setting, got the searcher "
                    f"{config.searcher!r}: leave it out{remedy}")


def with_budgets(config: RunConfig, table: ArchitectureTable[Any]) -> RunConfig:
    """The configuration with the table's epochs: all of them as rungs if the searcher takes several, else the most.

    Raises:
        UserError: It has others.
    """
    if config.epochs is None:
        several = table.budgets if _traits(config).rungs == "several" else None
        config = config.model_copy(update={"rungs": config.rungs or several, "epochs": table.budgets[-1]})
    for budget in config.budgets:
        if budget not in table.budgets:
            raise UserError(f"the table has networks after {' and '.join(map(str, table.budgets))} epochs, got "
                            f"{budget}: give one of these as epochs, or all as rungs")
    return config


def with_rungs(config: RunConfig) -> RunConfig:
    """The configuration with rungs that grow by :data:`ETA` up to its epochs, where its searcher needs several.

    Raises:
        UserError: It has too few epochs for two.
    """
    if config.rungs is not None or _traits(config).rungs != "several":
        return config
    rungs = list(config.budgets)
    while rungs[0] >= ETA:
        rungs.insert(0, rungs[0] // ETA)
    if len(rungs) < 2:
        raise UserError(f"the searcher {config.searcher!r} needs {ETA} epochs at least, or rungs, got {rungs[0]} "
                        "epochs")
    return config.model_copy(update={"rungs": tuple(rungs)})


def with_settings(config: RunConfig) -> RunConfig:
    """The configuration with its table ``searcher_options`` read, where the searcher has settings of its own.

    Raises:
        UserError: An option does not fit, or the searcher has no settings.
    """
    kind, options = _traits(config).settings, config.searcher_options
    if kind is None and options:
        raise UserError(f"the searcher {config.searcher!r} has no settings of its own, got searcher_options "
                        f"{', '.join(options)}: leave them out")
    if kind is None:
        return config
    given = Given(options, settings_from(kind, options, table="searcher_options"))
    return config.model_copy(update={"searcher_options": given})
