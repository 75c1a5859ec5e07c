"""What measures a run's networks, of which a column holds the results of one; and measurements after the search:
latency, memory, the error in int8, and figures on targets.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence, Set
from dataclasses import dataclass
from typing import Any

from evonas.evaluation.cost import LATENCY_ESTIMATE
from evonas.evaluation.deployment import DeploymentEvaluator, deployment_names
from evonas.evaluation.on_targets import target_names
from evonas.objectives.metrics import DEVICE_LATENCY, HOST_LATENCY, target_metric
from evonas.run.open import OpenRun, load_splits
from evonas.run.targets import sources_on_targets
from evonas.runtimes.device import parse_command
from evonas.runtimes.targets import Target, find_targets, require_tools
from evonas.runtimes.timing import machine
from evonas.space import Phenotype
from evonas.store import RunStore
from evonas.training import Stop
from evonas.types import Metrics, UserError


@dataclass(frozen=True)
class Timer:
    """Timer of networks: a command that runs them on a device, or this machine.

    Attributes:
        text: The command as it was given; None for this machine.
        timeout: Seconds that it may take.
    """

    text: str | None
    timeout: float

    @property
    def command(self) -> tuple[str, ...]:
        """The words of the command, none for this machine; raises :class:`UserError` where it cannot be read."""
        return () if self.text is None else parse_command(self.text)

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
    timer = Timer(text, timeout)
    _ = timer.command
    return timer


def sources_of(command: str | None, targets: Sequence[Target], metrics: Set[str]) -> dict[str, str]:
    """What measures networks here, by the metric: machine, command, or the tools of a target.

    Args:
        command: The command that times them on a device; None for none.
        targets: Targets that they are measured on.
        metrics: The metrics that are measured, also those that need nothing of this.
    """
    sources = {HOST_LATENCY: machine(), DEVICE_LATENCY: command or ""}
    timed = {metric: source for metric, source in sources.items() if metric in metrics}
    return {**timed, **sources_on_targets(targets, sorted(metrics))}


def check_target(store: RunStore[Any], metric: str, source: str, *, own: bool, replace: bool = False) -> None:
    """Note what measures the networks of a run from now on.

    Args:
        metric: The column.
        source: A machine, a command, or the tools of a target.
        own: The search itself measures it, so that it cannot be dropped.
        replace: Drop what another one has measured.

    Raises:
        UserError: Another one has measured it, and that is not to be dropped.
    """
    known = store.sources().get(metric)
    has_some = own or any(metric in metrics for metrics in store.measurements().values())  # not if all have failed
    if known not in (None, source) and has_some:
        said = f"{metric} of {store.directory} was measured by {known!r}, this is {source!r}, and a column holds one"
        if own:
            raise UserError(f"{said}: measure there, or begin a run here")
        if not replace:
            raise UserError(f"{said}: measure there, or give --replace to drop what was measured")
        store.drop_measurements(metric)
    store.set_source(metric, source)


def measure(
    run: OpenRun, ids: Sequence[int], timer: Timer, *, targets: Sequence[str] = (), replace: bool = False,
    report: Callable[[int, str], None],
) -> Measured:
    """Measure individuals, and store each result at once.

    Args:
        run: Opened for writing.
        ids: Ids of evaluated individuals.
        timer: Timer of their networks.
        targets: Targets, or files of such, on which they are measured instead, if there are any.
        replace: Drop what another machine or command has timed.
        report: Called as ``report(id, reason)`` for each network that cannot be measured.

    Raises:
        UserError: Nothing here can time the networks, another machine or command has timed some, or there is no such
            target.
    """
    if targets:
        return _measure_on_targets(run, ids, find_targets(targets), replace=replace, report=report)
    splits = load_splits(run)
    other = DEVICE_LATENCY if timer.metric == HOST_LATENCY else HOST_LATENCY
    names = tuple(name for name in deployment_names(run.space, run.task) if name != other)
    evaluator = DeploymentEvaluator(run.space, splits, names, timer.command, timer.timeout)
    check_target(run.store, timer.metric, timer.text or machine(), own=timer.metric in run.objectives.metrics,
                 replace=replace)
    metrics = _measure(run.store, ids, {"": evaluator}, report)
    estimates = {r.id: r.metrics[LATENCY_ESTIMATE] for r in run.store.records() if LATENCY_ESTIMATE in r.metrics}
    return Measured(evaluator.metric_names, metrics, estimates)


def _measure_on_targets(
    run: OpenRun, ids: Sequence[int], targets: Sequence[Target], *, replace: bool, report: Callable[[int, str], None]
) -> Measured:
    """Measure individuals on each target; what fails in one precision may still be measured in another, or elsewhere.

    Args:
        run: See :func:`measure`, also for all others.
        ids: Ids of evaluated individuals.
        targets: The targets.
        replace: Drop what other tools have measured.
        report: Called for each network and target that failed, and for each reason.
    """
    if not target_names(run.space, targets):
        raise UserError(f"networks of the space {run.config.space} cannot be exported as C, which targets need: leave "
                        "out --target, which measures them here")
    splits, found = load_splits(run), dict[int, dict[str, float]]()
    require_tools(targets)
    for target in targets:
        names = target_names(run.space, [target])
        for metric, source in sources_on_targets([target], names).items():
            check_target(run.store, metric, source, own=metric in run.objectives.metrics, replace=replace)
        evaluators = {
            precision: DeploymentEvaluator(run.space, splits, tuple(wanted), targets=(target,))
            for precision, wanted in _by_precision(names).items()
        }
        for id, metrics in _measure(run.store, ids, evaluators, report).items():
            found.setdefault(id, {}).update(metrics)
    return Measured(target_names(run.space, targets), found, {})


def _by_precision(names: Sequence[str]) -> dict[str, list[str]]:
    """Names of metrics on targets by what the network computes with."""
    found: dict[str, list[str]] = {}
    for name in names:
        if (metric := target_metric(name)) is not None:
            found.setdefault(metric.precision, []).append(name)
    return found


def _measure(
    store: RunStore[Any], ids: Sequence[int], evaluators: Mapping[str, DeploymentEvaluator[Any]],
    report: Callable[[int, str], None],
) -> dict[int, Metrics]:
    """Metrics by id, stored; without what cannot be measured of individuals, which is reported.

    Args:
        store: Store of the run.
        ids: Ids of the individuals.
        evaluators: What measures them, by what it measures them in, which is said where only some of these fail.
        report: See :func:`measure`.
    """
    measured: dict[int, Metrics] = {}
    for id in ids:
        member = store.member(id)
        weights = store.weights(*member.evaluation.key)
        failed: dict[str, list[str]] = {}
        for label, evaluator in evaluators.items():
            try:
                if weights is None:
                    raise RuntimeError("it has no trained weights")
                metrics = evaluator.measure(Phenotype(member.genotype, weights), Stop())
            except (RuntimeError, UserError) as error:  # its own: what all networks need was checked before
                failed.setdefault(str(error), []).append(label)
                continue
            store.add_measurement(*member.evaluation.key, metrics)
            measured[id] = {**measured.get(id, {}), **metrics}
        for reason, labels in failed.items():
            report(id, reason if len(labels) == len(evaluators) else f"{reason} (in {', '.join(labels)})")
    return measured
