"""From a configuration to the parts of a run, and the run itself: begun, or resumed."""

from __future__ import annotations

import inspect
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import numpy as np

from evonas import engine
from evonas.config import RunConfig
from evonas.data import load
from evonas.data.held_out_fit import check_test_set
from evonas.data.locating import expanded
from evonas.data.own_files import is_own_file
from evonas.data.samples import Splits
from evonas.evaluation import Evaluator, splits_of
from evonas.evaluation.base import class_of
from evonas.evaluation.cost import LATENCY_ESTIMATE
from evonas.evaluation.proxies.scorer import Scorer
from evonas.evaluation.proxies.screen import Screen
from evonas.exportable import HasTimedParts
from evonas.family import FamilyObserver, find_family
from evonas.lowering import REPLACE_MAX_POOL
from evonas.objectives import Objectives
from evonas.opened import check_data, config_of, locate_data
from evonas.plugins import create_space, find_searcher, read_table
from evonas.relaxed.search import SupernetSearch
from evonas.rng import Stream, stream
from evonas.runtimes.latency_table import measure_table
from evonas.runtimes.latency_table import read_table as read_latencies
from evonas.scoring import build_scoring, check_proxies
from evonas.search import Searcher
from evonas.search.births import Screening
from evonas.searchers import searcher_settings, with_budgets, with_defaults, with_rungs
from evonas.seeders import complete_settings, find_searches, founder_options, suitable_options
from evonas.seeding import Seeds, founding_trials, read_seeds
from evonas.space import G, Offspring, SearchSpace, Seedable
from evonas.store import Record, RunStore, check_absent, create, damaged, each_once, of_another, read_info
from evonas.tabulated import ArchitectureTable
from evonas.teacher import OwnTeacher, read_teacher
from evonas.timed import check_target, sources_of
from evonas.training import FamilySearch
from evonas.training.length import EPOCHS, default_epochs
from evonas.types import Floats, UserError, blames

#: Members of a family that are trained between two states of the run: few, so that a time limit that cuts one short
#: leaves a front over the whole range.
BATCH = 5
#: Members where nobody asks for others; and more of them than anybody waits for.
FAMILY_SIZE, UNLIMITED = 40, 1_000_000
#: Default epochs of each, where there are samples enough: it has no parent to begin from.
MEMBER_EPOCHS = 2 * EPOCHS


@runtime_checkable
class RunObserver(FamilyObserver, Protocol):
    """What watches a run: an object with these methods, which must not change anything.

    A class derived from this one has them all, doing nothing, and overrides those that it needs::

        class Best(evonas.RunObserver):
            def evaluated(self, evaluation):
                if evaluation.status == "ok":
                    print(evaluation.id, evaluation.metrics["val_accuracy"], evaluation.seconds)

    They are called in the process and the thread that began the run, in this order: :meth:`timing` where latencies
    are estimated, :meth:`noted`, :meth:`begun`, then of every generation :meth:`asked`, :meth:`evaluated` for each of
    its trials, and :meth:`told`. What one raises ends the run, which can be resumed.
    """

    def begun(self, config: RunConfig, objectives: Objectives, records: list[Record], elapsed: float) -> None:
        """The run is open; ``records`` are its evaluations from ``elapsed`` seconds of earlier sessions."""
        ...

    def timing(self, n_done: int, n_rounds: int) -> None:
        """Before the run is open, where it needs a table of latencies: so many rounds of timing are done."""
        ...

    def noted(self, sentence: str) -> None:
        """What the user should know of the run's founders."""
        ...


