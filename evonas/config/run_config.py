"""The configuration of a run: settings that are checked together, from a TOML file and the command line."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal, Self, TypedDict

from pydantic import ValidationError, model_validator

from evonas.capabilities.given import Given, read_recipe
from evonas.capabilities.setting_errors import sentence_of
from evonas.config.settings import RunSettings
from evonas.data.axes import Axes
from evonas.data.own_files import FileOptions
from evonas.serialization import renamed
from evonas.serialization.toml import read_toml
from evonas.training import Recipe
from evonas.types import Json, UserError

#: Settings whose options on the command line have another name.
OPTIONS = {
    "constraints": "constraint", "space_options": "space_option", "searcher_options": "searcher_option",
    "search_options": "search_option", "seeder": "method",
    "target_files": "target_file",
}


class Split(TypedDict):
    """The part of the data that a search sees: arguments of :func:`evonas.data.load`."""

    root: Path | None
    seed: int
    n_train: int | None
    validation: int | None
    axes: Axes | None
    task: Literal["classification", "regression"] | None
    options: FileOptions


class RunConfig(RunSettings):
    """Settings of a run that fit each other, and what follows from them.

    The table ``training`` is read with the others, see :attr:`recipe`. Those of the space, the searcher and the seeder
    are read when a run is assembled or opened, since only these know them.
    """

    @model_validator(mode="before")
    @classmethod
    def _present_names(cls, values: Any) -> Any:
        """Accept the former names of settings, values, metrics and operators, with a warning."""
        return _renamed(values) if isinstance(values, Mapping) else values

    @model_validator(mode="after")
    def _check_seeder(self) -> Self:
        if self.seeder != "random" and self.searcher != "random":
            raise ValueError(f"seeder must be 'random' unless searcher is, got {self.seeder!r} with {self.searcher!r}")
        return self

    @model_validator(mode="after")
    def _check_prescreen(self) -> Self:
        if self.prescreen is not None and self.seeder != "random":
            raise ValueError(f"prescreen chooses among children or random networks, and the family of {self.seeder!r} "
                             "has neither: leave it out")
        return self

    @model_validator(mode="after")
    def _check_evaluator(self) -> Self:
        if (self.evaluator == "shared") != (self.supernet is not None):
            raise ValueError(
                "the evaluator 'shared', and only it, needs supernet: a run that has trained one; got "
                f"{self.evaluator!r} with {'no run' if self.supernet is None else self.supernet}: give both or neither"
            )
        if self.evaluator == "shared" and self.teacher is not None:
            raise ValueError("the evaluator 'shared' trains nothing that could learn from a teacher: leave it out")
        return self

    @model_validator(mode="after")
    def _check_table(self) -> Self:
        if self.evaluator == "table":
            trains = ("teacher", "n_train", "n_validation", "axes", "task", "training", "latency_command",
                      "target_files")
            given = [name for name in trains if getattr(self, name)] + ["seeder"] * (self.seeder != "random")
            if given:
                raise ValueError(f"the evaluator 'table' trains nothing and sees no samples: leave out "
                                 f"{', '.join(given)}")
        return self

    @model_validator(mode="after")
    def _check_self_distillation(self) -> Self:
        if self.self_distillation and not self._can_teach_itself:
            raise ValueError("self_distillation is for the searcher 'nsga2' without a teacher and without a supernet: "
                             "leave it out")
        return self

    @property
    def teaches_itself(self) -> bool:
        """Whether the best members of the run so far teach their children."""
        if self.self_distillation is None:
            return self._can_teach_itself and not (self.recipe.shift or self.recipe.flip)
        return self.self_distillation

    @property
    def _can_teach_itself(self) -> bool:
        return self.searcher == "nsga2" and self.teacher is None and self.evaluator == "trained"

    @property
    def budgets(self) -> tuple[int, ...]:
        """The rungs, or the epochs as the only budget; 0 with shared weights, which are not trained."""
        if self.evaluator == "shared":
            return (0,)
        assert self.rungs or self.epochs, "the number of epochs follows from the data: see evonas.run.build"
        return self.rungs or (self.epochs or 0,)

    @property
    def wanted(self) -> frozenset[str]:
        """The metrics that are minimised, maximised or bounded, as far as the user has named them."""
        bounded = (re.split("[<>]", text)[0].strip() for text in self.constraints)
        return frozenset([*(self.objectives or ()), *bounded])

    @property
    def split(self) -> Split:
        """The samples that a search sees, as arguments of :func:`evonas.data.load`."""
        return {
            "root": self.data_root, "seed": self.split_seed, "n_train": self.n_train, "validation": self.n_validation,
            "axes": self.axes, "task": self.task, "options": self.file_options,
        }

    @property
    def file_options(self) -> FileOptions:
        """Options for reading the user's own files."""
        validation = "split" if str(self.validation) == "split" else self.validation
        return FileOptions(
            target=self.target, groups=self.groups, weights=self.weights, ignore=self.ignore, impute=self.impute,
            validation=validation, test=self.test, columns=self.columns, classes=self.classes,
            categorical=self.categorical, categories=self.categories,
        )

    @property
    def recipe(self) -> Recipe:
        """The recipe that the table ``training`` makes."""
        assert isinstance(self.training, Given)
        recipe: Recipe = self.training.settings
        return recipe

    def model_copy(self, *, update: Mapping[str, Any] | None = None, deep: bool = False) -> Self:
        """A copy with other values; only a table ``training`` among them is checked.

        Args:
            update: The values, by name.
            deep: Also copy the values.

        Raises:
            UserError: The table ``training`` is wrong.
        """
        if update is not None and not isinstance(training := update.get("training", self.training), Given):
            update = {**update, "training": read_recipe(training)}
        return super().model_copy(update=update, deep=deep)

    def to_json(self) -> Json:
        """The configuration as stored in a run, which names no cluster."""
        return self.model_dump(mode="json", exclude={"cluster"})


