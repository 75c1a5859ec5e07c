"""Build evaluators from a configuration: what is measured of a network, and which of that is minimised."""

from __future__ import annotations

import re
from collections.abc import Sequence, Set
from pathlib import Path
from typing import Any

import numpy as np

from evonas.capabilities.choices import Relaxable
from evonas.capabilities.export import HasTimedParts
from evonas.capabilities.tables import ArchitectureTable
from evonas.config import RunConfig
from evonas.data.samples import Splits
from evonas.evaluation import (
    CostEvaluator,
    CustomEvaluator,
    DeploymentEvaluator,
    Evaluator,
    LatencyEstimator,
    SharedEvaluator,
    TableEvaluator,
    TrainedEvaluator,
    merge,
)
from evonas.evaluation.cost import LATENCY_ESTIMATE
from evonas.evaluation.deployment import deployment_names, require_timing
from evonas.evaluation.metrics import metric_names
from evonas.evaluation.proxies import JOINED, MEASURED, check_names, measured_for
from evonas.evaluation.proxies.evaluator import ProxyEvaluator
from evonas.evaluation.proxies.scorer import Scorer
from evonas.evaluation.trained import trained_names
from evonas.objectives import Objectives, costs_of, parse_objectives
from evonas.objectives.metrics import DEVICE_LATENCY, HOST_LATENCY, is_logarithmic
from evonas.run.one_shot import FOLDER
from evonas.run.open import check_compatible
from evonas.run.plugins import custom_metric_names, custom_metrics, table_metrics
from evonas.run.targets import known_targets, targets_of
from evonas.runtimes.device import parse_command
from evonas.runtimes.targets import Target, require_tools
from evonas.space import SearchSpace
from evonas.store import read_info
from evonas.supernet.checkpoint import load_supernet
from evonas.training.augmentation import check_images
from evonas.types import Task, UserError


def build_evaluator(
    config: RunConfig, space: SearchSpace[Any], splits: Splits, folder: Path,
    table: ArchitectureTable[Any] | None = None,
) -> tuple[Evaluator[Any], Objectives]:
    """The evaluators that a configuration asks for, as one, and the objectives among their metrics.

    Args:
        config: The configuration of the run.
        space: The space of its genotypes.
        splits: Its samples.
        folder: The directory of the run, where an estimate of latency finds its table.
        table: The results that the evaluator ``table`` looks networks up in.

    Raises:
        UserError: Unknown metrics, a cost before a quality, or an evaluator that the space or another run cannot serve.
    """
    structural = space.cost(space.sample(np.random.default_rng(0)))
    scorer = _scorer(config, space, splits) if table is None else TableEvaluator(table)
    evaluator = merge(scorer, CostEvaluator(space, tuple(structural)))
    custom, devices = custom_metrics(config.wanted), table_metrics(config.space) if table is not None else {}
    names = config.objectives or (metric_names(splits.task, "trainval" if table is None else "val")[0], "flops")
    targets = targets_of(config) if table is None else ()
    deployed = deployment_names(space, splits.task, tuple(known_targets(config).values())) if table is None else ()
    proxies = measured_for(splits.task) if table is None else ()
    known = (*evaluator.metric_names, *deployed, *devices, *_estimated(space), *proxies, *custom_metric_names())
    _check_single([*names, *config.constraints], splits.task)
    goals = {name: metric.description.goal for name, metric in custom.items()}
    goals |= {name: metric.goal for name, metric in devices.items()}
    objectives = parse_objectives(names, config.constraints, known, {**costs_of(structural), **goals})
    if config.teaches_itself and "train_loss" in objectives.metrics:
        raise UserError("train_loss is measured against a teacher that this run changes: choose another metric, or "
                        "give --no-self-distillation")
    _check_order(names, {name for name in names if is_logarithmic(name)} | {*structural, *devices})
    if scored := _scored(objectives):
        evaluator = merge(evaluator, ProxyEvaluator(scorer_of(config, space, splits), scored))
    if isinstance(space, HasTimedParts) and LATENCY_ESTIMATE in objectives.metrics:
        evaluator = merge(evaluator, LatencyEstimator(space, folder))
    wanted = [name for name in deployed if name in objectives.metrics]
    if deployment := _deployment(config, space, splits, wanted, targets):
        evaluator = merge(evaluator, deployment)
    if custom:
        evaluator = merge(evaluator, CustomEvaluator(space, custom))
    return evaluator, objectives


