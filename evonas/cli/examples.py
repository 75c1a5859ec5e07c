"""Search spaces as they are for an example of each kind of task: what can be said of a space without data."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from evonas.plugins import available_spaces, create_space
from evonas.scoring import objective_names
from evonas.space import SearchSpace
from evonas.types import Task, UserError

#: Images of 8 x 8 pixels, which every space of this program takes, by what they are mapped to.
EXAMPLES = {
    "classification": Task("classification", (1, 8, 8), 10),
    "regression of one target": Task("regression", (1, 8, 8), 1),
    "regression of several targets": Task("regression", (1, 8, 8), 2),
}


@dataclass(frozen=True)
class Uses:
    """The kinds of tasks and the spaces in whose runs a metric can be an objective."""

    tasks: set[str] = field(default_factory=set)
    spaces: set[str] = field(default_factory=set)


def example_spaces(names: Iterable[str]) -> Iterator[tuple[str, str, SearchSpace[Any]]]:
    """Task, name and space for each pair of a task and a space that takes it; the space for classification first."""
    for name in names:
        for kind, task in EXAMPLES.items():
            try:
                space = create_space(name, task, {})
            except UserError:  # it is of another's, and takes no such samples or targets
                continue
            yield kind, name, space


def uses_of_metrics(space: str | None = None) -> dict[str, Uses]:
    """What can be an objective or a constraint in the space, or in any that is installed, and where."""
    uses: dict[str, Uses] = {}
    for kind, name, built in example_spaces(sorted(available_spaces()) if space is None else [space]):
        for metric in objective_names(built, EXAMPLES[kind]):
            use = uses.setdefault(metric, Uses())
            use.tasks.add(kind)
            use.spaces.add(name)
    return uses


def seeders_of(space: str | None = None) -> dict[str, None]:
    """Methods of ``evonas seed`` in the space, or in any that is installed, in order."""
    from evonas.seeders import seeder_names

    names = sorted(available_spaces(), reverse=True) if space is None else [space]
    return dict.fromkeys(seeder for _, _, built in example_spaces(names) for seeder in seeder_names(built))
