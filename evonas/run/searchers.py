"""Defaults, budgets and settings of a searcher by the configuration of its run, and their descriptions."""

from __future__ import annotations

import dataclasses
import inspect
import re
from collections.abc import Mapping
from typing import Any, Literal

from evonas.capabilities.given import Given, settings_from
from evonas.capabilities.option_models import OptionHelp, describe_options
from evonas.capabilities.tables import ArchitectureTable
from evonas.config import RunConfig
from evonas.run.plugins import find_searcher
from evonas.search import Traits, traits_of
from evonas.search.generational import ETA
from evonas.types import MOST, UserError

#: Settings of a run that only the searcher ``nsga2`` takes.
OF_NSGA2 = ("survival", "parent_selection", "adaptive_operators", "crossover_rate")
#: Numbers of trials, which every searcher takes.
NUMBERS = ("population", "children", "generations")


@dataclasses.dataclass(frozen=True)
class SearcherHelp:
    """Help on a searcher.

    Attributes:
        name: Its name.
        text: What it is, in a sentence.
        rungs: Number of budgets that it takes.
        numbers: Settings of the run that say how many trials there are, with the searcher's own defaults.
        options: Settings of the table ``searcher_options``.
        settings: Settings of the run that only this searcher takes.
        on_tables: Defaults that differ where trials are looked up in a table, by the name of the setting.
    """

    name: str
    text: str
    rungs: Literal["one", "several", "any"]
    numbers: list[OptionHelp]
    options: list[OptionHelp]
    settings: list[OptionHelp]
    on_tables: Mapping[str, Any]


def describe_searcher(name: str) -> SearcherHelp:
    """Describe a searcher by its docstring and its traits; raise :class:`UserError` if there is none of the name."""
    factory = find_searcher(name)
    traits, text = traits_of(factory), inspect.getdoc(factory) or ""
    of_run = {option.name: option for option in describe_options(RunConfig)}
    numbers = [
        dataclasses.replace(of_run[number], default=str(traits.defaults.get(number, of_run[number].default)))
        for number in NUMBERS
    ]
    sentence = " ".join(re.split(r"\.(?:\s|$)", text)[0].split())
    return SearcherHelp(
        name, f"{sentence}." if sentence else "", traits.rungs, numbers,
        [] if traits.settings is None else describe_options(traits.settings),
        [of_run[setting] for setting in OF_NSGA2] if name == "nsga2" else [], dict(traits.on_tables),
    )


def _traits(config: RunConfig) -> Traits:
    return traits_of(find_searcher(config.searcher))


def with_defaults(config: RunConfig) -> RunConfig:
    """The configuration with its searcher's own defaults, and with no end by generations where evaluations are counted.

    A preset sets all as it was published: then a table changes nothing.

    Raises:
        UserError: There is no such searcher.
    """
    traits = _traits(config)
    on_tables = traits.on_tables if config.evaluator == "table" and config.preset is None else {}
    endless = {} if config.evaluations is None else {"generations": MOST}
    defaults: dict[str, Any] = {**traits.defaults, **on_tables, **endless}
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
