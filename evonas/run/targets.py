"""Targets of a run: those that its objectives and constraints name, and what their figures were measured with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from evonas.config import RunConfig
from evonas.objectives import Objectives
from evonas.objectives.metrics import target_metric
from evonas.runtimes.targets import Target, built_in_targets, describe_tools, find_targets
from evonas.types import UserError, suggestion


def known_targets(config: RunConfig) -> Mapping[str, Target]:
    """The targets that a configuration can name: built-in ones, and those of its own files.

    Raises:
        UserError: A file is no target, or none of its metrics is wanted.
    """
    own = {target.name: target for target in find_targets(config.target_files)}
    named = _named(config)
    for name in own:
        if name not in named:
            raise UserError(f"the target {name} has a file, and no objective or constraint is of it: name one, like "
                            f"flash@{name}, or leave the file out")
    return {**built_in_targets(), **own}


def targets_of(config: RunConfig) -> tuple[Target, ...]:
    """The targets among whose metrics are objectives and constraints.

    Raises:
        UserError: One is not known.
    """
    known = known_targets(config)
    for name in _named(config):
        if name not in known:
            raise UserError(f"unknown target {name!r}{suggestion(name, known)}; a target of one's own is a file, given "
                            "as --target-file")
    return tuple(known[name] for name in _named(config))


def sources_on_targets(targets: Sequence[Target], metrics: Sequence[str]) -> dict[str, str]:
    """What measures figures on targets, by the metric; without metrics that are of no target."""
    by_name, found = {target.name: target for target in targets}, dict[str, str]()
    for name in metrics:
        metric = target_metric(name)
        if metric is not None and metric.target in by_name:
            found[name] = describe_tools(by_name[metric.target])
    return found


def sources_of_targets(config: RunConfig, objectives: Objectives) -> dict[str, str]:
    """What measures the figures on targets that a search needs, by the metric."""
    return sources_on_targets(targets_of(config), sorted(objectives.metrics))


def _named(config: RunConfig) -> list[str]:
    metrics = (target_metric(name) for name in sorted(config.wanted))
    return list(dict.fromkeys(metric.target for metric in metrics if metric is not None))
