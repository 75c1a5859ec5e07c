"""Decisions of the searcher about the settings of its run: defaults, budgets, and settings of its own; and searchers'
descriptions.
"""

from __future__ import annotations

import dataclasses
import inspect
import re
from collections.abc import Mapping, Sequence
from typing import Any, Literal

from evonas.capabilities.option_models import OptionHelp, describe_options
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
        numbers: Settings of the run that say how many trials there are, with the searcher's own defaults; without those
            that it does not use.
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
        for number in NUMBERS if number not in traits.unused
    ]
    sentence = " ".join(re.split(r"\.(?:\s|$)", text)[0].split())
    return SearcherHelp(
        name, f"{sentence}." if sentence else "", traits.rungs, numbers,
        [] if traits.settings is None else describe_options(traits.settings),
        [of_run[setting] for setting in OF_NSGA2] if name == "nsga2" else [], dict(traits.on_tables),
    )


def unused_numbers(name: str) -> tuple[str, ...]:
    """Those of :data:`NUMBERS` that a searcher does not use; raise :class:`UserError` if there is none of the name."""
    return traits_of(find_searcher(name)).unused


def with_defaults(config: RunConfig) -> RunConfig:
    """The configuration with its searcher's own defaults, and with no end by generations where evaluations are counted.

    A preset sets all as it was published: then a table changes nothing.

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
    on_tables = traits.on_tables if config.evaluator == "table" and config.preset is None else {}
    endless = {} if config.evaluations is None else {"generations": MOST}
    defaults: dict[str, Any] = {**traits.defaults, **on_tables, **endless}
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
