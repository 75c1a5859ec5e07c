"""Assembly of the parts of a run by its configuration."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np

from evonas.capabilities.export import HasTimedParts
from evonas.capabilities.family import OneShotSearch
from evonas.capabilities.given import Given
from evonas.capabilities.initialization import Seedable
from evonas.capabilities.tables import ArchitectureTable
from evonas.config import RunConfig
from evonas.data import load
from evonas.data.own_files import is_own_file
from evonas.data.samples import Splits
from evonas.evaluation import Evaluator, splits_of
from evonas.evaluation.cost import LATENCY_ESTIMATE
from evonas.evaluation.proxies.screen import Screen
from evonas.objectives import Objectives
from evonas.rng import Stream, stream
from evonas.run.evaluators import build_evaluator, scorer_of
from evonas.run.initialization import founder_options, suitable_options, with_method
from evonas.run.measure import sources_of
from evonas.run.misplaced import check_tables
from evonas.run.plugins import create_space, find_searcher, read_space_options, read_table
from evonas.run.presets import with_preset
from evonas.run.searchers import with_budgets, with_defaults
from evonas.run.targets import hints_at_devices, targets_of
from evonas.run.warm_start import founding_trials
from evonas.runtimes.targets import Target
from evonas.search import Searcher
from evonas.search.reproduction import Screening
from evonas.space import Offspring, SearchSpace
from evonas.store import RunStore
from evonas.supernet.search import SupernetSearch
from evonas.training.length import EPOCHS, default_epochs
from evonas.types import Task, UserError

#: Options of a space that suit a run, by its configuration and the space as it is without them.
Fill: TypeAlias = Callable[[RunConfig, SearchSpace[Any]], Mapping[str, Any]]


@dataclass(frozen=True)
class Parts:
    """Parts of a run by its configuration, ready to run.

    Attributes:
        family_search: The search that gives the family; None for one that is drawn member by member.
        search_seed: Random stream of the searcher.
        table: Table in which the evaluator ``table`` looks networks up.
        targets: Targets that networks are measured on.
    """

    config: RunConfig
    splits: Splits
    space: SearchSpace[Any]
    evaluator: Evaluator[Any]
    objectives: Objectives
    family_search: OneShotSearch[Any] | None
    search_seed: np.random.SeedSequence
    table: ArchitectureTable[Any] | None = None
    targets: tuple[Target, ...] = ()

    @property
    def sources(self) -> Mapping[str, str]:
        """What measures the networks here, by the metric: machine, command, or the tools of a target."""
        return sources_of(self.config.latency_command, self.targets, self.objectives.metrics)

    @property
    def timed_space(self) -> HasTimedParts[Any] | None:
        """The space, where something is estimated or learned from a table of latencies."""
        searched = isinstance(self.family_search, SupernetSearch) and self.family_search.needs_table
        needed = searched or LATENCY_ESTIMATE in self.objectives.metrics
        return self.space if needed and isinstance(self.space, HasTimedParts) else None


def assemble(
    config: RunConfig, out: Path, *, epochs: int = EPOCHS, new: bool = True, seed_from: Sequence[Path] = ()
) -> Parts:
    """Load the data and build every part of the run ``out``; raises :class:`UserError` for what does not fit.

    Args:
        config: Settings of the user.
        out: The run, in which a search may find a table of latencies.
        epochs: Epochs of a trial for data sets that are not small, if the configuration gives none.
        new: Choose options that suit the data, and bound what founders begin with; a run that is resumed keeps what
            it began with.
        seed_from: Runs whose networks this one goes on from.
    """
    if new:
        check_tables(config)
        config = with_defaults(config)
    table, targets = None, tuple[Target, ...]()
    if config.evaluator == "table":
        table = read_table(config.space, config.dataset, config.data_root, config.wanted)
        splits = splits_of(table, config.dataset)
    else:
        targets = targets_of(config)
        with hints_at_devices(config):
            splits = load(config.dataset, **config.split, check_test=new)
    config = _as_told(config, splits)
    if new and config.preset is not None:
        asked = config.split
        space = create_space(config.space, splits.task, config.space_options)
        config = with_preset(config, space, splits)
        splits = splits if config.split == asked else load(config.dataset, **config.split)
    n_train, task = len(splits.train), splits.task
    if table is None:
        usual = default_epochs(n_train, config.recipe.batch_size, epochs=epochs, input_shape=task.input_shape)
    else:
        usual = table.budgets[-1]
    config = with_budgets(config, usual, None if table is None else table.budgets)
    fills = partial(suitable_options, seed_from=seed_from), partial(founder_options, n_train=n_train)
    config, space = _with_space(config, task, fills if new else ())
    if table is not None:
        table.check(space)
    config, search = with_method(config, space, out, n_samples=n_train)
    evaluator, objectives = build_evaluator(config, space, splits, out, table, targets)
    config = config.model_copy(update={"objectives": tuple(o.metric for o in objectives.items)})
    return Parts(
        config, splits, space, evaluator, objectives, search, stream(config.seed, Stream.SEARCH), table, targets
    )


def _as_told(config: RunConfig, splits: Splits) -> RunConfig:
    """The configuration with what shapes, types and headers of the user's own file say, which is said from now on.

    Raises:
        UserError: The file has another number of classes than the configuration.
    """
    if is_own_file(config.dataset):
        config = config.model_copy(update={
            "axes": splits.axes, "task": splits.task.kind, "columns": splits.columns,
            "categories": dict(splits.categories),
            "target": splits.targets if len(splits.targets) > 1 else config.target,
            "classes": splits.classes or config.classes,
        })
    if config.classes and len(config.classes) != splits.task.n_outputs:
        raise UserError(f"classes: expected the names of {splits.task.n_outputs} classes, got {len(config.classes)}")
    return config


def _with_space(config: RunConfig, task: Task, fills: Sequence[Fill]) -> tuple[RunConfig, SearchSpace[Any]]:
    """The configuration with its table ``space_options`` read, and the space for a task.

    Args:
        config: The configuration.
        task: The task.
        fills: Each gives options that the user has left open, which it asks the space with all others for.

    Raises:
        UserError: An option is wrong.
    """
    options = read_space_options(config.space, config.space_options)
    space = create_space(config.space, task, options)
    config = config.model_copy(update={"space_options": options})
    for index, fill in enumerate(fills, 1):
        if found := fill(config, space):
            changed = config.model_copy(update={"space_options": {**options, **found}})
            return _with_space(changed, task, fills[index:])
    return config, space


def create_searcher(parts: Parts, store: RunStore[Any] | None) -> Searcher[Any]:
    """The searcher of a run; without one only to see, before anything is written, that there can be one."""
    config, space, factory = parts.config, parts.space, find_searcher(parts.config.searcher)
    numbers: dict[str, Any] = {
        "population": config.population, "children": config.children, "generations": config.generations,
        "rungs": config.budgets, "rng": np.random.default_rng(parts.search_seed),
    }
    if isinstance(config.searcher_options, Given):
        numbers["settings"] = config.searcher_options.settings
    if config.prescreen is not None:
        screen = Screen(scorer_of(config, space, parts.splits), config.prescreen)
        numbers["screening"] = Screening(screen, config.prescreen_ratio)
    if config.searcher == "nsga2":
        numbers |= {
            "survival": config.survival, "parent_selection": config.parent_selection,
            "adaptive_operators": config.adaptive_operators, "crossover_rate": config.crossover_rate,
            "founders": () if store is None else founding_trials(store),
        }
    elif parts.family_search is not None and store is not None:
        numbers["draw"] = lambda index, rng: Offspring(store.individual(index).genotype, config.seeder)
    elif isinstance(space, Seedable) and (seeder := space.seeders.get(config.seeder)) is not None:
        numbers["draw"] = lambda index, rng: Offspring(seeder(index, rng), config.seeder)
    taken = inspect.signature(factory).parameters.values()
    if all(parameter.kind is not inspect.Parameter.VAR_KEYWORD for parameter in taken):
        for name, setting in (("screening", "prescreen"), ("draw", "seeder")):
            if name in numbers and name not in {parameter.name for parameter in taken}:
                raise UserError(f"the searcher {config.searcher!r} takes no {setting}, got "
                                f"{getattr(config, setting)!r}: leave it out, or choose nsga2 or random")
    try:
        return factory(space, parts.objectives, **numbers)
    except ValueError as error:
        raise UserError(f"searcher {config.searcher!r}: {error}") from error
