"""A run from its configuration: begun, seeded, or resumed."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from evonas.capabilities.family import FAMILY_SIZE, OneShotSearch
from evonas.capabilities.initialization import Seedable
from evonas.config import RunConfig
from evonas.data.locating import expanded
from evonas.evaluation import Evaluator
from evonas.evaluation.base import class_of, taught
from evonas.evaluation.executor import Place
from evonas.evaluation.proxies import MEASURED, PROXIES
from evonas.objectives.metrics import target_metric
from evonas.run import loop
from evonas.run.build import Parts, assemble, create_searcher
from evonas.run.distillation import OwnTeacher, read_teacher
from evonas.run.evaluators import scorer_of
from evonas.run.lowering.networks import REPLACE_MAX_POOL
from evonas.run.measure import check_target
from evonas.run.observer import RunObserver
from evonas.run.one_shot import find_family
from evonas.run.open import check_data, config_of, locate_data
from evonas.run.place import opened_place
from evonas.run.plugins import find_searcher
from evonas.run.searchers import unused_numbers
from evonas.run.warm_start import read_seeds
from evonas.runtimes.latency_table import measure_table
from evonas.runtimes.latency_table import read_table as read_latencies
from evonas.runtimes.targets import built_in_targets, find_targets
from evonas.space import G
from evonas.store import RunStore, check_absent, create, damaged, deduplicate, of_another, read_info
from evonas.training.length import MEMBER_EPOCHS
from evonas.types import Floats, UserError, blames

#: Members of a family that are trained between two states of the run: few, so that a time limit that cuts one short
#: leaves a front over the whole range.
BATCH = 5
#: Number of members of a family that stands for no limit: the time limit decides.
UNLIMITED = 1_000_000
#: Remark on a cluster and a number of jobs.
JOBS_UNUSED = "the cluster {} decides how many trials run at a time: the {} jobs that were given beside it are not used"


def evolve(
    config: RunConfig, out: Path, *, seed_from: Sequence[Path] = (), replace_max_pool: bool = False,
    observers: Sequence[RunObserver] = (),
) -> bool:
    """A new run in the directory ``out``; returns whether the searcher came to its end within the time limit.

    Args:
        seed_from: Runs whose fronts are the founders (see :mod:`evonas.run.warm_start`).
        replace_max_pool: Whether average-pooling may take the place of max-pooling in seeds of another space.

    Raises:
        UserError: Bad configuration, bad data, runs that cannot seed or teach this one, or ``out`` exists; nothing is
            written then.
    """
    since, out, seed_from = time.monotonic(), expanded(out), [expanded(path) for path in seed_from]
    check_absent(out)  # before any data is loaded
    if seed_from and config.searcher != "nsga2":
        raise UserError(f"only the searcher nsga2 can be seeded from runs, got {config.searcher!r}: leave out "
                        "--searcher, or --seed-from")
    if replace_max_pool and not seed_from:
        raise UserError(f"{REPLACE_MAX_POOL} is about seeds of another space, and there are none: name one with "
                        "--seed-from")
    notes = _unused(config)
    parts = assemble(config, out, seed_from=seed_from)
    return begin(
        parts, out, seed_from=seed_from, replace_max_pool=replace_max_pool, notes=notes, observers=observers,
        since=since,
    )


def seed(
    config: RunConfig, out: Path, *, n_members: int | None = None, observers: Sequence[RunObserver] = ()
) -> bool:
    """A new run that trains the family of ``config.seeder``; returns whether it came to its end within the time limit.

    Args:
        n_members: Number of members; None takes what the seeder's search gives by itself, else as many as the time
            allows, 40 without a limit.

    Raises:
        UserError: As :func:`evolve`.
    """
    since, out = time.monotonic(), expanded(out)
    check_absent(out)  # before any data is loaded
    notes = _unused(config)
    parts = assemble(config, out, epochs=MEMBER_EPOCHS)
    if n_members is None and parts.family_search is not None:
        n_members = parts.family_search.n_members
    n_members = n_members or (UNLIMITED if config.time_limit else FAMILY_SIZE)
    n_batches = max(0, n_members - 2) // BATCH
    batches = {"population": n_members - n_batches * BATCH, "children": BATCH, "generations": n_batches}
    parts = replace(parts, config=parts.config.model_copy(update=batches))
    return begin(parts, out, notes=notes, observers=observers, since=since)


def _unused(config: RunConfig) -> tuple[str, ...]:
    """Remarks on settings that were given and are not used."""
    notes = []
    if config.rungs is not None and config.epochs is not None:
        notes.append(f"the rungs {', '.join(map(str, config.rungs))} are the epochs of a trial: the {config.epochs} "
                     "epochs that were given beside them are not used")
    if config.cluster is not None and "jobs" in config.model_fields_set:
        notes.append(JOBS_UNUSED.format(config.cluster, config.jobs))
    if unused := [name for name in unused_numbers(config.searcher) if name in config.model_fields_set]:
        notes.append(f"the searcher {config.searcher} does not use {' and '.join(unused)}: leave out what was given")
    return tuple(notes)


def begin(
    parts: Parts, out: Path, *, seed_from: Sequence[Path] = (), replace_max_pool: bool = False,
    notes: Sequence[str] = (), observers: Sequence[RunObserver] = (), since: float,
) -> bool:
    """A new run of assembled parts in the directory ``out``; returns and raises as :func:`evolve`.

    Args:
        seed_from: See :func:`evolve`.
        replace_max_pool: See :func:`evolve`.
        notes: Remarks for the user.
        since: ``time.monotonic()`` from which the time limit counts.
    """
    config, splits = parts.config, parts.splits
    with opened_place(config, parts.objectives) as place:  # before anything is written
        _check(parts, place, has_founders=bool(seed_from))
        teacher = None if config.teacher is None else read_teacher(
            config.teacher, config.teacher_members, samples=splits.train, task=splits.task,
            split_seed=config.split_seed, fingerprint=splits.fingerprint,
        )
        seeds = None if not seed_from else read_seeds(
            seed_from, config, splits, parts.space, parts.objectives, parts.evaluator, parts.sources,
            replace_max_pool=replace_max_pool,
        )
        given = [part for part in (seeds, teacher) if part is not None]

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
            normalisation=splits.scaling.to_json(), fill=fill,
            seeds=deduplicate(source for part in given for source in part.sources),
        )
        notes = (*notes, *(() if seeds is None else seeds.notes), *(() if parts.table is None else parts.table.notes))
        for observer in observers:
            for sentence in notes:
                observer.noted(sentence)
        return _run(parts, out, observers, since, place)


def resume(out: Path, changes: Mapping[str, Any], *, observers: Sequence[RunObserver] = ()) -> bool:
    """Go on with a run exactly where it stopped.

    Args:
        changes: New values of ``data_root``, ``dataset`` (the same samples in another place), ``device``, ``jobs``,
            ``cluster``, ``time_limit``, ``trial_timeout``, ``generations`` or ``evaluations``; the
            ``latency_command`` and the ``target_files``, where the run has such.

    Raises:
        UserError: Not a run, its data set is not there or has changed, or its latency command or a file of a target
            was not given again.
    """
    since, out = time.monotonic(), expanded(out)
    command = config_of(out).latency_command
    if command != changes.get("latency_command"):  # a run directory may come from a stranger: it starts no program
        told = "without --latency-command" if command is None else f"with --latency-command {command!r}"
        raise UserError(f"{out} was started {told}: give the same to go on")
    _check_target_files(out, changes)
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
    if changes.get("cluster") is not None and changes.get("jobs") is not None:
        for observer in observers:
            observer.noted(JOBS_UNUSED.format(changes["cluster"], changes["jobs"]))
    with blames(out), opened_place(parts.config, parts.objectives) as place:
        return _run(parts, out, observers, since, place)


def _check_target_files(out: Path, changes: Mapping[str, Any]) -> None:
    """Raise :class:`UserError` unless the files of targets are given again: they name programs, as commands do."""
    theirs, given = config_of(out).target_files, tuple(changes.get("target_files") or ())
    if len(theirs) != len(given) or {target.name for target in find_targets(given)} != {
        metric.target for metric in map(target_metric, config_of(out).wanted) if metric is not None
    } - built_in_targets().keys():
        told = f"with --target-file {','.join(theirs)}" if theirs else "without --target-file"
        raise UserError(f"{out} was started {told}: give files of the same targets to go on")


def _check(parts: Parts, place: Place, *, has_founders: bool) -> None:
    """Raise :class:`UserError` for what would end a run only after something is written.

    There is no trainer such as it asks for, its networks cannot have a proxy, there is no founder or member of the
    family, or no such searcher, or it cannot be asynchronous.

    Args:
        parts: Parts of a new run.
        place: Place where its trials run.
        has_founders: Whether its founders come from other runs, so that none is drawn.
    """
    config, space = parts.config, parts.space
    _ = parts.evaluator.shares_memory  # asks for the trainer
    proxies = {name for name in PROXIES if name == config.prescreen or (name in MEASURED and name in config.wanted)}
    if proxies:
        scorer_of(config, space, parts.splits).check(sorted(proxies))
    if not has_founders:
        seeder = space.seeders.get(config.seeder) if isinstance(space, Seedable) else None
        rng = np.random.default_rng(config.seed)
        if seeder is not None and config.searcher != "nsga2":
            seeder(0, rng)
        elif parts.family_search is None:
            space.sample(rng)
    loop.check_asynchronous(create_searcher(parts, None), parts.evaluator, place, config.asynchronous)


def _run(parts: Parts, out: Path, observers: Sequence[RunObserver], since: float, place: Place) -> bool:
    config = parts.config
    if parts.timed_space is not None:
        read_latencies(out, parts.timed_space.timed_parts.names)  # without it every trial would fail
    with RunStore(out, parts.space, writing=True) as store:
        searcher = create_searcher(parts, store)
        for metric, source in parts.sources.items():
            check_target(store, metric, source, own=True)
        loop.claim(searcher, parts.evaluator, store)
        if config.to_json() != store.info.config:
            store.set_config(config.to_json())
        evaluator, teacher = parts.evaluator, store.teacher_outputs()
        if teacher is not None:
            expected = len(parts.splits.train), parts.splits.task.n_outputs
            if teacher.shape != expected:
                raise damaged(f"{out} has outputs of a teacher of shape {teacher.shape}, expected {expected}")
            evaluator = taught(evaluator, teacher)
        for observer in observers:
            observer.begun(config, parts.objectives, store.records(), store.elapsed)
        if parts.family_search is not None and not _find_family(
            parts, parts.family_search, evaluator, store, observers, teacher, place
        ):
            return False
        return loop.run(
            searcher, evaluator, store, seed=config.seed, place=place, asynchronous=config.asynchronous,
            trial_timeout=config.trial_timeout, time_limit=config.time_limit, n_evaluations=config.evaluations,
            observers=observers,
            evaluator_at=_evaluators_by_generation(parts, store) if config.teaches_itself else None, since=since,
        )


def _evaluators_by_generation(parts: Parts, store: RunStore[G]) -> Callable[[int], Evaluator[G]]:
    """Evaluators that train with the best of earlier generations as teacher."""
    config, splits = parts.config, parts.splits
    n_jobs = config.jobs if parts.evaluator.shares_memory else 1
    teacher = OwnTeacher(store, parts.space, splits.train, splits.task, config.teacher_members, n_jobs)

    @lru_cache(maxsize=1)
    def evaluator(since: int) -> Evaluator[G]:
        return taught(parts.evaluator, teacher.outputs(since)) if since else parts.evaluator

    return lambda generation: evaluator(teacher.since(generation))


def _find_family(
    parts: Parts, search: OneShotSearch[Any], evaluator: Evaluator[Any], store: RunStore[Any],
    observers: Sequence[RunObserver], teacher: Floats | None, place: Place,
) -> bool:
    config = parts.config
    return find_family(
        search, evaluator, store, parts.splits, config.recipe, name=config.seeder, teacher=teacher,
        n_members=config.population + config.generations * config.children,
        epochs=config.search_epochs or search.epochs, seed=config.seed, place=place,
        trial_timeout=config.trial_timeout, time_limit=config.time_limit, observers=observers,
    )
