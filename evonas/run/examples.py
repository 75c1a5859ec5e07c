"""Search spaces built for an example of each kind of task: the information that needs no data."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from evonas.run.evaluators import objective_names
from evonas.run.plugins import available_spaces, create_space, table_metrics
from evonas.space import SearchSpace
from evonas.types import Task, UserError

#: Shapes of samples, of which a space takes at least one; the first that it takes is its example.
SHAPES = {"images": (1, 8, 8), "signals": (1, 64), "tables": (64,)}
#: Kinds of tasks, each with its kind of targets and number of outputs.
KINDS: Mapping[str, tuple[Literal["classification", "regression"], int]] = {
    "classification": ("classification", 10),
    "regression of one target": ("regression", 1),
    "regression of several targets": ("regression", 2),
}


@dataclass(frozen=True)
class Uses:
    """Kinds of tasks and spaces in whose runs a metric can be an objective.

    Attributes:
        tasks: Names of kinds of tasks.
        spaces: Names of spaces.
    """

    tasks: set[str] = field(default_factory=set)
    spaces: set[str] = field(default_factory=set)


@dataclass(frozen=True)
class Example:
    """Space for a task that it takes.

    Attributes:
        samples: Kind of the samples.
        task: The task.
        space: The space.
    """

    samples: str
    task: Task
    space: SearchSpace[Any]


def example_of(name: str, kind: str = "classification") -> Example:
    """Return the space for the first samples that it takes.

    Raises:
        UserError: There is no such space, or it takes no samples of this kind of task.
    """
    refusals: list[UserError] = []
    for samples, shape in SHAPES.items():
        task = Task(KINDS[kind][0], shape, KINDS[kind][1])
        try:
            return Example(samples, task, create_space(name, task, {}))
        except UserError as error:
            refusals.append(error)
    raise refusals[0]


def examples_of(names: Iterable[str]) -> Iterator[tuple[str, str, Example]]:
    """Yield kind of task, name and example for each space and each kind that it takes."""
    for name in names:
        for kind in KINDS:
            try:
                yield kind, name, example_of(name, kind)
            except UserError:
                continue


def uses_of_metrics(space: str | None = None) -> dict[str, Uses]:
    """Return possible objectives and constraints of the space, or of any that is installed, with their uses."""
    uses: dict[str, Uses] = {}
    for kind, name, example in examples_of(sorted(available_spaces()) if space is None else [space]):
        measured = table_metrics(name) if kind == "classification" else ()
        for metric in (*objective_names(example.space, example.task), *measured):
            use = uses.setdefault(metric, Uses())
            use.tasks.add(kind)
            use.spaces.add(name)
    return uses


def seeders_of(space: str | None = None) -> dict[str, None]:
    """Return methods of ``evonas seed`` in the space, or in any that is installed, in order."""
    from evonas.run.initialization import seeder_names

    names = sorted(available_spaces(), reverse=True) if space is None else [space]
    return dict.fromkeys(seeder for _, _, example in examples_of(names) for seeder in seeder_names(example.space))
