"""Sources of a run's first genotypes by its configuration: a seeder, or a search for a whole family."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from evonas.capabilities.choices import Relaxable
from evonas.capabilities.family import FamilySearchable, OneShotSearch
from evonas.capabilities.given import Given, recipe_from, settings_from
from evonas.capabilities.initialization import FitsFounders, Seedable
from evonas.capabilities.options import HasWeightOptions, SuitsData
from evonas.capabilities.presets import joined
from evonas.config import RunConfig
from evonas.data.memory import usable_memory
from evonas.run.misplaced import check_table, fields_of
from evonas.run.searchers import own_settings
from evonas.space import SearchSpace
from evonas.store import read_info
from evonas.supernet.search import NOT_NESTED, SupernetSearch
from evonas.supernet.settings import METHODS, methods_for
from evonas.training.length import default_epochs
from evonas.types import UserError, suggestion

#: Edges that founders begin with are bounded by samples: more than a thousand edges a sample have too little to learn
#: from; by time: the largest trial takes a quarter of it at most, with a trainer of this many edges a second (that of a
#: core with AVX2; with others the smallest founders still come first); and by memory: while edges are drawn, and for
#: each founder that is kept.
EDGES_A_SAMPLE, LARGEST_TRIAL, EDGES_A_SECOND = 1000, 0.25, 3e9
#: Trials of a second are never too long: so a run that is cut soon is resumed to the same end as one without a limit.
QUICK_TRIAL = 1.0
BYTES_DRAWN, BYTES_KEPT, SHARE_OF_MEMORY = 150, 16, 0.5


def suitable_options(config: RunConfig, space: SearchSpace[Any], seed_from: Sequence[Path]) -> Mapping[str, Any]:
    """Options that suit the data where the user's leave them open, see :class:`evonas.capabilities.options.SuitsData`.

    What decides the meaning of weights is, where other runs of the space give their networks, as it is there.

    Args:
        config: Configuration of the new run.
        space: Empty options where it suits no data.
        seed_from: Runs whose fronts are its founders.
    """
    if not isinstance(space, SuitsData):
        return {}
    options = dict(space.suitable_options())
    given = {name for name in options if name in config.space_options}
    decisive = space.weight_options if isinstance(space, HasWeightOptions) else {}
    for run in seed_from:
        theirs = read_info(run).config
        if theirs.get("space", config.space) != config.space:
            continue
        known = theirs.get("space_options")
        for name in [name for name in options if name in decisive]:
            if isinstance(known, Mapping) and name in known:
                options[name] = known[name]
            else:
                del options[name]
        break
    return {name: value for name, value in options.items() if name not in given}


def founder_options(config: RunConfig, space: SearchSpace[Any], n_train: int) -> Mapping[str, Any]:
    """Options of the space for founders that are affordable and suit the objectives, where the user's leave that open.

    Args:
        config: Its jobs, population, first budget and time limit (seconds) decide what is affordable.
        space: Empty options where it is not ``FitsFounders``.
        n_train: Samples of the training set.
    """
    if not isinstance(space, FitsFounders):
        return {}
    bounds = [
        EDGES_A_SAMPLE * n_train,
        SHARE_OF_MEMORY * usable_memory() / (BYTES_DRAWN * config.jobs + BYTES_KEPT * config.population),
    ]
    if config.time_limit is not None:
        seen = n_train * max(1, config.budgets[0])
        bounds.append(max(LARGEST_TRIAL * config.time_limit, QUICK_TRIAL) * EDGES_A_SECOND / seen)
    return space.founders_for(max(1, int(min(bounds))), config.objectives or ())


def seeder_names(space: SearchSpace[Any]) -> tuple[str, ...]:
    """Names that ``--method`` takes for the space: those of every space, its own, and searches for a family."""
    own = space.seeders if isinstance(space, Seedable) else {}
    supernets = methods_for(space.choices) if isinstance(space, Relaxable) else {}
    families = space.family_searches if isinstance(space, FamilySearchable) else {}
    return ("random", *own, *supernets, *families)


def with_method(
    config: RunConfig, space: SearchSpace[Any], folder: Path, *, n_samples: int
) -> tuple[RunConfig, OneShotSearch[Any] | None]:
    """The configuration with what its searcher and its seeder decide where the user does not, and their tables read.

    Args:
        config: Configuration of the run.
        space: Space of the run.
        folder: The run, in which a search may find a table of latencies.
        n_samples: Number of training samples.

    Returns:
        The configuration, and the search that gives the family; None where the seeder is no such search.

    Raises:
        UserError: There is no such seeder, or a table does not fit.
    """
    kind, search = own_settings(config), _find_search(config, space, folder)
    seeder = space.seeders.get(config.seeder, search) if isinstance(space, Seedable) else search
    update: dict[str, Any] = {}
    if kind is not None:
        settings = settings_from(kind, config.searcher_options, table="searcher_options")
        update["searcher_options"] = Given(config.searcher_options, settings)
    training = joined({} if seeder is None else seeder.training, config.training)
    recipe = recipe_from(training)
    if recipe.regrowth is not None:
        training["regrowth"] = asdict(recipe.regrowth)  # complete, so that a run says between which layers edges move
    update["training"] = Given(training, recipe)
    if search is not None:
        update["search_options"] = Given(asdict(search.settings), search.settings)
        if config.search_epochs is None:
            update["search_epochs"] = default_epochs(n_samples, recipe.batch_size, epochs=search.epochs)
    return config.model_copy(update=update), search


def _check_seeder(config: RunConfig, space: SearchSpace[Any]) -> None:
    name, known = config.seeder, seeder_names(space)
    if name in METHODS and name not in known and isinstance(space, Relaxable):
        raise UserError(NOT_NESTED.format(name))
    if name not in known:
        raise UserError(f"the space {config.space} has no seeder {name!r}{suggestion(name, known)}")


def _find_search(config: RunConfig, space: SearchSpace[Any], folder: Path) -> OneShotSearch[Any] | None:
    """The search for a whole family that the seeder names: the space's own, or of a supernet; None for another seeder.

    Args:
        config: Configuration of the run.
        space: Space of the run.
        folder: The run, in which a search may find a table of latencies.

    Raises:
        UserError: There is no such seeder, or settings of a search do not fit it or are given with another seeder.
    """
    _check_seeder(config, space)
    name, options = config.seeder, config.search_options
    search: OneShotSearch[Any] | None = None
    families = space.family_searches if isinstance(space, FamilySearchable) else {}
    supernets = methods_for(space.choices) if isinstance(space, Relaxable) else {}
    own: Any = families.get(name)  # a dataclass, as the protocol says
    kind = supernets.get(name) if own is None else type(own.settings) if options else None
    settings = None if kind is None else _settings_of_search(config, kind)
    if own is not None:
        search = own if settings is None else replace(own, settings=settings)
    elif isinstance(space, Relaxable) and settings is not None:
        search = SupernetSearch(space, name, settings, folder)
    for setting in ("search_epochs", "search_options"):
        if search is None and getattr(config, setting):
            raise UserError(f"{setting} belong to a search that gives a whole family, the seeder {name!r} is none: "
                            "remove them")
    if config.teacher is not None and isinstance(search, SupernetSearch):
        raise UserError(f"the search {name!r} trains a supernet, which does not learn from a teacher: leave the "
                        "teacher out here, and give it to `evonas evolve --seed-from`")
    return search


def _settings_of_search(config: RunConfig, kind: type[Any]) -> Any:
    """The settings of the search that the seeder names; raise :class:`UserError` where one is none of its own."""
    table = "search_options"
    check_table(config, table, fields_of(kind), f"the search {config.seeder!r} has no option")
    return settings_from(kind, config.search_options, table=table)
