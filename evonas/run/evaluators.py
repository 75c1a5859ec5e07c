"""Build evaluators from a configuration: what is measured of a network, and which of that is minimised."""

from __future__ import annotations

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
    Evaluator,
    LatencyEstimator,
    PhenotypeEvaluator,
    SharedEvaluator,
    TableEvaluator,
    TrainedEvaluator,
    merge,
)
from evonas.evaluation.cost import LATENCY_ESTIMATE
from evonas.evaluation.deployment import deployment_names, deployment_of
from evonas.evaluation.proxies import MEASURED, check_single, measured_for
from evonas.evaluation.proxies.evaluator import ProxyEvaluator
from evonas.evaluation.proxies.scorer import Scorer
from evonas.evaluation.trained import trained_names
from evonas.objectives import LOGARITHMIC, Objectives, costs_of, parse_objectives
from evonas.objectives.metrics import DEVICE_LATENCY
from evonas.run.one_shot import FOLDER
from evonas.run.open import check_compatible
from evonas.run.plugins import custom_metric_names, custom_metrics, table_metrics
from evonas.space import SearchSpace
from evonas.store import read_info
from evonas.supernet.checkpoint import load_supernet
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
    task, structural = splits.task, space.cost(space.sample(np.random.default_rng(0)))
    scorer = _scorer(config, space, splits, table)
    custom, devices = custom_metrics(config.wanted), {} if table is None else table_metrics(config.space)
    names = config.objectives or (f"{'trainval' if table is None else 'val'}_{task.error}", "flops")
    check_single([*names, *config.constraints], task)
    deployed, proxies = ((), ()) if table is not None else (deployment_names(space, task), measured_for(task))
    known = (
        *scorer.metric_names, *structural, *deployed, *devices, *_estimated(space), *proxies, *custom_metric_names()
    )
    goals = {name: metric.description.goal for name, metric in custom.items()}
    goals |= {name: metric.goal for name, metric in devices.items()}
    objectives = parse_objectives(names, config.constraints, known, {**costs_of(structural), **goals})
    if config.teaches_itself and "train_loss" in objectives.metrics:
        raise UserError("train_loss is measured against a teacher that this run changes: choose another metric, or "
                        "give --no-self-distillation")
    _check_order(names, LOGARITHMIC | {*structural, *devices})
    parts: list[PhenotypeEvaluator[Any]] = [CostEvaluator(space, tuple(structural))]
    if scored := proxies_of(objectives):
        parts.append(ProxyEvaluator(Scorer(space, splits, config.seed), scored))
    if isinstance(space, HasTimedParts) and LATENCY_ESTIMATE in objectives.metrics:
        parts.append(LatencyEstimator(space, folder))
    wanted = tuple(name for name in deployed if name in objectives.metrics)
    if (config.latency_command is None) == (DEVICE_LATENCY in wanted):
        raise UserError("latency_command times networks for the objective latency_device, and only for that: give both "
                        "or neither (latency is that of this machine)")
    if wanted:
        parts.append(deployment_of(space, splits, wanted, config.latency_command, config.latency_timeout))
    if custom:
        parts.append(CustomEvaluator(space, custom))
    return merge(scorer, *parts), objectives


def objective_names(space: SearchSpace[Any], task: Task) -> tuple[str, ...]:
    """The metrics that can be objectives or constraints of a run that trains networks of the space for the task."""
    structural = space.cost(space.sample(np.random.default_rng(0)))
    return (
        *trained_names(task), *structural, *deployment_names(space, task), *_estimated(space), *measured_for(task),
        *custom_metric_names(),
    )


def proxies_of(objectives: Objectives) -> tuple[str, ...]:
    """The proxies among objectives and constraints."""
    return tuple(name for name in MEASURED if name in objectives.metrics)


def _estimated(space: SearchSpace[Any]) -> tuple[str, ...]:
    return (LATENCY_ESTIMATE,) if isinstance(space, HasTimedParts) else ()


def _check_order(names: Sequence[str], costs: Set[str]) -> None:
    """Raise :class:`UserError` where a cost comes first: the first objective is the quality, the others are costs."""
    if names[0] in costs and (qualities := [name for name in names if name not in costs]):
        raise UserError(f"the first objective must be the quality, then costs, got {', '.join(names)}: begin with "
                        f"{qualities[0]}")


def _scorer(
    config: RunConfig, space: SearchSpace[Any], splits: Splits, table: ArchitectureTable[Any] | None
) -> Evaluator[Any]:
    """The part that gives networks their weights and measures their quality.

    Args:
        config: Configuration of the run.
        space: Space of the run.
        splits: The data set.
        table: The results that are looked up in its place; None without.
    """
    if table is not None:
        return TableEvaluator(table)
    if config.supernet is None:
        return TrainedEvaluator(space, splits, config.recipe)
    if not isinstance(space, Relaxable):
        raise UserError(f"the space {config.space} has no supernet: leave out the evaluator 'shared'")
    check_compatible(f"the run of the supernet {config.supernet}", read_info(config.supernet), config, splits, space)
    return SharedEvaluator(space, splits, load_supernet(config.supernet / FOLDER))
