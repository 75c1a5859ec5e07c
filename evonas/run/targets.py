"""Targets: help on them, those that a run names, and what their figures were measured with."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from evonas.capabilities.option_models import OptionHelp, describe_options
from evonas.config import RunConfig
from evonas.objectives.metrics import target_metric
from evonas.runtimes.targets import Target, built_in_targets, describe_tools, find_target, find_targets
from evonas.types import DataError, Json, UserError, nearest, suggestion


@dataclass(frozen=True)
class TargetHelp:
    """Help on a target.

    Attributes:
        name: Its name.
        description: What it is, and what is emulated.
        metrics: Its metrics, of float32.
        missing: Tools that it needs and this machine lacks.
        packages: Debian packages with its tools.
        values: What its file says, by the keys of :class:`evonas.runtimes.targets.Target`, with defaults.
    """

    name: str
    description: str
    metrics: tuple[str, ...]
    missing: tuple[str, ...]
    packages: tuple[str, ...]
    values: Json


def describe_targets() -> list[TargetHelp]:
    """Describe the built-in targets."""
    return [describe_target(name) for name in built_in_targets()]


def describe_target(text: str) -> TargetHelp:
    """Describe the target of a name or a TOML file; raise :class:`UserError` as :func:`find_target` does."""
    target = find_target(text)
    return TargetHelp(
        target.name, target.description, tuple(f"{kind}@{target.name}" for kind in target.kinds),
        tuple(target.missing_tools()), target.packages, target.model_dump(mode="json", exclude={"name", "description"}),
    )


def keys_of_targets() -> list[OptionHelp]:
    """Descriptions of the keys of a target's file."""
    return describe_options(Target)


def known_targets(own: Iterable[Target]) -> dict[str, Target]:
    """The built-in targets and those of a user, by name."""
    return {**built_in_targets(), **{target.name: target for target in own}}


def targets_of(config: RunConfig) -> tuple[Target, ...]:
    """The targets among whose metrics are objectives and constraints: built-in ones, and those of its own files.

    Raises:
        UserError: A file is no target, or none of its metrics is wanted; or a target is not known.
    """
    for text in config.target_files:
        if text in built_in_targets():
            raise UserError(f"target_files must name TOML files of your own targets, got the built-in {text!r}: leave "
                            f"it out, metrics like flash@{text} need no file")
    own = find_targets(config.target_files)
    known, metrics = known_targets(own), map(target_metric, sorted(config.wanted))
    named = dict.fromkeys(metric.target for metric in metrics if metric is not None)
    for target in own:
        if target.name not in named:
            raise UserError(f"the target {target.name} has a file, and no objective or constraint is of it: name one, "
                            f"like flash@{target.name}, or leave the file out")
    for name in named:
        if name not in known:
            raise UserError(f"unknown target {name!r}{suggestion(name, known)}; a target of one's own is a file, given "
                            "as --target-file")
    return tuple(known[name] for name in named)


@contextmanager
def hints_at_devices(config: RunConfig) -> Iterator[None]:
    """Say in an error about a missing column for the target how a device is named, where the target is one.

    Raises:
        DataError: What the context raises.
    """
    try:
        yield
    except DataError as error:
        given = [config.target] if isinstance(config.target, str) else list(config.target or ())
        for name in given:
            way = None
            if (device := nearest(name, built_in_targets())) is not None:
                way = f"--objectives trainval_error,flash@{device}"
            elif name.endswith(".toml"):
                way = f"--target-file {name} and --objectives trainval_error,flash@NAME"
            if way is not None and name in str(error):
                raise DataError(f"{error}; --target is a column of the samples, for the device use {way}") from None
        raise


def sources_on_targets(targets: Sequence[Target], metrics: Iterable[str]) -> dict[str, str]:
    """What measures figures on targets, by the metric; without metrics that are of no target."""
    by_name, found = {target.name: target for target in targets}, dict[str, str]()
    for name in metrics:
        metric = target_metric(name)
        if metric is not None and metric.target in by_name:
            found[name] = describe_tools(by_name[metric.target])
    return found


def require_figures(metrics: Iterable[str]) -> None:
    """Raise :class:`UserError` for a metric that networks cannot have on its built-in target; says what is missing."""
    for name in metrics:
        on_target = target_metric(name)
        if on_target is not None and on_target.target in built_in_targets():
            built_in_targets()[on_target.target].require(on_target.kind)
