"""Opening of a run directory, and checks of whether this run can take something from another."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from evonas.capabilities.options import HasWeightOptions
from evonas.config import RunConfig, check_config, option_names
from evonas.data import load
from evonas.data.locating import absolute
from evonas.data.own_files import SUFFIXES, is_own_file
from evonas.data.samples import Splits
from evonas.data.sources import SOURCES
from evonas.objectives import MAXIMISED, MINIMISED, Objectives, costs_of, parse_objectives
from evonas.run.plugins import create_space, read_space_options
from evonas.runtimes.targets import built_in_targets
from evonas.space import SearchSpace
from evonas.store import RunInfo, RunStore, StoreError, read_info, task_of
from evonas.types import DataError, Json, Task, UserError, blames


@dataclass(frozen=True)
class OpenRun:
    """A run that is open, without its data set."""

    config: RunConfig
    task: Task
    space: SearchSpace[Any]
    objectives: Objectives
    store: RunStore[Any]


@contextmanager
def open_run(
    out: Path, *, writing: bool = False, data_root: Path | None = None, dataset: str | None = None,
    test: Path | None = None,
) -> Iterator[OpenRun]:
    """Open a run directory, and close it; raises :class:`UserError` if it cannot be read.

    Args:
        data_root: Folder of its data set, in the place of the one that the run was begun with.
        dataset: Its data set, where that is not found any more.
        test: A file with its test samples, in the place of the one that it was begun with.
    """
    with blames(out), _opened(out, writing, {"data_root": data_root, "dataset": dataset, "test": test}) as run:
        yield run


@contextmanager
def _opened(out: Path, writing: bool, changes: Mapping[str, Any]) -> Iterator[OpenRun]:
    info, config = read_info(out), config_of(out, changes)
    task = task_of(info, out)
    config = config.model_copy(update={"space_options": read_space_options(config.space, config.space_options)})
    space = create_space(config.space, task, config.space_options)
    names, goals = config.objectives or (), info.goals
    if not {*names} <= MINIMISED | MAXIMISED | goals.keys():  # costs that only the space knows, in an older run
        goals = {**costs_of(space.cost(space.sample(np.random.default_rng(0)))), **goals}
    try:
        objectives = parse_objectives(names, config.constraints, config.wanted, goals)  # checked when it began
    except UserError as error:
        remedy = f"for this run with RunStore({str(out)!r}, space, writing=True).declare({{METRIC: GOAL}})"
        raise UserError(f"{out}: {error}; {remedy}") from None
    measured = frozenset(objective.metric for objective in objectives.items)
    with RunStore(out, space, writing=writing, measured=measured) as store:
        yield OpenRun(config, task, space, objectives, store)


def load_splits(run: OpenRun) -> Splits:
    """The run's data set without its test set; raises :class:`UserError` where it is missing or has changed."""
    require_samples(run)
    c, directory = data_config(run), run.store.directory
    splits = load(c.dataset, **c.split)
    check_data(splits, run.store.info, directory)
    if splits.task != run.task:
        raise StoreError(f"{directory} has a damaged task: its data set has {splits.task}, got {run.task}")
    return splits


def require_samples(run: OpenRun) -> None:
    """Raises :class:`UserError` where a run has none, and trained nothing."""
    if run.config.evaluator == "table":
        raise UserError(f"{run.store.directory} was evaluated by a table, without samples and weights: train its "
                        "networks in a run with the evaluator 'trained', which is one without --evaluator table")


def untrained(run: OpenRun, id: int) -> UserError:
    """The error for an individual that the search has left no weights of its own, with the way to some."""
    return UserError(f"individual {id} of {run.store.directory} has no trained weights: train it with `evonas retrain "
                     f"{shlex.quote(str(run.store.directory))} --ids {id}`, and export it with --weights fresh")


def require_evaluated(run: OpenRun, ids: Sequence[int]) -> list[int]:
    """The ids, checked; raises :class:`UserError` naming the nearest ids where one was not evaluated."""
    records = run.store.records()
    evaluated = {r.id for r in records if r.status == "ok"}
    failed = {r.id: r.error for r in records if r.status != "ok"}
    for id in ids:
        if isinstance(id, bool) or not isinstance(id, int | np.integer):
            raise UserError(f"expected the id of an individual, a whole number, got {id!r}: front() has those of the "
                            f"front in its index")
        if id not in evaluated:
            nearest = sorted(sorted(evaluated, key=lambda other: abs(other - int(id)))[:3])
            names = ", ".join(map(str, nearest))
            hint = f"the nearest are {names}" if nearest else "the run has no evaluated individual yet"
            reason = f"has failed in this run ({failed[id]})" if id in failed else "was not evaluated in this run"
            raise UserError(f"individual {id} {reason}: {hint}")
    return [int(id) for id in ids]