def objective_names(space: SearchSpace[Any], task: Task) -> tuple[str, ...]:
    """The metrics that can be objectives or constraints of a run that trains networks of the space for the task."""
    structural = space.cost(space.sample(np.random.default_rng(0)))
    return (
        *trained_names(task), *structural, *deployment_names(space, task), *_estimated(space), *measured_for(task),
        *custom_metric_names(),
    )


def check_proxies(
    config: RunConfig, space: SearchSpace[Any], splits: Splits, objectives: Objectives
) -> None:
    """Raise :class:`UserError` for a proxy of the configuration that networks of the space cannot have.

    Args:
        config: The configuration of the run.
        space: The space of its genotypes.
        splits: Its samples.
        objectives: Its objectives and constraints.
    """
    names = [*_scored(objectives), *([] if config.prescreen is None else [config.prescreen])]
    if names:
        scorer_of(config, space, splits).check(list(dict.fromkeys(names)))


def scorer_of(config: RunConfig, space: SearchSpace[Any], splits: Splits) -> Scorer[Any]:
    """Return the scorer of proxies by a configuration.

    Args:
        config: Its seed and its settings of proxies.
        space: The space of the genotypes.
        splits: The samples.
    """
    return Scorer(space, splits, config.seed, sizes=config.reg_swap_sizes)


def _scored(objectives: Objectives) -> tuple[str, ...]:
    return tuple(name for name in MEASURED if name in objectives.metrics)


def _check_single(texts: Sequence[str], task: Task) -> None:
    """Raise :class:`UserError` for objectives and constraints on proxies that one network of the task cannot have."""
    for text in texts:
        name = re.split("[<>]", text)[0].strip()
        if name in JOINED:
            raise UserError(f"{name} compares candidates and is no metric of one network: name some of its parts, "
                            f"{', '.join(JOINED[name])}, or give it as --prescreen")
        if name in MEASURED:
            check_names([name], task)


def _estimated(space: SearchSpace[Any]) -> tuple[str, ...]:
    return (LATENCY_ESTIMATE,) if isinstance(space, HasTimedParts) else ()


def _check_order(names: Sequence[str], costs: Set[str]) -> None:
    """Raise :class:`UserError` where a cost comes first: the first objective is the quality, the others are costs."""
    if names[0] in costs and (qualities := [name for name in names if name not in costs]):
        raise UserError(f"the first objective must be the quality, then costs, got {', '.join(names)}: begin with "
                        f"{qualities[0]}")


def _scorer(config: RunConfig, space: SearchSpace[Any], splits: Splits) -> Evaluator[Any]:
    if config.supernet is None:
        try:
            check_images(splits.task.input_shape, config.recipe)
        except ValueError as error:
            raise UserError(f"training on {splits.name}: {error}") from error
        return TrainedEvaluator(space, splits, config.recipe)
    if not isinstance(space, Relaxable):
        raise UserError(f"the space {config.space} has no supernet: leave out the evaluator 'shared'")
    check_compatible(f"the run of the supernet {config.supernet}", read_info(config.supernet), config, splits, space)
    return SharedEvaluator(space, splits, load_supernet(config.supernet / FOLDER))


def _deployment(
    config: RunConfig, space: SearchSpace[Any], splits: Splits, wanted: Sequence[str], targets: Sequence[Target]
) -> DeploymentEvaluator[Any] | None:
    """Evaluator of the exported network; None if none of its metrics is wanted.

    Args:
        config: Configuration of the run.
        space: Space of the run.
        splits: The data set.
        wanted: Names of its metrics that are wanted.
        targets: Targets that they are of.
    """
    if (config.latency_command is None) == (DEVICE_LATENCY in wanted):
        raise UserError("latency_command times networks for the objective latency_device, and only for that: give both "
                        "or neither (latency is that of this machine)")
    if HOST_LATENCY in wanted:
        require_timing(space)
    require_tools(targets)
    command = () if config.latency_command is None else parse_command(config.latency_command)
    if not wanted:
        return None
    return DeploymentEvaluator(space, splits, tuple(wanted), command, config.latency_timeout, tuple(targets))
