"""Measurements of a run's networks after the search: latency, memory, and the error in int8."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from evonas.evaluation.cost import LATENCY_ESTIMATE
from evonas.evaluation.deployment import DeploymentEvaluator, deployment_names, require_timing
from evonas.objectives.metrics import DEVICE_LATENCY, HOST_LATENCY
from evonas.run.latency_sources import check_target
from evonas.run.open import OpenRun, load_splits
from evonas.runtimes.device import parse_command
from evonas.runtimes.timing import machine
from evonas.space import Phenotype
from evonas.store import RunStore
from evonas.training import Stop
from evonas.types import Metrics


@dataclass(frozen=True)
class Timer:
    """Timer of networks: a command that runs them on a device, or this machine.

    Attributes:
        text: The command as it was given; None for this machine.
        command: Its words.
        timeout: Seconds that it may take.
    """

    text: str | None
    command: tuple[str, ...]
    timeout: float

    @property
    def metric(self) -> str:
        """The metric of its latencies."""
        return HOST_LATENCY if self.text is None else DEVICE_LATENCY


@dataclass(frozen=True)
class Measured:
    """Measurements of networks.

    Attributes:
        names: Names of the metrics.
        metrics: The metrics of the networks that could be measured, by id.
        estimates: Latencies that the search estimated of the run's networks, by id, in microseconds per sample.
    """

    names: tuple[str, ...]
    metrics: Mapping[int, Metrics]
    estimates: Mapping[int, float]


def timer_of(text: str | None, timeout: float) -> Timer:
    """The timer of a command, or this machine for None.

    Raises:
        UserError: The command cannot be read.
    """
    return Timer(text, () if text is None else parse_command(text), timeout)


def measure(
    run: OpenRun, ids: Sequence[int], timer: Timer, *, replace: bool = False, report: Callable[[int, str], None]
) -> Measured:
    """Measure individuals, and store each result at once.

    Args:
        run: Opened for writing.
        ids: Ids of evaluated individuals.
        timer: Timer of their networks.
        replace: Drop what another machine or command has timed.
        report: Called as ``report(id, reason)`` for each network that cannot be measured.

    Raises:
        UserError: Nothing here can time the networks, or another machine or command has timed some.
    """
    if timer.text is None:
        require_timing(run.space)
    splits = load_splits(run)
    other = DEVICE_LATENCY if timer.metric == HOST_LATENCY else HOST_LATENCY
    check_target(run.store, timer.metric, timer.text or machine(), own=timer.metric in run.objectives.metrics,
                 replace=replace)
    names = tuple(name for name in deployment_names(run.space, run.task) if name != other)
    evaluator = DeploymentEvaluator(run.space, splits, names, timer.command, timer.timeout)
    metrics = _measure(run.store, ids, evaluator, report)
    estimates = {r.id: r.metrics[LATENCY_ESTIMATE] for r in run.store.records() if LATENCY_ESTIMATE in r.metrics}
    return Measured(evaluator.metric_names, metrics, estimates)


def _measure(
    store: RunStore[Any], ids: Sequence[int], evaluator: DeploymentEvaluator[Any], report: Callable[[int, str], None]
) -> dict[int, Metrics]:
    """Metrics by id, stored; without the individuals that cannot be measured, which are reported.

    Args:
        store: Store of the run.
        ids: Ids of the individuals.
        evaluator: Measures them.
        report: See :func:`measure`.
    """
    measured: dict[int, Metrics] = {}
    for id in ids:
        member = store.member(id)
        weights = store.weights(*member.evaluation.key)
        try:
            if weights is None:
                raise RuntimeError("it has no trained weights")
            measured[id] = evaluator.measure(Phenotype(member.genotype, weights), Stop())
        except RuntimeError as error:
            report(id, str(error))
            continue
        store.add_measurement(*member.evaluation.key, measured[id])
    return measured