def build_config(
    toml: Path | None, overrides: Mapping[str, Any], *, defaults: Mapping[str, Any] = MappingProxyType({})
) -> RunConfig:
    """The configuration from a TOML file and command-line values.

    Args:
        toml: The file, None without one.
        overrides: Command-line values; None and an empty table leave the file's value, and epochs replace its rungs.
        defaults: Defaults that replace those of :class:`RunConfig`.

    Raises:
        UserError: The file cannot be read, or a key or value is not allowed; the message names the key and what is.
    """
    values = {**defaults, **({} if toml is None else _renamed(read_toml(toml)))}
    given = {key: value for key, value in overrides.items() if value is not None and value != {}}
    for key, value in overrides.items():
        if isinstance(value, Mapping):
            table = values.get(key, {})
            if value and isinstance(table, Mapping):  # any other type is refused below
                values[key] = {**table, **value}
        elif value is not None:
            values[key] = value
    if overrides.get("epochs") is not None and overrides.get("rungs") is None:
        values.pop("rungs", None)  # the file's rungs, which also set the number of epochs
    return check_config(values, source=str(toml) if toml else "the configuration", options=option_names(given))


def _renamed(values: Mapping[str, Any]) -> dict[str, Any]:
    return renamed.settings(values, space=RunConfig.model_fields["space"].default)


def option_names(given: Mapping[str, Any]) -> dict[str, str]:
    """The options of the command line that gave some settings, by the names of these.

    Args:
        given: The settings with their values; those of the table ``training`` have options of their own.
    """
    names = [*given, *given.get("training", ())]
    return {name: f"--{OPTIONS.get(name, name).replace('_', '-')}" for name in names}


def check_config(
    values: Mapping[str, Any], *, source: str, options: Mapping[str, str] = MappingProxyType({})
) -> RunConfig:
    """A checked configuration.

    Args:
        values: Fields of :class:`RunConfig`.
        source: Source of the values, for the message.
        options: Options of the command line by the settings that they gave.

    Raises:
        UserError: The first bad key or value; names the option that gave it, or the source.
    """
    try:
        return RunConfig.model_validate(values)
    except ValidationError as error:
        first = error.errors()[0]
        if first["loc"] == ("training",) and first["type"] == "value_error":
            read_recipe(first["input"], options=options)  # raises the error with the option's name
        raise UserError(sentence_of(error, RunConfig.model_fields, source=source, options=options)) from None