def config_of(out: Path, changes: Mapping[str, Any] | None = None) -> RunConfig:
    """The configuration of a run, with the changes that are not None."""
    info = read_info(out)
    stored = {"self_distillation": False, **info.config}  # runs from before there was any go on without
    if "axes" not in info.config and len(shape := info.task.get("input_shape", ())) == 3 and shape[0] == 1:
        stored["axes"] = None if stored.get("dataset") in SOURCES else "hw"  # what had three axes was an image then
    if "validation" not in info.config and str(stored.get("dataset")).endswith(".npz"):
        stored["validation"] = "split"  # what is called x_val now had no meaning then
    if stored.get("latency_command") is not None:
        stored = _with_device(stored)
    if isinstance(files := stored.get("target_files"), list):  # built-in targets, which need no file, were accepted
        stored["target_files"] = [file for file in files if str(file) not in built_in_targets()]
    stored = _with_rules(stored)
    given = {k: v for k, v in (changes or {}).items() if v is not None}
    stored.pop("cluster", None)  # none was stored by this program: it would be connected to
    return check_config({**stored, **given}, source=str(out), options=option_names(given))


def data_config(run: OpenRun) -> RunConfig:
    """The configuration of an open run with the place of its data set, see :func:`locate_data`."""
    return locate_data(run.config, run.store.info, run.store.directory)


def locate_data(config: RunConfig, info: RunInfo, out: Path) -> RunConfig:
    """Configuration with the present paths of the run's own files of samples, all of which may have been moved.

    A file is looked for where it was, in the folder ``data_root``, beside the run and in it, under its old name; the
    one with the training samples also under the run's. Of several the first is taken that holds the run's samples.

    Args:
        config: Configuration of the run.
        info: Facts about the run.
        out: Directory of the run.

    Raises:
        StoreError: There is none.
    """
    recorded = str(info.config.get("dataset", ""))
    if not is_own_file(recorded):
        return config
    here = absolute(out)
    folders = [*([] if config.data_root is None else [config.data_root]), here.parent, here]
    if config.dataset != recorded:  # the user names a file
        folders.insert(0, Path(config.dataset).parent)
    others = {name: getattr(config, name) for name in ("validation", "test")}
    config = config.model_copy(update={
        name: _moved(path, folders) for name, path in others.items() if isinstance(path, Path)
    })
    if config.dataset != recorded:
        return config
    suffix = next(suffix for suffix in SUFFIXES if recorded.endswith(suffix))
    places = [Path(recorded), *(f / name for f in folders for name in (Path(recorded).name, f"{here.name}{suffix}"))]
    found = [path for path in dict.fromkeys(places) if path.is_file()]
    if not found:
        raise StoreError(
            f"the data set of {out} is neither where it was, {recorded}, nor in {', nor in '.join(map(str, folders))}: "
            f"name the file by --dataset, or its folder by --data-root"
        )
    fitting = (path for path in found if len(found) == 1 or _holds(path, config, info))
    return config.model_copy(update={"dataset": str(next(fitting, found[0]))})


def _moved(path: Path, folders: Sequence[Path]) -> Path:
    """Present path of a file; the old one, if that is not known."""
    if str(path) == "split":
        return path
    return next((place for place in (path, *(folder / path.name for folder in folders)) if place.is_file()), path)


def _holds(path: Path, config: RunConfig, info: RunInfo) -> bool:
    with suppress(UserError):
        return load(path, **config.split).fingerprint == info.fingerprint
    return False


def _with_rules(stored: dict[str, Any]) -> dict[str, Any]:
    """A configuration that says by which rules edges move and random cells are drawn; once there was but one each."""
    training, options = stored.get("training"), stored.get("space_options")
    regrowth = training.get("regrowth") if isinstance(training, dict) else None
    if isinstance(training, dict) and isinstance(regrowth, dict) and "scope" not in regrowth:
        stored = {**stored, "training": {**training, "regrowth": {**regrowth, "scope": "network"}}}
    if stored.get("space") == "cell" and isinstance(options, dict) and "sampling" not in options:
        stored = {**stored, "space_options": {**options, "sampling": "frequencies"}}
    return stored