@dataclass(frozen=True)
class Parts:
    """What a configuration describes, ready to run.

    Attributes:
        family_search: The search that gives the family; None where it is drawn member by member.
        table: What the evaluator ``table`` looks networks up in.
    """

    config: RunConfig
    splits: Splits
    space: SearchSpace[Any]
    evaluator: Evaluator[Any]
    objectives: Objectives
    family_search: FamilySearch[Any] | None
    table: ArchitectureTable[Any] | None = None

    @property
    def timed_space(self) -> HasTimedParts[Any] | None:
        """The space, where something is estimated or learned from a table of latencies."""
        searched = isinstance(self.family_search, SupernetSearch) and self.family_search.needs_table
        needed = searched or LATENCY_ESTIMATE in self.objectives.metrics
        return self.space if needed and isinstance(self.space, HasTimedParts) else None

    def taught(self, outputs: Floats, out: Path) -> Parts:
        """The same with what a teacher says of the training samples, ``(n_train, n_outputs)``."""
        splits = replace(self.splits, train=replace(self.splits.train, teacher=outputs))
        return replace(self, splits=splits, evaluator=build_scoring(self.config, self.space, splits, out)[0])


def assemble(
    config: RunConfig, out: Path, *, epochs: int = EPOCHS, new: bool = True, seed_from: Sequence[Path] = ()
) -> Parts:
    """Load the data and build every part of the run ``out``; raises :class:`UserError` for what does not fit.

    Args:
        config: What the user has set.
        out: The run, in which a search may find a table of latencies.
        epochs: Of a trial where the configuration gives none and there are samples enough.
        new: Choose options that suit the data, and bound what founders begin with; a run that is resumed keeps what
            it began with.
        seed_from: Runs whose networks this one goes on from.
    """
    if new:
        config = with_defaults(config)
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
    if table is not None:
        config = with_budgets(config, table)
    if config.epochs is None:
        wanted = default_epochs(
            len(splits.train), config.recipe.batch_size, epochs=epochs, input_shape=splits.task.input_shape
        )
        config = config.model_copy(update={"epochs": wanted})
    config = with_rungs(config)
    space = create_space(config.space, splits.task, config.space_options)
    if table is not None:
        table.check(space)
    if new and (suited := suitable_options(space, config, seed_from)):
        config = config.model_copy(update={"space_options": {**config.space_options, **suited}})
        space = create_space(config.space, splits.task, config.space_options)
    if new and (bounds := founder_options(config, space, len(splits.train))):
        config = config.model_copy(update={"space_options": {**config.space_options, **bounds}})
        space = create_space(config.space, splits.task, config.space_options)
    searches = find_searches(config, space, out)
    config = config.model_copy(update=complete_settings(config, space, searches, n_samples=len(splits.train)))
    evaluator, objectives = build_scoring(config, space, splits, out, table)
    if new:
        check_proxies(config, space, splits, objectives)
    config = config.model_copy(update={"objectives": tuple(o.metric for o in objectives.items)})
    return Parts(config, splits, space, evaluator, objectives, searches.get(config.seeder), table)


