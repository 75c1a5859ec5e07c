"""Command ``evonas measure``: what networks cost where they will run."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from evonas.cli.console import make_console, say
from evonas.cli.options import MACHINE, FolderOfData, Ids, MovedDataset, OnTargets, RunFolder, parse_ids, parse_names
from evonas.cli.setting import default_of, setting
from evonas.types import UserError

if TYPE_CHECKING:
    from evonas.types import Metrics


def measure(
    run: RunFolder,
    ids: Ids = None,
    target: OnTargets = None,
    latency_command: Annotated[
        str | None, setting("latency_command", MACHINE, default="this machine is timed")
    ] = None,
    latency_timeout: Annotated[float, setting("latency_timeout", MACHINE, default="", least=0)] = default_of(
        "latency_timeout"
    ),
    replace: Annotated[
        bool, typer.Option("--replace", help="Drop what others have measured (machine, command, compiler).",
                           rich_help_panel=MACHINE)
    ] = False,
    data_root: FolderOfData = None,
    dataset: MovedDataset = None,
) -> None:
    """Measure latency, memory and the error in int8, or figures on targets; `front` and `show` then have them, too."""
    from evonas.front import front
    from evonas.run.measure import measure as measure_networks
    from evonas.run.measure import timer_of
    from evonas.run.open import open_run, require_evaluated

    if not math.isfinite(latency_timeout):
        raise UserError(f"--latency-timeout must be a finite number of seconds, got {latency_timeout}: give fewer")
    timer, targets = timer_of(latency_command, latency_timeout), parse_names(target) or ()
    if targets and latency_command is not None:
        raise UserError("--target and --latency-command are two measurements: give them one after the other")
    with open_run(run, writing=True, data_root=data_root, dataset=dataset) as opened:
        wanted = [r.id for r in front(opened.store.records(), opened.objectives)]
        if ids:
            wanted = require_evaluated(opened, parse_ids(ids))
        if not wanted:
            reason = "--ids names none" if ids else "the front is empty"
            raise UserError(f"there is nothing to measure: {reason}")
        measured = measure_networks(
            opened, wanted, timer, targets=targets, replace=replace,
            report=lambda id, reason: say(f"individual {id} failed: {reason}"),
        )
    if not measured.metrics:
        raise UserError(f"none of {len(wanted)} networks could be measured; the reasons are above")
    (_print_on_targets if targets else _print_measured)(measured.metrics, measured.names)
    if latency_command is None and not targets:  # estimates are for this machine
        _print_error(measured.estimates, {id: metrics[timer.metric] for id, metrics in measured.metrics.items()})


def _print_measured(measured: Mapping[int, Metrics], names: Sequence[str]) -> None:
    from evonas.report.tables import Column, number, table

    columns = [Column(name, [number(metrics[name]) for metrics in measured.values()]) for name in names]
    ids = Column("id", [str(id) for id in measured])
    make_console().print(table([ids, *columns], title="latency in microseconds, flash and ram in bytes"))


def _print_on_targets(measured: Mapping[int, Metrics], names: Sequence[str]) -> None:
    """Print a row for each network, target and precision."""
    from evonas.objectives.metrics import TargetMetric, target_metric
    from evonas.report.tables import Column, number, table

    parts = [metric for metric in map(target_metric, names) if metric is not None]
    kinds = dict.fromkeys(metric.kind for metric in parts)
    rows = [(id, target, precision) for target, precision in dict.fromkeys((m.target, m.precision) for m in parts)
            for id, metrics in measured.items() if TargetMetric("flash", precision, target).name in metrics]
    values = {kind: [measured[id].get(TargetMetric(kind, precision, target).name) for id, target, precision in rows]
              for kind in kinds}
    make_console().print(table([
        Column("target", [target for _, target, _ in rows], numbers=False),
        Column("precision", [precision for _, _, precision in rows], numbers=False),
        Column("id", [str(id) for id, _, _ in rows]),
        *(Column(kind, ["" if value is None else number(value) for value in each]) for kind, each in values.items()),
    ], title="flash and ram in bytes, energy in nanojoules a sample"))


def _print_error(estimates: Mapping[int, float], measured: Mapping[int, float]) -> None:
    """Print the deviation of a run's estimates from the measurements; nothing if it has no estimates."""
    import numpy as np

    both = sorted(estimates.keys() & measured.keys())
    if both:
        guessed, found = (np.array([values[id] for id in both]) for values in (estimates, measured))
        text = f"latency_estimate is off by {np.mean(np.abs(guessed / found - 1)):.0%} on average"
        if len(both) > 2 and np.ptp(guessed) > 0 and np.ptp(found) > 0:
            text += f", correlation {np.corrcoef(guessed, found)[0, 1]:.2f}"
        say(text)
