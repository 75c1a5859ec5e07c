"""Settings that were given where they do not belong: tables of searchers, spaces and searches, and what to give."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Mapping
from contextlib import suppress
from typing import Any

from evonas.config import RunConfig, option_names
from evonas.run.plugins import find_searcher, option_model, searcher_names
from evonas.run.searchers import OF_NSGA2
from evonas.search import traits_of
from evonas.supernet.settings import METHODS
from evonas.training import Recipe
from evonas.types import UserError, meant

#: Settings of a run that only a file has, and no option of ``evonas evolve``.
OF_FILES = frozenset({
    "categories", "classes", "columns", "crossover_rate", "latency_timeout", "reg_swap_sizes", "search_epochs",
    "search_options", "seeder", "split_seed", "training",
})
#: Fields of the table ``training`` that have an option, too.
TRAINING_OPTIONS = ("batch_size", "learning_rate", "teacher_weight")


def check_tables(config: RunConfig) -> None:
    """Raise :class:`UserError` for an option of the searcher or the space that belongs to another place, and name that.

    Keys that belong nowhere are left to what reads the table.
    """
    searcher = traits_of(find_searcher(config.searcher)).settings
    check_table(config, "searcher_options", fields_of(searcher), f"the searcher {config.searcher!r} has no option")
    model = option_model(config.space)
    if model is not None:
        known = {name for field, info in model.model_fields.items() for name in (field, info.alias or field)}
        check_table(config, "space_options", known, f"the {config.space} space has no option")


def check_table(config: RunConfig, table: str, known: Collection[str], lacks: str) -> None:
    """Raise :class:`UserError` for the first key of a table that belongs to another place.

    Args:
        config: The configuration.
        table: Name of the table.
        known: Keys that what reads the table knows.
        lacks: Beginning of the sentence about any other key.
    """
    given: Mapping[str, Any] = getattr(config, table)
    for key in given:
        if key not in known and (place := _place(key, config)) is not None:
            raise UserError(f"{lacks} {key!r} ({table}{meant(key, known)}), which is {place}")


def _place(name: str, config: RunConfig) -> str | None:
    """What to give instead for a setting that exists elsewhere; None where there is none of the name.

    Args:
        name: Name of the setting.
        config: Its searcher and its space are asked, and then all other searchers.
    """
    option = option_names({name: None})[name]
    if name in _options_of(config.searcher):
        return f"an option of the searcher: give --searcher-option {name}=VALUE"
    if name in RunConfig.model_fields:
        who = " with the searcher nsga2" if name in OF_NSGA2 and config.searcher != "nsga2" else ""
        way = f"set {name} in a file, above its tables" if name in OF_FILES else f"give {option}"
        return f"a setting of a run{who}: {way}{' --searcher nsga2' if who and name not in OF_FILES else ''}"
    if name in Recipe.__dataclass_fields__:
        way = f"give {option}" if name in TRAINING_OPTIONS else f"set {name} in the table [training] of a file"
        return f"a setting of training: {way}"
    model = option_model(config.space)
    if model is not None and name in model.model_fields:
        return f"an option of the space: give --space-option {name}=VALUE"
    if others := [other for other in searcher_names() if name in _options_of(other)]:
        return f"an option of {', '.join(others)}: leave it out, or give --searcher {others[0]}"
    if methods := [method for method, kind in METHODS.items() if name in fields_of(kind)]:
        return (f"a setting of {', '.join(methods)}: leave it out, or give --search-option {name}=VALUE to "
                f"`evonas seed --method {methods[0]}`")
    return None


def _options_of(name: str) -> Collection[str]:
    """Names of the options of a searcher; none for one of another package that cannot be loaded."""
    with suppress(UserError):
        return fields_of(traits_of(find_searcher(name)).settings)
    return ()


def fields_of(kind: type[Any] | None) -> Collection[str]:
    """Names of the settings of a dataclass; none for None."""
    return () if kind is None else tuple(field.name for field in dataclasses.fields(kind))
