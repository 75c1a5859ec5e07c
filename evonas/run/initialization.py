"""Sources of a run's first genotypes by its configuration: a seeder, or a search for a whole family."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from evonas.capabilities.choices import Relaxable
from evonas.capabilities.family import FamilySearchable, OneShotSearch
from evonas.capabilities.given import Given, recipe_from, settings_from
from evonas.capabilities.initialization import FitsFounders, Seedable, Seeder
from evonas.capabilities.options import HasWeightOptions, SuitsData
from evonas.capabilities.presets import joined
from evonas.config import RunConfig
from evonas.data.memory import usable_memory
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


def suitable_options(space: SearchSpace[Any], config: RunConfig, seed_from: Sequence[Path]) -> Mapping[str, Any]:
    """Options that suit the data where the user's leave them open, see :class:`evonas.capabilities.options.SuitsData`.

    What decides the meaning of weights is, where other runs of the space give their networks, as it is there.

    Args:
        space: Empty options where it suits no data.
        config: Configuration of the new run.
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


def find_searches(config: RunConfig, space: SearchSpace[Any], out: Path) -> Mapping[str, OneShotSearch[Any]]:
    """The searches for families by name: the space's own, and those of supernets where it has one.

    Args:
        out: The run, in which a search may find a table of latencies.

    Raises:
        UserError: ``search_options`` do not fit the seeder of the configuration.
    """
    searches: dict[str, OneShotSearch[Any]] = {}
    if isinstance(space, Relaxable):
        for name, kind in methods_for(space.choices).items():
            options = config.search_options if name == config.seeder else {}
            searches[name] = SupernetSearch(space, name, settings_from(kind, options, table="search_options"), out)
    if isinstance(space, FamilySearchable):
        searches |= space.family_searches
        own: Any = space.family_searches.get(config.seeder)
        if config.search_options and own is not None:
            settings = settings_from(type(own.settings), config.search_options, table="search_options")
            searches[config.seeder] = replace(own, settings=settings)
    return searches


def seeder_names(space: SearchSpace[Any]) -> tuple[str, ...]:
    """Names that ``--method`` takes for the space: those of every space, its own, and searches for a family."""
    own = space.seeders if isinstance(space, Seedable) else {}
    supernets = methods_for(space.choices) if isinstance(space, Relaxable) else {}
    families = space.family_searches if isinstance(space, FamilySearchable) else {}
    return ("random", *own, *supernets, *families)


def complete_settings(
    config: RunConfig, space: SearchSpace[Any], searches: Mapping[str, OneShotSearch[Any]], *, n_samples: int
) -> dict[str, Any]:
    """Settings that the seeder decides where the user does not; raises :class:`UserError`.

    Args:
        searches: Result of :func:`find_searches`.
        n_samples: Number of training samples.
    """
    seeder = _seeder(config, space, searches)
    training = joined({} if seeder is None else seeder.training, config.training)
    recipe = recipe_from(training)
    if recipe.regrowth is not None:
        training["regrowth"] = asdict(recipe.regrowth)  # complete, so that a run says between which layers edges move
    search = searches.get(config.seeder)
    for name in ("search_epochs", "search_options"):
        if search is None and getattr(config, name):
            raise UserError(
                f"{name} belong to a search that gives a whole family, the seeder {config.seeder!r} is none: "
                f"remove them"
            )
    if config.teacher is not None and isinstance(search, SupernetSearch):
        raise UserError(
            f"the search {config.seeder!r} trains a supernet, which does not learn from a teacher: leave the teacher "
            f"out here, and give it to `evonas evolve --seed-from`"
        )
    epochs = config.search_epochs
    if search is not None and epochs is None:
        epochs = default_epochs(n_samples, recipe.batch_size, epochs=search.epochs)
    options = {} if search is None else Given(asdict(search.settings), search.settings)
    return {"training": Given(training, recipe), "search_epochs": epochs, "search_options": options}


def _seeder(
    config: RunConfig, space: SearchSpace[Any], searches: Mapping[str, OneShotSearch[Any]]
) -> Seeder[Any] | OneShotSearch[Any] | None:
    """Seeder or search of the run; None for random samples, which every space has.

    Args:
        config: Configuration of the run.
        space: Space of the run.
        searches: Searches for a family, by name.
    """
    seeders: dict[str, Seeder[Any] | OneShotSearch[Any]] = {**searches}
    if isinstance(space, Seedable):
        seeders |= space.seeders
    if config.seeder in METHODS and config.seeder not in seeders and isinstance(space, Relaxable):
        raise UserError(NOT_NESTED.format(config.seeder))
    if config.seeder != "random" and config.seeder not in seeders:
        raise UserError(
            f"the space {config.space} has no seeder {config.seeder!r}{suggestion(config.seeder, ['random', *seeders])}"
        )
    return seeders.get(config.seeder)
