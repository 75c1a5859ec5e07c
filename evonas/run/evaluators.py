"""Build evaluators from a configuration: what is measured of a network, and which of that is minimised."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
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
    CustomMetric,
    DeploymentEvaluator,
    Evaluator,
    LatencyEstimator,
    PhenotypeEvaluator,
    SharedEvaluator,
    TableEvaluator,
    TrainedEvaluator,
    merge,
)
from evonas.evaluation.cost import LATENCY_ESTIMATE
from evonas.evaluation.deployment import deployment_names
from evonas.evaluation.on_targets import target_names
from evonas.evaluation.proxies import MEASURED, check_single, measured_for
from evonas.evaluation.proxies.evaluator import ProxyEvaluator
from evonas.evaluation.proxies.scorer import Scorer
from evonas.evaluation.trained import measured_names, trained_names
from evonas.objectives import Objectives, costs_of, parse_objectives
from evonas.objectives.metrics import DEVICE_LATENCY, target_metric
from evonas.run.measure import Timer
from evonas.run.one_shot import FOLDER
from evonas.run.open import check_compatible
from evonas.run.plugins import custom_metric_names, custom_metrics, table_metrics
from evonas.run.targets import known_targets
from evonas.runtimes.targets import Target
from evonas.space import SearchSpace
from evonas.store import read_info
from evonas.supernet.checkpoint import load_supernet
from evonas.types import Metrics, Task, UserError


def build_evaluator(
    config: RunConfig, space: SearchSpace[Any], splits: Splits, folder: Path,
    table: ArchitectureTable[Any] | None = None, targets: Sequence[Target] = (),
) -> tuple[Evaluator[Any], Objectives]:
    """The evaluators that a configuration asks for, as one, and the objectives among their metrics.

    Args:
        config: The configuration of the run.
        space: The space of its genotypes.
        splits: Its samples.
        folder: The directory of the run, where an estimate of latency finds its table.
        table: The results that the evaluator ``table`` looks networks up in.
        targets: The targets among whose metrics are objectives and constraints.

    Raises:
        UserError: Unknown metrics, a cost before a quality, or an evaluator that the space or another run cannot serve.
    """
    if config.supernet is not None:
        _check_supernet(config, space, splits, config.supernet)
    structural = space.cost(space.sample(np.random.default_rng(0)))
    custom = custom_metrics(config.wanted)
    scorer = scorer_of(config, space, splits)
    objectives, deployed = _find_objectives(config, space, splits.task, structural, custom, table, targets)
    parts: list[PhenotypeEvaluator[Any]] = [CostEvaluator(space, tuple(structural))]
    if scored := tuple(name for name in MEASURED if name in objectives.metrics):
        parts.append(ProxyEvaluator(scorer, scored))
    if isinstance(space, HasTimedParts) and LATENCY_ESTIMATE in objectives.metrics:
        parts.append(LatencyEstimator(space, folder))
    if deployed:
        timer = Timer(config.latency_command, config.latency_timeout)
        parts.append(DeploymentEvaluator(space, splits, deployed, timer.command, timer.timeout, tuple(targets)))
    if custom:
        parts.append(CustomEvaluator(space, custom))
    if table is not None:
        return merge(TableEvaluator(table), *parts), objectives
    if config.supernet is None:
        return merge(TrainedEvaluator(space, splits, config.recipe), *parts), objectives
    assert isinstance(space, Relaxable)
    shared: SharedEvaluator[Any] = SharedEvaluator(space, splits, load_supernet(config.supernet / FOLDER))
    return merge(shared, *parts), objectives


def _find_objectives(
    config: RunConfig, space: SearchSpace[Any], task: Task, structural: Metrics, custom: Mapping[str, CustomMetric],
    table: ArchitectureTable[Any] | None, targets: Sequence[Target],
) -> tuple[Objectives, tuple[str, ...]]:
    """The objectives and constraints of a run, and those of their metrics that are measured of the exported network.

    Args:
        config: The configuration of the run.
        space: The space of its genotypes.
        task: Its task.
        structural: Costs of a genotype.
        custom: Metrics of other packages that it asks for.
        table: The results that its networks are looked up in; None where they are trained or share weights.
        targets: The targets that it asks for.
    """
    devices = {} if table is None else table_metrics(config.space)
    names = config.objectives or (f"{'trainval' if table is None else 'val'}_{task.error}", "flops")
    known = (*structural, *devices, *custom_metric_names())
    deployed: tuple[str, ...] = ()
    if isinstance(space, HasTimedParts):
        known = (*known, LATENCY_ESTIMATE)
    check_single([*names, *config.constraints], task)
    if table is not None:
        known = (*known, *table.metric_names)
    else:
        measured = trained_names(task) if config.supernet is None else measured_names(task)
        known = (*known, *measured, *measured_for(task))
        known_by_name = known_targets(targets)
        deployed = deployment_names(space, task, tuple(known_by_name.values()))
        _check_on_targets(config, space, known_by_name)
    goals = {name: metric.description.goal for name, metric in custom.items()}
    goals |= {name: metric.goal for name, metric in devices.items()}
    objectives = parse_objectives(names, config.constraints, (*known, *deployed), {**costs_of(structural), **goals})
    if config.teaches_itself and "train_loss" in objectives.metrics:
        raise UserError("train_loss is measured against a teacher that this run changes: choose another metric, or "
                        "give --no-self-distillation")
    is_quality = [not (o.log or o.metric in {*structural, *devices}) for o in objectives.items]
    if any(is_quality) and not is_quality[0]:
        raise UserError(f"the first objective must be the quality, then costs, got {', '.join(names)}: begin with "
                        f"{names[is_quality.index(True)]}")
    if (config.latency_command is None) == (DEVICE_LATENCY in objectives.metrics):
        raise UserError("latency_command times networks for the objective latency_device, and only for that: give both "
                        "or neither (latency is that of this machine)")
    return objectives, tuple(name for name in deployed if name in objectives.metrics)


def _check_on_targets(config: RunConfig, space: SearchSpace[Any], targets: Mapping[str, Target]) -> None:
    """Raise :class:`UserError` for a metric that no network of the space has on its target, and say what is missing.

    Args:
        config: The configuration of the run.
        space: Its space.
        targets: Targets by name.
    """
    for metric in map(target_metric, sorted(config.wanted)):
        if metric is not None and metric.target in targets:
            if not target_names(space, targets.values()):
                raise UserError(f"networks of the space {config.space} cannot be exported as C, which "
                                f"{metric.name} needs: leave it out, or choose another space")
            targets[metric.target].require(metric.kind)


def _check_supernet(config: RunConfig, space: SearchSpace[Any], splits: Splits, run: Path) -> None:
    """Raise :class:`UserError` unless networks of this run can have the weights of the supernet that another trained.

    Args:
        config: The configuration of this run.
        space: Its space.
        splits: Its samples.
        run: The other run.
    """
    if not isinstance(space, Relaxable):
        raise UserError(f"the space {config.space} has no supernet: leave out the evaluator 'shared'")
    check_compatible(f"the run of the supernet {run}", read_info(run), config, splits, space)


def scorer_of(config: RunConfig, space: SearchSpace[Any], splits: Splits) -> Scorer[Any]:
    """Return the scorer of proxies by a configuration.

    Args:
        config: Its seed and its settings of proxies.
        space: The space of the genotypes.
        splits: The samples.
    """
    return Scorer(space, splits, config.seed, sizes=config.reg_swap_sizes)


def objective_names(space: SearchSpace[Any], task: Task) -> tuple[str, ...]:
    """The metrics that can be objectives or constraints of a run that trains networks of the space for the task."""
    structural = space.cost(space.sample(np.random.default_rng(0)))
    estimated = (LATENCY_ESTIMATE,) if isinstance(space, HasTimedParts) else ()
    return (
        *trained_names(task), *structural, *deployment_names(space, task), *estimated, *measured_for(task),
        *custom_metric_names(),
    )
