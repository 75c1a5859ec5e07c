"""Options that are settings of a run: their help is the field's sentence, and their default is the field's."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
from typer.main import get_command

from evonas.capabilities.option_models import OptionHelp, describe_options, value_text
from evonas.cli.app import app
from evonas.cli.setting import default_of, help_of
from evonas.config import OPTIONS, RunConfig
from evonas.training import Recipe
from evonas.training.length import EPOCHS, MEMBER_EPOCHS

#: Parameters of `evolve` and `seed` that are no settings of a run.
OTHERS = {"config", "seed_from", "replace_max_pool", "out", "observer", "quiet", "members", "trainer", "founder_edges"}
FIELDS = {option.name: option for kind in (Recipe, RunConfig) for option in describe_options(kind)}
#: Settings by the option's name, where that is another.
SETTINGS = {option: setting for setting, option in OPTIONS.items()}
#: Options whose default another command decides: words for it.
OTHER_DEFAULTS = {("seed", "epochs"): f"{MEMBER_EPOCHS}, more where samples are few"}


def parameters() -> Iterator[tuple[str, Any]]:
    commands: Any = get_command(app)
    for command in ("evolve", "seed", "resume"):
        for parameter in commands.commands[command].params:
            if parameter.name not in OTHERS | {"help", "run"}:
                yield command, parameter


PARAMETERS = [pytest.param(*each, id=f"{each[0]} {each[1].name}") for each in parameters()]


def field_of(parameter: Any) -> OptionHelp:
    return FIELDS[SETTINGS.get(parameter.name, parameter.name)]


@pytest.mark.parametrize(("command", "parameter"), PARAMETERS)
def test_every_option_has_the_first_sentence_of_its_field(command: str, parameter: Any) -> None:
    if (command, parameter.name) == ("resume", "dataset"):
        return  # the same samples in another place
    field = field_of(parameter)
    sentence = re.split(r"\.\s|\.$|[;,.] None is", field.text)[0]
    assert len(sentence) > 5
    assert parameter.help.startswith(sentence)
    assert len(parameter.help) < 400


@pytest.mark.parametrize(("command", "parameter"), PARAMETERS)
def test_every_option_shows_the_default_of_its_field(command: str, parameter: Any) -> None:
    field, bracket = field_of(parameter), re.search(r" \[([^\[\]]*)\]\.$", parameter.help)
    assert parameter.default is None, "what is not given leaves the field's default"
    if command == "resume":
        assert bracket is None or bracket[1] in ("the run's", "where it was, or beside the run")
    elif other := OTHER_DEFAULTS.get((command, parameter.name)):
        assert bracket is not None
        assert bracket[1] == other
    elif field.default == "None":
        words = re.search(r"None is ([^;:]*)", field.text)
        assert (bracket is None) == (words is None)
        assert bracket is None or words is None or words[1].replace("`", "").startswith(bracket[1])
    elif field.default in ("", "an empty table"):
        assert bracket is None
    else:
        assert bracket is not None
        assert bracket[1] == field.default


@pytest.mark.parametrize(("command", "parameter"), PARAMETERS)
def test_an_option_of_few_values_lists_them(command: str, parameter: Any) -> None:
    field = field_of(parameter)
    if "|" in field.takes and "true" not in field.takes:
        values = field.takes.split("|")
        assert f"{', '.join(values[:-1])} or {values[-1]}" in parameter.help


def test_settings_of_tables_are_options_too_and_the_others_are_few() -> None:
    names = {parameter.name for command, parameter in parameters() if command != "resume"}
    assert len(names) > 40
    assert {"batch_size", "learning_rate", "space_option", "searcher_option", "search_option"} <= names


def test_a_description_that_changes_changes_the_help(monkeypatch: pytest.MonkeyPatch) -> None:
    fields = {
        "count": OptionHelp("count", "INT", "7", "Apples in a ``.box``. And a second sentence."),
        "kind": OptionHelp("kind", "a|b|c", "b", "Kind of apple."),
        "limit": OptionHelp("limit", "INT", "None", "Most apples; None is no limit. None at all is 0."),
        "free": OptionHelp("free", "TEXT", "None", "Any apple."),
        "flag": OptionHelp("flag", "true|false", "true", "Peel it."),
    }
    monkeypatch.setattr("evonas.cli.setting._described", lambda: fields)
    assert help_of("count") == "Apples in a ``.box`` [7]."
    assert help_of("kind") == "Kind of apple: a, b or c [b]."
    assert help_of("limit") == "Most apples [no limit]."
    assert help_of("limit", default="the run's", more=", like 3") == "Most apples, like 3 [the run's]."
    assert help_of("free") == "Any apple."
    assert help_of("free", values=("x", "y")) == "Any apple: x or y."
    assert help_of("flag") == "Peel it [true]."
    assert help_of("count", default="") == "Apples in a ``.box``."


def test_defaults_are_those_of_the_fields() -> None:
    for name in RunConfig.model_fields:
        assert default_of(name) == getattr(RunConfig(), name)
    assert f"[{EPOCHS}, " in help_of("epochs")
    assert help_of("learning_rate").endswith(f" [{value_text(Recipe().learning_rate)}].")
