"""The configuration of a run: a checked record from a TOML file and the command line."""

from __future__ import annotations

import dataclasses
import re
import tomllib
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Literal, Self, TypedDict, TypeVar

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError, field_validator, model_validator

from evonas import renamed
from evonas.capabilities.presets import PresetName
from evonas.capabilities.setting_errors import sentence_of
from evonas.data.axes import Axes
from evonas.data.locating import absolute
from evonas.data.own_files import FileOptions, Imputation, is_own_file
from evonas.evaluation.proxies import check_names
from evonas.training import Pruning, Recipe, Regrowth
from evonas.types import MOST, MOST_JOBS, Json, UserError, suggestion

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

S = TypeVar("S", bound="DataclassInstance")

#: Settings whose options on the command line have another name.
OPTIONS = {
    "constraints": "constraint", "space_options": "space_option", "searcher_options": "searcher_option",
    "search_options": "search_option", "seeder": "method",
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


class RunConfig(BaseModel):
    """Everything that decides the result of a run, and how it is run.

    ``data_root``, ``jobs``, ``time_limit``, ``trial_timeout`` and ``generations`` may be changed on resume.

    Attributes:
        space: Name of the search space; ``evonas spaces`` lists all.
        dataset: A name that ``evonas datasets`` lists, or the path of an own ``.npz``, ``.csv`` or ``.parquet`` file.
        data_root: Folder of the data sets; None is ``$EVONAS_DATA`` and the user's data folder.
        n_train: Training samples to use; None is all.
        n_validation: Samples to hold back for validation; None is a fifth, of many a sixth. Where trials are small, a
            large validation set takes most of their time.
        axes: Axes of the samples of an own file, see :mod:`evonas.data.axes`; None lets their shape decide.
        task: What the targets of an own file are; None lets their type decide.
        target: Column of a table that is to be predicted; several of a regression.
        groups: Column (array of an ``.npz``) whose equals are never split apart.
        weights: Column (array of an ``.npz``) that says what each sample counts.
        ignore: Columns of a table that are no features; as of ``target`` and ``categorical``, a text that is no
            column itself names several with commas between them.
        impute: What takes the place of missing values, a statistic of the training rows; None refuses them.
        validation: File with the validation samples; ``"split"`` holds some back even where the file has its own.
        test: File with the test samples.
        columns: Columns of a table that are features, in order; kept from the file that a run began with.
        categorical: Columns of a table that hold categories, beside those of few texts.
        categories: Categories of each such column; kept from the file that a run began with.
        objectives: The quality, then costs; ``evonas metrics`` lists all. None is ``trainval_error`` (of a regression
            ``trainval_mse``, of several targets ``trainval_nmse``) and ``flops``.
        constraints: Bounds on metrics, like ``"flops<=100000"``.
        evaluator: ``"shared"`` trains nothing: it measures with the weights of the supernet that the run ``supernet``
            has trained, whatever the epochs. ``"table"`` trains nothing either: it looks networks up in a published
            table of the space, of which ``dataset`` and ``epochs`` must be.
        supernet: Run whose supernet's weights are shared.
        searcher: ``"random"`` is the baseline at equal budget; see :mod:`evonas.search`.
        searcher_options: The searcher's own settings.
        seeder: Names the family that the searcher ``random`` draws from.
        preset: ``"published"`` sets all as it was published with the method, that of ``seeder`` or the searcher
            ``nsga2``, but for what is given beside it. None leaves the defaults of this project.
        population: Survivors of a generation, and founders.
        children: Offspring of a generation.
        generations: Generations after the founders.
        evaluations: Number after which a run ends, whatever its searcher would still ask for; None is no limit.
        epochs: Epochs of a trial; None is as many as the data are few, see
            :func:`evonas.training.length.default_epochs`.
        search_epochs: Epochs of a seeder that is one training for the whole family; its members are trained for
            ``epochs`` after that. None is the method's own number.
        search_options: Settings of such a training: of :mod:`evonas.supernet.settings`, or of the space's own.
        rungs: Epochs that grow with promise, in the place of ``epochs``.
        teacher: A run, of which the best ``teacher_members`` are averaged, or one individual of a run (``RUN:ID``).
        teacher_members: Networks of the teacher.
        self_distillation: The best ``teacher_members`` of this run so far teach the children of the searcher
            ``nsga2``. None is on, unless there is a teacher or images are moved in training (also where only some
            networks' are), since the teacher sees them where they were. See :mod:`evonas.run.distillation`.
        survival: Who dies first: ``"aging-dominated"``: the oldest of the dominated, ``"aging"``: the oldest,
            ``"elitist"``: the worst.
        parent_selection: ``"front-gap"``: neighbours of thin places of the front; ``"tournament"``: the best of 3 of
            the population, a fifth of the time any of the front; ``"living-tournament"``: always the best of 3 of the
            population.
        adaptive_operators: Draw operators by the hypervolume that they gained for their compute.
        prescreen: A proxy of :mod:`evonas.evaluation.proxies` that chooses, of ``prescreen_ratio`` children that are
            bred, the one that is trained; None trains every child.
        prescreen_ratio: Children that are bred for each that is trained.
        crossover_rate: Share of the children that have two parents.
        seed: Decides everything random but the split into training and validation samples.
        split_seed: Decides that split: runs that seed each other must share it, runs that are compared should.
        jobs: Trials at a time; does not change the result.
        time_limit: Seconds of all sessions, after which the run stops and can be resumed; None is no limit.
        trial_timeout: Seconds after which a trial counts as failed; None is no limit.
        latency_command: Times exported networks, see :mod:`evonas.runtimes.device`; it is given again on resume, since
            a run directory may come from a stranger.
        latency_timeout: Seconds that this may take for each network.
        classes: Names of the classes in the order of the outputs, which networks keep in their headers; where they are
            not given, those of a table's target are kept.
        training: Fields of :class:`evonas.training.Recipe`.
        space_options: Options of the search space.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    space: str = "neuron"
    dataset: str = "digits"
    data_root: Path | None = None
    n_train: int | None = Field(default=None, ge=1, lt=2**63)
    n_validation: int | None = Field(default=None, ge=1, lt=2**63)
    axes: Axes | None = None
    task: Literal["classification", "regression"] | None = None
    target: str | tuple[str, ...] | None = None
    groups: str | None = None
    weights: str | None = None
    ignore: tuple[str, ...] = ()
    impute: Imputation | None = None
    validation: Path | Literal["split"] | None = None
    test: Path | None = None
    columns: tuple[str, ...] = ()
    categorical: tuple[str, ...] = ()
    categories: dict[str, tuple[str, ...]] = Field(default_factory=dict)
    objectives: tuple[str, ...] | None = None
    constraints: tuple[str, ...] = ()
    evaluator: Literal["trained", "shared", "table"] = "trained"
    supernet: Path | None = None
    searcher: str = "nsga2"
    searcher_options: dict[str, Any] = Field(default_factory=dict)
    seeder: str = "random"
    preset: PresetName | None = None
    population: int = Field(default=40, ge=2, le=MOST)
    children: int = Field(default=20, ge=1, le=MOST)
    generations: int = Field(default=30, ge=0, le=MOST)
    evaluations: int | None = Field(default=None, ge=1, le=MOST)
    epochs: int | None = Field(default=None, ge=1, le=MOST)
    search_epochs: int | None = Field(default=None, ge=1, le=MOST)
    search_options: dict[str, Any] = Field(default_factory=dict)
    rungs: tuple[int, ...] | None = None
    teacher: str | None = None
    teacher_members: int = Field(default=5, ge=1, le=MOST)
    self_distillation: bool | None = None
    survival: Literal["aging", "aging-dominated", "elitist"] = "aging-dominated"
    parent_selection: Literal["front-gap", "tournament", "living-tournament"] = "front-gap"
    adaptive_operators: bool = False
    crossover_rate: float = Field(default=0.0, ge=0, le=1)
    prescreen: str | None = None
    prescreen_ratio: int = Field(default=5, ge=2, le=1000)
    seed: int = Field(default=0, ge=0, lt=2**63)
    split_seed: int = Field(default=0, ge=0, lt=2**63)
    jobs: int = Field(default=1, ge=1, le=MOST_JOBS)
    time_limit: float | None = Field(default=None, gt=0)
    trial_timeout: float | None = Field(default=None, gt=0)
    latency_command: str | None = None
    latency_timeout: float = Field(default=60, gt=0)
    classes: tuple[str, ...] = ()
    training: dict[str, Any] = Field(default_factory=dict)
    space_options: dict[str, Any] = Field(default_factory=dict)

    @model_validator(mode="before")
    @classmethod
    def _present_names(cls, values: Any) -> Any:
        """Accept the former names of settings, values, metrics and operators, with a warning."""
        return renamed.settings(values) if isinstance(values, Mapping) else values

    @field_validator("data_root", "supernet", "test", "validation")
    @classmethod
    def _absolute_path(cls, value: Path | str | None) -> Path | str | None:
        """Make a path absolute, so that a run can be resumed from any working directory."""
        return None if value is None else value if str(value) == "split" else absolute(value)

    @field_validator("ignore", "categorical", mode="before")
    @classmethod
    def _several(cls, value: object) -> object:
        """One text names one column, or several with commas."""
        return (value,) if isinstance(value, str) else value

    @field_validator("teacher")
    @classmethod
    def _absolute_run(cls, value: str | None) -> str | None:
        return None if value is None else str(absolute(value))

    @field_validator("dataset")
    @classmethod
    def _absolute_file(cls, value: str) -> str:
        return str(absolute(value)) if is_own_file(value) else value

    @model_validator(mode="after")
    def _check_seeder(self) -> Self:
        if self.seeder != "random" and self.searcher != "random":
            raise ValueError(f"seeder must be 'random' unless searcher is, got {self.seeder!r} with {self.searcher!r}")
        return self

    @field_validator("prescreen")
    @classmethod
    def _known_proxy(cls, value: str | None) -> str | None:
        check_names([] if value is None else [value])
        return value

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
                f"{self.evaluator!r} with {'no run' if self.supernet is None else self.supernet}"
            )
        if self.evaluator == "shared" and self.teacher is not None:
            raise ValueError("the evaluator 'shared' trains nothing that could learn from a teacher: leave it out")
        return self

    @model_validator(mode="after")
    def _check_table(self) -> Self:
        if self.evaluator == "table":
            trains = ("teacher", "n_train", "n_validation", "axes", "task", "training", "latency_command")
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

    @field_validator("rungs")
    @classmethod
    def _ascending(cls, value: tuple[int, ...] | None) -> tuple[int, ...] | None:
        if value is not None and (not value or value[0] < 1 or sorted(set(value)) != list(value)):
            raise ValueError(f"rungs must be ascending numbers of epochs, at least 1, got {list(value)}")
        return value

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
        """The training recipe."""
        return recipe_from(self.training)

    def to_json(self) -> Json:
        """The configuration as stored in a run."""
        return self.model_dump(mode="json")


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
    values = {**defaults, **({} if toml is None else renamed.settings(read_toml(toml)))}
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
        source: Where they are from, for the message.
        options: Of the command line, by the names of those settings that they gave.

    Raises:
        UserError: The first bad key or value; names the option that gave it, or the source.
    """
    try:
        config = RunConfig.model_validate(values)
    except ValidationError as error:
        raise UserError(sentence_of(error, RunConfig.model_fields, source=source, options=options)) from None
    recipe_from(config.training, options=options)
    return config


def read_toml(path: Path) -> dict[str, Any]:
    """A TOML file as a dict.

    Raises:
        UserError: The file cannot be read.
    """
    try:
        return tomllib.loads(path.read_bytes().decode("utf-8-sig"))
    except FileNotFoundError:
        raise UserError(f"there is no configuration file {path}") from None
    except (OSError, ValueError, RecursionError) as error:  # a number of thousands of digits is a ValueError
        raise UserError(f"cannot read {path} as TOML: {error}") from None


def recipe_from(values: Mapping[str, Any], *, options: Mapping[str, str] = MappingProxyType({})) -> Recipe:
    """A recipe from the table ``training``; raises :class:`UserError`, which names the options that gave its fields."""
    tables = {"pruning": Pruning.__dataclass_fields__, "regrowth": Regrowth.__dataclass_fields__}
    for key in values:
        for inner in values[key] if key in tables and isinstance(values[key], dict) else ():
            if inner not in tables[key]:
                raise UserError(f"unknown key {inner!r} in training.{key}{suggestion(inner, tables[key])}")
    return settings_from(Recipe, values, table="training", options=options)


def settings_from(
    kind: type[S], values: Mapping[str, Any], *, table: str, options: Mapping[str, str] = MappingProxyType({})
) -> S:
    """A dataclass of settings from a table of the configuration.

    Args:
        kind: The dataclass.
        values: Of its fields.
        table: What the message names.
        options: Of the command line, by the names of those fields that they gave.

    Raises:
        UserError: A key is unknown, or a value is not allowed.
    """
    fields = {field.name: field for field in dataclasses.fields(kind)}
    for key in values:
        if key not in fields:
            raise UserError(f"unknown key {key!r} in {table}{suggestion(key, fields)}")
    adapter: TypeAdapter[S] = _adapter(kind)
    try:
        return adapter.validate_python(dict(values))
    except ValidationError as error:
        raise UserError(sentence_of(error, fields, source=table, options=options)) from None


@cache
def _adapter(kind: type[S]) -> TypeAdapter[S]:
    return TypeAdapter(kind)
