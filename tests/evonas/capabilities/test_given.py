"""Tables of settings keep what was given, and the typed values that it makes."""

from __future__ import annotations

import copy
import json
import operator
import pickle
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from evonas.capabilities.given import Given, read_recipe, recipe_from, settings_from
from evonas.config import RunConfig, build_config
from evonas.training import Pruning, Recipe, Regrowth
from evonas.types import UserError


@dataclass(frozen=True)
class Settings:
    """Settings of a searcher.

    Attributes:
        sample: Number.
        share: Number.
    """

    sample: int = 5
    share: float = 0.5


def test_a_table_is_stored_as_it_was_given_with_nothing_filled_in() -> None:
    given = {"batch_size": 64, "regrowth": {"every": 7}}
    table = read_recipe(given)
    assert table == given
    assert json.loads(json.dumps(table)) == given
    assert table.settings == Recipe(batch_size=64, regrowth=Regrowth(every=7))


@pytest.mark.parametrize("copied", [copy.copy, copy.deepcopy, lambda table: pickle.loads(pickle.dumps(table))])
def test_a_copy_has_both(copied: Any) -> None:
    table = Given({"sample": 3}, Settings(3))
    other = copied(table)
    assert other == table
    assert other.settings == table.settings


@pytest.mark.parametrize("change", [
    lambda table: table.__setitem__("sample", 4), lambda table: table.update(sample=4), lambda table: table.clear(),
    lambda table: table.pop("sample"), lambda table: table.popitem(), lambda table: table.setdefault("share", 0.1),
    lambda table: table.__delitem__("sample"), lambda table: operator.ior(table, {"sample": 4}),
    lambda table: setattr(table, "settings", Settings(4)),
])
def test_a_table_that_has_been_read_cannot_be_changed(change: Callable[[Any], object]) -> None:
    table = Given({"sample": 3}, Settings(3))
    with pytest.raises((TypeError, AttributeError)):
        change(table)
    assert (dict(table), table.settings) == ({"sample": 3}, Settings(3))
    assert type(table | {"share": 0.1}) is dict


def test_a_configuration_reads_its_recipe_once(monkeypatch: pytest.MonkeyPatch) -> None:
    read = list[object]()

    def counted(kind: Any, values: Any, **others: Any) -> Any:
        read.append(values)
        return settings_from(kind, values, **others)

    monkeypatch.setattr("evonas.capabilities.given.settings_from", counted)
    config = build_config(None, {"training": {"shift": 1, "pruning": {"end": 0.5}}})
    other = config.model_copy(update={"jobs": 2, "epochs": 3})
    assert config.recipe is config.recipe is other.recipe
    assert config.recipe == Recipe(shift=1, pruning=Pruning(end=0.5))
    assert not other.teaches_itself
    assert len(read) == 1


def test_a_changed_table_is_another_recipe() -> None:
    config = RunConfig(training={"shift": 1})
    changed = config.model_copy(update={"training": {**config.training, "flip": True}})
    assert changed.recipe == Recipe(shift=1, flip=True)
    assert config.recipe == Recipe(shift=1)
    assert changed.to_json()["training"] == {"shift": 1, "flip": True}
    with pytest.raises(UserError, match="unknown key 'flop' in training, did you mean 'flip'"):
        config.model_copy(update={"training": {"flop": True}})


def test_what_is_stored_is_what_was_given_even_where_it_is_the_default() -> None:
    given = {"batch_size": 64, "flip": False, "child_epochs": [1.0, 1.0], "pruning": {"every": 50}}
    config = RunConfig(training=given)
    assert config.recipe == Recipe(pruning=Pruning())
    assert config.to_json()["training"] == given
    assert RunConfig().to_json()["training"] == {}
    assert RunConfig.model_validate(config.to_json()) == config
    assert RunConfig.model_validate(config.model_dump(exclude_unset=True)).recipe == config.recipe


@pytest.mark.parametrize(
    ("training", "message"),
    [
        ({"batch_size": 0}, "--batch-size: batch_size must be positive"),
        ({"nope": 1}, "^unknown key 'nope' in training"),
        ({"pruning": {"ends": 1}}, "^unknown key 'ends' in training.pruning, did you mean 'end'"),
        ({"pruning": {"end": "x"}}, r"pruning\.end must be a valid number"),
        ({"optimizer": "sgd"}, "--optimizer must be 'adam' or 'adamw', got 'sgd'"),
    ],
)
def test_what_is_wrong_with_a_recipe_is_said_as_of_its_table(training: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError, match=message):
        build_config(None, {"training": training})
    with pytest.raises(ValueError, match=message.removeprefix("--batch-size: ").removeprefix("^").replace("--", "")):
        RunConfig(training=training)


def test_a_file_that_is_wrong_is_named_by_its_table(tmp_path: Any) -> None:
    (tmp_path / "run.toml").write_text("[training]\nbatch_size = 0\n")
    with pytest.raises(UserError, match=r"^training: batch_size must be positive"):
        build_config(tmp_path / "run.toml", {})
    (tmp_path / "run.toml").write_text("training = 3\n")
    with pytest.raises(UserError, match=r"run\.toml: training must be a valid dictionary, got 3"):
        build_config(tmp_path / "run.toml", {})


def test_a_recipe_of_a_table_has_defaults_for_what_it_leaves_out() -> None:
    assert recipe_from({}) == Recipe()
    assert settings_from(Settings, {"sample": 3}, table="t") == Settings(3)
    with pytest.raises(UserError, match="unknown key 'simple' in t, did you mean 'sample'"):
        settings_from(Settings, {"simple": 3}, table="t")
