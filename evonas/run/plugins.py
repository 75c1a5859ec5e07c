"""Plugins by name, through entry points: any package can add a search space, a searcher, a metric or a table.

Entries of ``evonas.search_spaces`` name a :class:`evonas.space.SpaceFactory`, of ``evonas.searchers`` a
:class:`evonas.search.SearcherFactory`, of ``evonas.metrics`` a :class:`evonas.evaluation.CustomMetric`, and of
``evonas.tables``, under the name of a search space, a :class:`evonas.capabilities.tables.TableSource`.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel

from evonas.capabilities.given import Given
from evonas.capabilities.option_models import read_options
from evonas.capabilities.options import ReadsOptions
from evonas.capabilities.tables import ArchitectureTable
from evonas.objectives.metrics import METRICS, Metric
from evonas.search import SEARCHERS, SearcherFactory
from evonas.serialization.arrays import BAD_DATA
from evonas.space import SearchSpace
from evonas.types import Task, UserError, suggestion

if TYPE_CHECKING:
    from evonas.evaluation.custom import CustomMetric

SPACES, SEARCHER_GROUP, METRIC_GROUP, TABLES = (
    "evonas.search_spaces", "evonas.searchers", "evonas.metrics", "evonas.tables"
)


@cache
def installed(group: str) -> Mapping[str, EntryPoint]:
    """The entry points of a group by name."""
    return MappingProxyType({point.name: point for point in entry_points(group=group)})  # reads every package's files


def available_spaces() -> Mapping[str, EntryPoint]:
    """The installed search spaces by name."""
    return installed(SPACES)


def option_model(name: str) -> type[BaseModel] | None:
    """The model of a space's options, None if its factory declares none.

    Raises:
        UserError: No such space is installed, or it cannot be imported.
    """
    factory = _load(name, available_spaces(), "search space")
    model = factory.option_model if isinstance(factory, ReadsOptions) else None
    return model if isinstance(model, type) and issubclass(model, BaseModel) else None


def read_space_options(name: str, options: Mapping[str, Any]) -> Mapping[str, Any]:
    """The table of a space's options with their typed values, for :func:`create_space`.

    A table that has been read stays as it is, and so does that of a factory that declares no model of its options.

    Args:
        name: Name of the space.
        options: Options of the space by name.

    Raises:
        UserError: No such space is installed, it cannot be imported, or an option is wrong.
    """
    model = option_model(name)
    if model is None:
        return dict(options)
    if isinstance(options, Given) and isinstance(options.settings, model):
        return options
    with _refusals(name):
        return Given(options, read_options(model, options, space=name))


def create_space(name: str, task: Task, options: Mapping[str, Any]) -> SearchSpace[Any]:
    """The named space for a task.

    Args:
        name: Name of the space.
        task: The task.
        options: Options of the space by name, or what :func:`read_space_options` has made of them.

    Raises:
        UserError: No such space is installed, it cannot be imported, or it refuses an option.
    """
    factory = _load(name, available_spaces(), "search space")
    with _refusals(name):
        space: SearchSpace[Any] = factory(task, options.settings if isinstance(options, Given) else options)
    return space


@contextmanager
def _refusals(name: str) -> Iterator[None]:
    """Turn errors of a space's options into :class:`UserError`."""
    try:
        yield
    except BAD_DATA as error:
        raise UserError(f"search space {name!r}: {error}") from error


def searcher_names() -> tuple[str, ...]:
    """The names that ``--searcher`` accepts: the engine's own, then those of other packages."""
    return (*SEARCHERS, *(name for name in installed(SEARCHER_GROUP) if name not in SEARCHERS))


def find_searcher(name: str) -> SearcherFactory:
    """The named searcher; the engine's own have priority over those of other packages.

    Raises:
        UserError: There is none, or it cannot be imported.
    """
    if name in SEARCHERS:
        return SEARCHERS[name]
    if name not in installed(SEARCHER_GROUP):
        raise UserError(f"unknown searcher {name!r}{suggestion(name, searcher_names())}")
    factory: SearcherFactory = _load(name, installed(SEARCHER_GROUP), "searcher")
    return factory


def name_of_searcher(searcher: object) -> str:
    """The name that ``--searcher`` has for a searcher's class; that of the class where there is none."""
    kind, factories = type(searcher), dict[str, object](SEARCHERS)
    names = [name for name, factory in factories.items() if factory is kind]
    path = f"{kind.__module__}:{kind.__qualname__}"
    names += [name for name, point in installed(SEARCHER_GROUP).items() if point.value == path]
    return names[0] if names else kind.__name__


def custom_metrics(wanted: Collection[str]) -> Mapping[str, CustomMetric]:
    """The wanted metrics that other packages provide; the engine's own are not among them.

    Raises:
        UserError: One cannot be imported, or does not declare whether less or more is better.
    """
    found: dict[str, CustomMetric] = {}
    for name in installed(METRIC_GROUP):
        if name in wanted and name not in METRICS:
            metric = _load(name, installed(METRIC_GROUP), "metric")
            if not isinstance(getattr(metric, "description", None), Metric) or not callable(metric):
                raise UserError(f"the metric {name!r} is installed but does not say whether less or more is better: it "
                                "needs an attribute `description`, an evonas.objectives.metrics.Metric, and to be "
                                "callable")
            found[name] = metric
    return found


def custom_metric_names() -> tuple[str, ...]:
    """Names of the metrics that other packages provide."""
    return tuple(name for name in installed(METRIC_GROUP) if name not in METRICS)


def descriptions() -> Mapping[str, Metric]:
    """Descriptions of the metrics of other packages and of the tables of search spaces."""
    custom: dict[str, Metric] = {}
    for name in custom_metric_names():
        with suppress(UserError):  # an invalid metric is refused when it is asked for
            custom |= {name: metric.description for name, metric in custom_metrics([name]).items()}
    return {**{name: metric for space in installed(TABLES) for name, metric in table_metrics(space).items()}, **custom}


def table_metrics(space: str) -> Mapping[str, Metric]:
    """The metrics of devices in the table of a search space; empty if there is no table."""
    if space not in installed(TABLES):
        return {}
    metrics: Mapping[str, Metric] = _load(space, installed(TABLES), "table").metrics
    return metrics


def read_table(space: str, dataset: str, root: Path | None, wanted: Collection[str]) -> ArchitectureTable[Any]:
    """The table of a search space for a data set.

    Args:
        space: Name of the space.
        dataset: Name of the data set.
        root: A folder to search first.
        wanted: Metrics that are asked for.

    Raises:
        UserError: There is no table of the space, or not of the data set, or its files are missing or altered.
    """
    if space not in installed(TABLES):
        raise UserError(f"there is no table of the search space {space!r}, but of {', '.join(installed(TABLES))}: "
                        "choose such a space, or leave out the evaluator 'table'")
    table: ArchitectureTable[Any] = _load(space, installed(TABLES), "table").read(dataset, root, wanted)
    return table


def _load(name: str, points: Mapping[str, EntryPoint], what: str) -> Any:
    if name not in points:
        raise UserError(f"unknown {what} {name!r}{suggestion(name, points)}")
    try:
        return points[name].load()
    except (ImportError, AttributeError) as error:
        raise UserError(f"the {what} {name!r} is installed but cannot be loaded: {error}") from error
