"""From a run directory back to the run, open."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from evonas.config import RunConfig, check_config
from evonas.data import load
from evonas.data.samples import Splits
from evonas.objectives import MAXIMISED, MINIMISED, Objectives, costs_of, parse_objectives
from evonas.plugins import create_space
from evonas.space import SearchSpace
from evonas.store import RunInfo, RunStore, StoreError, read_info, task_of
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
    task = task_of(info, out)
    space = create_space(config.space, task, config.space_options)
    names = config.objectives or ()
    known = {*names, *(re.split("[<>]", text)[0].strip() for text in config.constraints)}  # checked when it began
    goals = info.goals
    if not {*names} <= MINIMISED | MAXIMISED | goals.keys():  # costs that only the space knows, in an older run
        goals = {**costs_of(space.cost(space.sample(np.random.default_rng(0)))), **goals}
    try:
        objectives = parse_objectives(names, config.constraints, known, goals)
    except UserError as error:
        remedy = f"for this run with RunStore({str(out)!r}, space, writing=True).declare({{METRIC: GOAL}})"
        raise UserError(f"{out}: {error}; {remedy}") from None
    measured = frozenset(objective.metric for objective in objectives.items)
    with RunStore(out, space, writing=writing, measured=measured) as store:
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
    stored = {"self_distillation": False, **read_info(out).config}  # runs from before there was any go on without
    if stored.get("latency_command") is not None:
        stored = _with_device(stored)
    values = {**stored, **{k: v for k, v in (changes or {}).items() if v is not None}}
    return check_config(values, source=str(out))


def _with_device(stored: dict[str, Any]) -> dict[str, Any]:
    """A configuration in which the latency by a command has its own name, which it once had not."""
    texts = {key: stored.get(key) for key in ("objectives", "constraints")}
    lists = {key: value for key, value in texts.items() if isinstance(value, list) and all(map(_is_text, value))}
    if any("latency_device" in text for value in lists.values() for text in value):
        return stored
    return {**stored, **{k: [re.sub(r"\blatency\b", "latency_device", t) for t in v] for k, v in lists.items()}}


def _is_text(value: object) -> bool:
    return isinstance(value, str)


def check_data(splits: Splits, info: RunInfo, out: Path) -> None:
    """Raises :class:`StoreError` unless ``splits`` are what the run was started with."""
    if splits.fingerprint != info.fingerprint:
        raise StoreError(
            f"the data set {splits.name!r} is not the one that {out} was started with: its fingerprint is "
            f"{splits.fingerprint}, expected {info.fingerprint}; put the original files back"
        )
