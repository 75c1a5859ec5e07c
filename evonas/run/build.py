"""Assembly of the parts of a run by its configuration."""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

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
from evonas.data.test_split_check import check_test_set
from evonas.evaluation import Evaluator, splits_of
from evonas.evaluation.cost import LATENCY_ESTIMATE
from evonas.evaluation.proxies.screen import Screen
from evonas.objectives import Objectives
from evonas.rng import Stream, stream
from evonas.run.evaluators import build_evaluator, check_proxies, scorer_of
from evonas.run.initialization import complete_settings, find_searches, founder_options, suitable_options
from evonas.run.plugins import create_space, find_searcher, read_space_options, read_table
from evonas.run.presets import preset_of, with_preset
from evonas.run.searchers import check_own_settings, with_budgets, with_defaults, with_rungs, with_settings
from evonas.run.warm_start import founding_trials
from evonas.search import Searcher
from evonas.search.reproduction import Screening
from evonas.space import Offspring, SearchSpace
from evonas.store import RunStore
from evonas.supernet.search import SupernetSearch
from evonas.training.length import EPOCHS, default_epochs
from evonas.types import Task, UserError


@dataclass(frozen=True)
class Parts:
    """Parts of a run by its configuration, ready to run.

    Attributes:
        family_search: The search that gives the family; None for one that is drawn member by member.
        table: Table in which the evaluator ``table`` looks networks up.
    """

    config: RunConfig
    splits: Splits
    space: SearchSpace[Any]
    evaluator: Evaluator[Any]
    objectives: Objectives
    family_search: OneShotSearch[Any] | None
    table: ArchitectureTable[Any] | None = None

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
        config = with_defaults(config)
        check_own_settings(config)
    table = None
    if config.evaluator == "table":
        table = read_table(config.space, config.dataset, config.data_root, config.wanted)
    splits = load(config.dataset, **config.split) if table is None else splits_of(table, config.dataset)
    if new:
        check_test_set(splits, config.file_options)  # not at the end of a run
    if is_own_file(config.dataset):  # what was told by shapes, types and headers is said from now on
        config = config.model_copy(update={
            "axes": splits.axes, "task": splits.task.kind, "columns": splits.columns,
            "categories": dict(splits.categories),
            "target": splits.targets if len(splits.targets) > 1 else config.target,
            "classes": splits.classes or config.classes,
        })
    if config.classes and len(config.classes) != splits.task.n_outputs:
        raise UserError(f"classes: expected the names of {splits.task.n_outputs} classes, got {len(config.classes)}")
    if new and config.preset is not None:
        config, splits = _published(config, splits)
    if table is not None:
        config = with_budgets(config, table)
    if config.epochs is None:
        wanted = default_epochs(
            len(splits.train), config.recipe.batch_size, epochs=epochs, input_shape=splits.task.input_shape
        )
        config = config.model_copy(update={"epochs": wanted})
    config = with_settings(with_rungs(config))
    config, space = _with_space(config, splits.task)
    if table is not None:
        table.check(space)
    if new and (suited := suitable_options(space, config, seed_from)):
        config, space = _with_space(config, splits.task, suited)
    if new and (bounds := founder_options(config, space, len(splits.train))):
        config, space = _with_space(config, splits.task, bounds)
    searches = find_searches(config, space, out)
    config = config.model_copy(update=complete_settings(config, space, searches, n_samples=len(splits.train)))
    evaluator, objectives = build_evaluator(config, space, splits, out, table)
    if new:
        check_proxies(config, space, splits, objectives)
    config = config.model_copy(update={"objectives": tuple(o.metric for o in objectives.items)})
    return Parts(config, splits, space, evaluator, objectives, searches.get(config.seeder), table)


def _with_space(
    config: RunConfig, task: Task, changes: Mapping[str, Any] = MappingProxyType({})
) -> tuple[RunConfig, SearchSpace[Any]]:
    """The configuration with its table ``space_options`` read, and the space for a task.

    Args:
        config: The configuration.
        task: The task.
        changes: Options that take the place of the configuration's, or come to them.

    Raises:
        UserError: An option is wrong.
    """
    table = {**config.space_options, **changes} if changes else config.space_options
    options = read_space_options(config.space, table)
    config = config.model_copy(update={"space_options": options})
    return config, create_space(config.space, task, options)


def _published(config: RunConfig, splits: Splits) -> tuple[RunConfig, Splits]:
    """The configuration with its preset, and the samples with as many held back as that asks for."""
    space = create_space(config.space, splits.task, config.space_options)
    config, preset = with_preset(config, space), preset_of(config, space)
    share = None if preset is None else preset.validation_share
    if share is None or config.n_validation is not None or config.n_train is not None or is_own_file(config.dataset):
        return config, splits
    n = round(share * (len(splits.train) + len(splits.validation)))
    if n == len(splits.validation):
        return config, splits
    config = config.model_copy(update={"n_validation": n})
    return config, load(config.dataset, **config.split)


def create_searcher(parts: Parts, store: RunStore[Any] | None) -> Searcher[Any]:
    """The searcher of a run; without one only to see, before anything is written, that there can be one."""
    config, space = parts.config, parts.space
    numbers: dict[str, Any] = {
        "population": config.population, "children": config.children, "generations": config.generations,
        "rungs": config.budgets, "rng": np.random.default_rng(stream(config.seed, Stream.SEARCH)),
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
    factory = find_searcher(config.searcher)
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
