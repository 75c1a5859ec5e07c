"""Options of commands that are settings of a run: help and default are those of the setting itself."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

import typer

from evonas.capabilities.option_models import OptionHelp, describe_options
from evonas.cli import completion
from evonas.config.settings import RunSettings
from evonas.training import Recipe

#: How a description names a default that is no value, and where that ends.
NONE = re.compile(r"\bNone is (.+?)(?=[;:(]|\.(?:\s|$)|$)")
#: Names of the few values that a setting takes.
NAMES = re.compile(r"[\w-]+(\|[\w-]+)+")


def setting(
    name: str, panel: str, *, more: str = "", default: str | None = None, values: Sequence[str] = (),
    completer: Callable[..., list[str]] | None = None, least: int | None = None, most: int | None = None,
) -> Any:
    """Return the option for a setting, to annotate a command's parameter with.

    Args:
        name: Name of a field of the run's settings, or of its training recipe.
        panel: Panel of the help.
        more: What the command line adds to the first sentence of the field's description.
        default: Where the command has another default than the field: words for it; none at all if empty.
        values: Names that the setting takes, where its type does not list them.
        completer: Completion by the shell; None completes the names of the type, where it lists them.
        least: Smallest number, where the command line checks it itself.
        most: Largest number, likewise.
    """
    if completer is None and _values(_described()[name]):
        completer = completion.setting(name)
    text = help_of(name, more=more, default=default, values=values)
    return typer.Option(help=text, rich_help_panel=panel, autocompletion=completer, min=least, max=most)


def default_of(name: str) -> Any:
    """Return the default of a field of the run's settings."""
    return RunSettings.model_fields[name].get_default(call_default_factory=True)


def help_of(name: str, *, more: str = "", default: str | None = None, values: Sequence[str] = ()) -> str:
    """Return the help of a setting: the first sentence of its description, its values, and its default in brackets.

    Args:
        name: See :func:`setting`, also for all others.
        more: Addition to the sentence.
        default: Words for another default.
        values: Names that it takes.
    """
    option = _described()[name]
    sentence = re.split(r"\.(?:\s|$)", option.text)[0]
    sentence = re.split(r"[;,.] None is ", sentence)[0]
    if names := list(values) or _values(option):
        sentence += f": {', '.join(names[:-1])} or {names[-1]}"
    shown = _default(option) if default is None else default
    return f"{sentence}{more} [{shown}]." if shown else f"{sentence}{more}."


def _default(option: OptionHelp) -> str:
    if option.default != "None":
        return "" if option.default == "an empty table" else option.default
    words = NONE.search(option.text)
    return words[1].replace("`", "") if words else ""


def _values(option: OptionHelp) -> list[str]:
    return option.takes.split("|") if NAMES.fullmatch(option.takes) and option.takes != "true|false" else []


@cache
def _described() -> dict[str, OptionHelp]:
    return {option.name: option for kind in (Recipe, RunSettings) for option in describe_options(kind)}
