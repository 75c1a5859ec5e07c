"""From a run directory back to the run, open."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from evonas.config import RunConfig, check_config
from evonas.data import load
from evonas.data.normalisation import check_scales
from evonas.data.samples import Splits
from evonas.data.sources import SOURCES
from evonas.objectives import Objectives, parse_objectives
from evonas.plugins import create_space
from evonas.space import SearchSpace
from evonas.store import RunInfo, RunStore, StoreError, read_info
from evonas.types import Task, UserError


@dataclass(frozen=True)
class OpenRun:
    """A run that is open, without its data set."""

    config: RunConfig
    task: Task
    space: SearchSpace[Any]
    objectives: Objectives
    store: RunStore[Any]


@contextmanager
def open_run(out: Path, *, writing: bool = False, data_root: Path | None = None) -> Iterator[OpenRun]:
    """Open a run directory, and close it; raises :class:`UserError` if it cannot be read."""
    info, config = read_info(out), config_of(out, {"data_root": data_root})
    try:
        task = Task(**{**info.task, "input_shape": tuple(info.task["input_shape"])})
    except (KeyError, TypeError) as error:
        raise StoreError(f"{out} has a damaged task: {error}") from None
    space = create_space(config.space, task, config.space_options)
    names = config.objectives or ()
    known = {*names, *(re.split("[<>]", text)[0].strip() for text in config.constraints)}  # checked when it began
    objectives = parse_objectives(names, config.constraints, known)
    with RunStore(out, space, writing=writing) as store:
        yield OpenRun(config, task, space, objectives, store)


def load_splits(run: OpenRun) -> Splits:
    """The run's data set without its test set; raises :class:`UserError` where it is missing or has changed."""
    c, directory = run.config, run.store.directory
    splits = load(c.dataset, **c.split)
    check_data(splits, run.store.info, directory)
    if splits.task != run.task:
        raise StoreError(f"{directory} has a damaged task: its data set has {splits.task}, got {run.task}")
    return splits


def chosen(run: OpenRun, ids: Sequence[int]) -> list[int]:
    """The ids, checked; raises :class:`UserError` naming the nearest ids where one was not evaluated."""
    evaluated = {r.id for r in run.store.records() if r.status == "ok"}
    for id in ids:
        if id not in evaluated:
            nearest = sorted(sorted(evaluated, key=lambda other: abs(other - id))[:3])
            names = ", ".join(map(str, nearest))
            hint = f"the nearest are {names}" if nearest else "the run has no evaluated individual yet"
            raise UserError(f"individual {id} was not evaluated in this run: {hint}")
    return list(ids)


def config_of(out: Path, changes: Mapping[str, Any] | None = None) -> RunConfig:
    """The configuration of a run, with the changes that are not None."""
    info = read_info(out)
    stored = {"self_distillation": False, **info.config}  # runs from before there was any go on without
    if "axes" not in info.config and len(shape := info.task.get("input_shape", ())) == 3 and shape[0] == 1:
        stored["axes"] = None if stored.get("dataset") in SOURCES else "hw"  # what had three axes was an image then
    values = {**stored, **{k: v for k, v in (changes or {}).items() if v is not None}}
    return check_config(values, source=str(out))


def check_data(splits: Splits, info: RunInfo, out: Path) -> None:
    """Raises :class:`StoreError` unless ``splits`` are what the run was started with."""
    if splits.fingerprint != info.fingerprint:
        raise StoreError(
            f"the data set {splits.name!r} is not the one that {out} was started with: its fingerprint is "
            f"{splits.fingerprint}, expected {info.fingerprint}; put the original files back"
        )
    check_scales(f"the run {out}", info.task.get("target_scale"), splits.task)
