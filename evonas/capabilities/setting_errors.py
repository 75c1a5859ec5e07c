"""Errors of pydantic about settings as one sentence: the setting, what is expected, what was given."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from evonas.types import meant, suggestion

#: Characters of a value that a message tells.
MOST_TOLD = 200
#: Beginnings of messages of pydantic, and its additions to what it expects.
BEGIN, ADDED = "Input should be ", re.compile(", (unable to|got a) .*")
#: A name among those that pydantic expects.
QUOTED = re.compile(r"'([^']*)'")
#: Types that pydantic names among the parts of a place where several are allowed.
TYPES = frozenset({"str", "int", "float", "bool", "path"})


def sentence_of(
    error: ValidationError, known: Mapping[str, object], *, source: str, options: Mapping[str, str]
) -> str:
    """The first of what is wrong.

    Args:
        error: Error of a model of settings.
        known: Its fields.
        source: Source of the settings, with which the sentence begins.
        options: Options of the command line by the settings that they gave: these begin the sentence instead.
    """
    setting, sentence = _first(error, known)
    word, _, rest = sentence.partition(" ")
    option = options.get(setting or word)
    if option is None:
        return f"{source}: {sentence}"
    return f"{option} {rest}" if option == f"--{word}" else f"{option}: {sentence}"


def _first(error: ValidationError, known: Mapping[str, object]) -> tuple[str, str]:
    """The setting that is wrong, empty where it is not one alone, and what is wrong with it."""
    errors = error.errors()
    first, place = errors[0], _place(errors[0]["loc"])
    key = ".".join(place)
    setting = place[0] if place else ""
    if first["type"] == "extra_forbidden":
        name = ".".join(map(str, first["loc"]))
        return "", f"unknown key {name!r}{suggestion(name, known)}"
    if first["type"] == "value_error":
        return setting, first["msg"].removeprefix("Value error, ")
    said = [each["msg"] for each in errors if _place(each["loc"]) == place]  # one for each type that is allowed
    if any(text.startswith(BEGIN) for text in said):
        said = ["a path" if text.startswith("Input is not a valid path") else text for text in said]
        wanted = dict.fromkeys(ADDED.sub("", text).removeprefix(BEGIN) for text in said)
        expected = " or ".join(wanted).replace("a valid tuple", "a list")
        return setting, f"{key} must be {expected}, got {_short(first['input'])}{_hint(first)}"
    return setting, f"{key} cannot be {_short(first['input'])}: {said[0][:1].lower()}{said[0][1:]}"


def expected_of(error: ValidationError) -> str:
    """What the first value that is wrong should have been, and what it is: ``expected A or B, got C``."""
    first = error.errors()[0]
    told = ADDED.sub("", first["msg"].removeprefix(BEGIN))
    wanted = f"expected {told}" if first["msg"].startswith(BEGIN) else told
    return f"{wanted}, got {_short(first['input'])}{_hint(first)}"


def _hint(error: Mapping[str, Any]) -> str:
    """The text ``, did you mean 'x'?`` for a misspelled name of a few; empty for all else."""
    of_few = error["type"] in ("literal_error", "enum")
    return meant(error["input"], QUOTED.findall(error.get("ctx", {}).get("expected", ""))) if of_few else ""


def _place(path: tuple[int | str, ...]) -> tuple[str, ...]:
    """The names and numbers of a place, without the types that pydantic has tried there."""
    return tuple(str(part) for part in path if isinstance(part, int) or (part.isidentifier() and part not in TYPES))


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= MOST_TOLD else f"{text[:MOST_TOLD]}..."