def _with_device(stored: dict[str, Any]) -> dict[str, Any]:
    """A configuration in which the latency by a command has its own name, which it once had not."""
    texts = {key: stored.get(key) for key in ("objectives", "constraints")}
    lists = {k: v for k, v in texts.items() if isinstance(v, list) and all(isinstance(text, str) for text in v)}
    if any("latency_device" in text for value in lists.values() for text in value):
        return stored
    return {**stored, **{k: [re.sub(r"\blatency\b", "latency_device", t) for t in v] for k, v in lists.items()}}


def check_data(splits: Splits, info: RunInfo, out: Path) -> None:
    """Raise :class:`StoreError` unless ``splits`` are what the run was started with.

    Args:
        splits: The data set.
        info: Facts about the run.
        out: Directory of the run.
    """
    if splits.fingerprint != info.fingerprint:
        raise StoreError(
            f"the data set {splits.name!r} is not the one that {out} was started with: its fingerprint is "
            f"{splits.fingerprint}, expected {info.fingerprint}; put the original files back, or name them by --dataset"
        )
    _check_scales(f"the run {out}", info.task.get("target_scale"), splits.task)


def _check_scales(run: str, scale: Json, task: Task) -> None:
    """Check that a run with several targets has a scale for each, unlike runs of earlier versions with a common one.

    Args:
        run: Name of the run, with which the message begins.
        scale: Scale of the run's targets.
        task: Task with a scale for each target.

    Raises:
        DataError: The run has one scale for all targets.
    """
    if isinstance(task.target_scale, tuple) and isinstance(scale, float | int):
        raise DataError(f"{run} was begun by a version that gave all targets one scale: its networks can be shown and "
                        f"exported as torch; begin it anew to go on")


def check_compatible(run: str, info: RunInfo, config: RunConfig, splits: Splits, space: SearchSpace[Any]) -> RunConfig:
    """The configuration of another run whose weights this one takes.

    Args:
        run: Beginning of a sentence about it.
        config, splits, space: Those of this run.

    Raises:
        UserError: The first difference that matters to weights.
    """
    theirs = check_config(info.config, source=run)
    check = partial(check_same, run)
    check("search space", theirs.space, config.space)
    check("input shape", task_of(info, run).input_shape, splits.task.input_shape)
    _check_scales(run, info.task["target_scale"], splits.task)
    their_space = create_space(theirs.space, splits.task, theirs.space_options)
    if isinstance(space, HasWeightOptions) and isinstance(their_space, HasWeightOptions):
        for name, expected in space.weight_options.items():
            check(name, their_space.weight_options[name], expected)
    check("split_seed", theirs.split_seed, config.split_seed)
    check("data set, n_train or n_validation (fingerprint)", info.fingerprint, splits.fingerprint)
    return theirs


def check_samples(run: str, info: RunInfo, theirs: RunConfig, task: Task, split_seed: int, fingerprint: str) -> None:
    """Check that another run, of any space, has seen the same samples as this one.

    Args:
        run: Beginning of a sentence about it.
        task, split_seed, fingerprint: Those of this run.

    Raises:
        UserError: The first difference.
    """
    check = partial(check_same, run)
    their_task = task_of(info, run)
    check("kind of task", their_task.kind, task.kind)
    check("input shape", their_task.input_shape, task.input_shape)
    check("number of outputs", their_task.n_outputs, task.n_outputs)
    _check_scales(run, info.task["target_scale"], task)
    check("split_seed, so that it may have learnt this run's validation samples,", theirs.split_seed, split_seed)
    check("data set, n_train or n_validation (fingerprint)", info.fingerprint, fingerprint)


def check_same(run: str, what: str, got: object, expected: object) -> None:
    """Raise :class:`UserError` unless another run has what this one has.

    Args:
        run: Beginning of the sentence about it.
        what: Is compared, for the sentence.
        got: The other run's value.
        expected: This run's value.
    """
    if got != expected:
        raise UserError(f"{run} has another {what} than this one: expected {expected}, got {got}")
