"""Search spaces by name, through entry points of the group ``evonas.search_spaces``: anybody's package can add one."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from types import MappingProxyType
from typing import Any

from evonas.encoding import BAD_DATA
from evonas.space import SearchSpace
from evonas.types import Task, UserError, suggestion

GROUP = "evonas.search_spaces"


@cache
def available_spaces() -> Mapping[str, EntryPoint]:
    """The installed search spaces by name."""
    return MappingProxyType({point.name: point for point in entry_points(group=GROUP)})  # reads every package's files


def create_space(name: str, task: Task, options: Mapping[str, Any]) -> SearchSpace[Any]:
    """The named space for a task.

    Raises:
        UserError: No such space is installed, it cannot be imported, or it refuses an option.
    """
    points = available_spaces()
    if name not in points:
        raise UserError(f"unknown search space {name!r}{suggestion(name, points)}")
    try:
        factory = points[name].load()
    except (ImportError, AttributeError) as error:
        raise UserError(f"the search space {name!r} is installed but cannot be loaded: {error}") from error
    try:
        space: SearchSpace[Any] = factory(task, options)
    except BAD_DATA as error:
        raise UserError(f"search space {name!r}: {error}") from error
    return space
