"""Whether this run can take something from another."""

from __future__ import annotations

from functools import partial
from typing import Any

from evonas.config import RunConfig, check_config
from evonas.data.normalisation import check_scales
from evonas.data.samples import Splits
from evonas.plugins import create_space
from evonas.space import HasWeightOptions, SearchSpace
from evonas.store import RunInfo, task_of
from evonas.types import Task, UserError


def check_fit(run: str, info: RunInfo, config: RunConfig, splits: Splits, space: SearchSpace[Any]) -> RunConfig:
    """The configuration of another run whose weights this one takes.

    Args:
        run: What a sentence about it begins with.
        config, splits, space: Of this one.

    Raises:
        UserError: The first difference that matters to weights.
    """
    theirs = check_config(info.config, source=run)
    check = partial(check_same, run)
    check("search space", theirs.space, config.space)
    their_task = task_of(info, run)
    check("input shape", their_task.input_shape, splits.task.input_shape)
    check_scales(run, info.task["target_scale"], splits.task)
    their_space = create_space(theirs.space, splits.task, theirs.space_options)
    if isinstance(space, HasWeightOptions) and isinstance(their_space, HasWeightOptions):
        for name, expected in space.weight_options.items():
            check(name, their_space.weight_options[name], expected)
    check("split_seed", theirs.split_seed, config.split_seed)
    check("data set, n_train or n_validation (fingerprint)", info.fingerprint, splits.fingerprint)
    return theirs


def check_samples(run: str, info: RunInfo, theirs: RunConfig, task: Task, split_seed: int, fingerprint: str) -> None:
    """Whether another run, of whatever space, has seen what this one sees.

    Args:
        run: What a sentence about it begins with.
        task, split_seed, fingerprint: Of this one.

    Raises:
        UserError: The first difference.
    """
    check = partial(check_same, run)
    their_task = task_of(info, run)
    check("kind of task", their_task.kind, task.kind)
    check("input shape", their_task.input_shape, task.input_shape)
    check("number of outputs", their_task.n_outputs, task.n_outputs)
    check_scales(run, info.task["target_scale"], task)
    check("split_seed, so that it may have learnt this run's validation samples,", theirs.split_seed, split_seed)
    check("data set, n_train or n_validation (fingerprint)", info.fingerprint, fingerprint)


def check_same(run: str, what: str, got: object, expected: object) -> None:
    """Raise :class:`UserError` unless another run has what this one has.

    Args:
        run: What the sentence about it begins with.
        what: Is compared, for the sentence.
        got: The other run's value.
        expected: This run's value.
    """
    if got != expected:
        raise UserError(f"{run} has another {what} than this one: expected {expected}, got {got}")
