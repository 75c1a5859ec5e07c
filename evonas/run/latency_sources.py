"""Sources of latencies: which machine or command has timed the networks of a run; a column holds those of one."""

from __future__ import annotations

from typing import Any

from evonas.objectives import Objectives
from evonas.objectives.metrics import DEVICE_LATENCY, HOST_LATENCY
from evonas.runtimes.timing import machine
from evonas.store import RunStore
from evonas.types import UserError


def check_target(store: RunStore[Any], metric: str, source: str, *, own: bool, replace: bool = False) -> None:
    """Note what times the networks of a run from now on.

    Args:
        metric: The column.
        source: A machine, or a command.
        own: The search itself measures it, so that it cannot be dropped.
        replace: Drop what another one has measured.

    Raises:
        UserError: Another one has measured it, and that is not to be dropped.
    """
    known = store.sources().get(metric)
    if known not in (None, source):
        said = f"{metric} of {store.directory} was measured by {known!r}, this is {source!r}, and a column holds one"
        if own:
            raise UserError(f"{said}: measure there, or begin a run here")
        if not replace:
            raise UserError(f"{said}: measure there, or give --replace to drop what was measured")
        store.drop_measurements(metric)
    store.set_source(metric, source)


def sources_of(command: str | None, objectives: Objectives) -> dict[str, str]:
    """Machine or command that times the networks of a search here, by the metric; empty if nothing is timed."""
    sources = {HOST_LATENCY: machine(), DEVICE_LATENCY: command or ""}
    return {metric: source for metric, source in sources.items() if metric in objectives.metrics}