def _searcher(parts: Parts, store: RunStore[Any] | None) -> Searcher[Any]:
    """The searcher of a run; without one only to see, before anything is written, that there can be one."""
    config, space = parts.config, parts.space
    numbers: dict[str, Any] = {
        "population": config.population, "children": config.children, "generations": config.generations,
        "rungs": config.budgets, "rng": np.random.default_rng(stream(config.seed, Stream.SEARCH)),
        **searcher_settings(config),
    }
    if config.prescreen is not None:
        screen = Screen(Scorer(space, parts.splits, config.seed), config.prescreen)
        numbers["screening"] = Screening(screen, config.prescreen_ratio)
    if config.searcher == "nsga2":
        numbers |= {
            "survival": config.survival, "parents": config.parents, "adapt": config.adapt,
            "crossover_rate": config.crossover_rate, "founders": () if store is None else founding_trials(store),
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


def evolve(
    config: RunConfig, out: Path, *, seed_from: Sequence[Path] = (), replace_max_pool: bool = False,
    observers: Sequence[RunObserver] = (),
) -> bool:
    """A new run in the directory ``out``; returns whether the searcher came to its end within the time limit.

    Args:
        seed_from: Runs whose fronts are the founders (see :mod:`evonas.seeding`).
        replace_max_pool: In seeds of another space average pooling may take the place of max-pooling.

    Raises:
        UserError: Bad configuration, bad data, runs that cannot seed or teach this one, or ``out`` exists; nothing is
            written then.
    """
    since, out, seed_from = time.monotonic(), expanded(out), [expanded(path) for path in seed_from]
    check_absent(out)  # before any data is loaded
    if seed_from and config.searcher != "nsga2":
        raise UserError(f"only the searcher nsga2 can be seeded from runs, got {config.searcher!r}")
    if replace_max_pool and not seed_from:
        raise UserError(f"{REPLACE_MAX_POOL} is about seeds of another space, and there are none: name one with "
                        "--seed-from")
    parts = assemble(config, out, seed_from=seed_from)
    seeds = None if not seed_from else read_seeds(
        seed_from, parts.config, parts.splits, parts.space, parts.objectives, parts.evaluator,
        replace_max_pool=replace_max_pool,
    )
    return begin(parts, out, seeds=seeds, observers=observers, since=since)


def seed(
    config: RunConfig, out: Path, *, n_members: int | None = None, observers: Sequence[RunObserver] = ()
) -> bool:
    """A new run that trains the family of ``config.seeder``; returns whether it came to its end within the time limit.

    Args:
        n_members: None is what the seeder's search gives by itself; else as many as the time allows, 40 where there is
            no limit.

    Raises:
        UserError: As :func:`evolve`.
    """
    since, out = time.monotonic(), expanded(out)
    check_absent(out)  # before any data is loaded
    parts = assemble(config, out, epochs=MEMBER_EPOCHS)
    if n_members is None and parts.family_search is not None:
        n_members = parts.family_search.n_members
    n_members = n_members or (UNLIMITED if config.time_limit else FAMILY_SIZE)
    n_batches = max(0, n_members - 2) // BATCH
    batches = {"population": n_members - n_batches * BATCH, "children": BATCH, "generations": n_batches}
    parts = replace(parts, config=parts.config.model_copy(update=batches))
    return begin(parts, out, observers=observers, since=since)


def begin(
    parts: Parts, out: Path, *, seeds: Seeds | None = None, observers: Sequence[RunObserver] = (), since: float
) -> bool:
    """A new run of assembled parts in the directory ``out``; returns and raises as :func:`evolve`.

    Args:
        seeds: The founders, where they are given.
        since: ``time.monotonic()`` from which the time limit counts.
    """
    config, splits = parts.config, parts.splits
    teacher = None if config.teacher is None else read_teacher(
        config.teacher, config.teacher_members, samples=splits.train, task=splits.task, split_seed=config.split_seed,
        fingerprint=splits.fingerprint,
    )
    given = [part for part in (seeds, teacher) if part is not None]
    _searcher(parts, None)
    if seeds is None:
        _draw_one(parts)

    def fill(directory: Path) -> None:
        for part in given:
            part.write(directory, parts.space)
        if parts.timed_space is not None and (seeds is None or seeds.table is None):
            measure_table(parts.timed_space, report).write(directory)

    def report(n_done: int, n_rounds: int) -> None:
        for observer in observers:
            observer.timing(n_done, n_rounds)

    create(
        out, config=config.to_json(), task=asdict(splits.task), fingerprint=splits.fingerprint,
        normalisation=splits.scaling.to_json(), seeds=each_once(source for part in given for source in part.sources),
        fill=fill,
    )
    for observer in observers:
        for sentence in (*(() if seeds is None else seeds.notes), *(() if parts.table is None else parts.table.notes)):
            observer.noted(sentence)
    return _run(parts, out, observers, since)


def resume(out: Path, changes: Mapping[str, Any], *, observers: Sequence[RunObserver] = ()) -> bool:
    """Go on with a run exactly where it stopped.

    Args:
        changes: New values of ``data_root``, ``dataset`` (the same samples in another place), ``jobs``,
            ``time_limit``, ``trial_timeout``, ``generations`` or ``evaluations``; the ``latency_command``, where the
            run has one.

    Raises:
        UserError: Not a run, its data set is not there or has changed, or its latency command was not given again.
    """
    since, out = time.monotonic(), expanded(out)
    command = config_of(out).latency_command
    if command != changes.get("latency_command"):  # a run directory may come from anybody: it starts no program
        told = "without --latency-command" if command is None else f"with --latency-command {command!r}"
        raise UserError(f"{out} was started {told}: give the same to go on")
    info, factory = read_info(out), find_searcher(config_of(out).searcher)
    if isinstance(factory, type) and info.searcher not in (None, class_of(factory)):
        raise of_another(out, f"searched by {info.searcher}", class_of(factory))
    if "." in (info.evaluator or ""):  # none of the engine's own
        raise of_another(out, f"evaluated by {info.evaluator}", "the command line's own")
    with blames(out):
        parts = assemble(locate_data(config_of(out, changes), info, out), out, new=False)
    if parts.family_search is not None and changes.get("generations") is not None:
        raise UserError(
            f"the family of {out} comes from one search, which has ended with as many members as it was asked for: "
            f"leave out --generations, or begin another run with more --members"
        )
    check_data(parts.splits, info, out)
    with blames(out):
        return _run(parts, out, observers, since)


def _draw_one(parts: Parts) -> None:
    """A founder or a member of the family, to see that there are any before anything is written."""
    config, space = parts.config, parts.space
    seeder = space.seeders.get(config.seeder) if isinstance(space, Seedable) and config.searcher != "nsga2" else None
    rng = np.random.default_rng(config.seed)
    if seeder is not None:
        seeder(0, rng)
    elif parts.family_search is None:
        space.sample(rng)


def _run(parts: Parts, out: Path, observers: Sequence[RunObserver], since: float) -> bool:
    config = parts.config
    if parts.timed_space is not None:
        read_latencies(out, parts.timed_space.timed_parts.names)  # without it every trial would fail
    with RunStore(out, parts.space, writing=True) as store:
        searcher = _searcher(parts, store)
        engine.claim(searcher, parts.evaluator, store)
        for metric, source in sources_of(config, parts.objectives).items():
            check_target(store, metric, source, own=True)
        if config.to_json() != store.info.config:
            store.set_config(config.to_json())
        if (outputs := store.teacher_outputs()) is not None:
            expected = len(parts.splits.train), parts.splits.task.n_outputs
            if outputs.shape != expected:
                raise damaged(f"{out} has outputs of a teacher of shape {outputs.shape}, expected {expected}")
            parts = parts.taught(outputs, out)
        for observer in observers:
            observer.begun(config, parts.objectives, store.records(), store.elapsed)
        if parts.family_search is not None and not _find_family(parts, parts.family_search, store, observers):
            return False
        return engine.run(
            searcher, parts.evaluator, store, seed=config.seed, n_jobs=config.jobs,
            trial_timeout=config.trial_timeout, time_limit=config.time_limit, n_evaluations=config.evaluations,
            observers=observers,
            evaluator_at=_evaluators_by_generation(parts, store, out) if config.teaches_itself else None, since=since,
        )


def _evaluators_by_generation(parts: Parts, store: RunStore[G], out: Path) -> Callable[[int], Evaluator[G]]:
    """Evaluators that train with the best of earlier generations as teacher."""
    config, splits = parts.config, parts.splits
    n_jobs = config.jobs if parts.evaluator.shares_memory else 1
    teacher = OwnTeacher(store, parts.space, splits.train, splits.task, config.teacher_members, n_jobs)

    @lru_cache(maxsize=1)
    def taught(since: int) -> Evaluator[G]:
        return parts.taught(teacher.outputs(since), out).evaluator if since else parts.evaluator

    return lambda generation: taught(teacher.since(generation))


def _find_family(
    parts: Parts, search: FamilySearch[Any], store: RunStore[Any], observers: Sequence[RunObserver]
) -> bool:
    config = parts.config
    return find_family(
        search, parts.evaluator, store, parts.splits, config.recipe, name=config.seeder,
        n_members=config.population + config.generations * config.children,
        epochs=config.search_epochs or search.epochs, seed=config.seed, n_jobs=config.jobs,
        trial_timeout=config.trial_timeout, time_limit=config.time_limit, observers=observers,
    )
