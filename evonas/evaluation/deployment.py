"""Metrics of a trained network where it will run: time, memory, and the error of its rounded weights."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Generic

from evonas.capabilities.export import Exportable, ExportedModel, ExportTarget, Precision
from evonas.data.samples import Splits
from evonas.evaluation.metrics import measure
from evonas.evaluation.on_targets import measure_on_targets, target_names
from evonas.export.data_units import export_target, inputs_of
from evonas.export.formats import make_program, program_formats
from evonas.objectives.metrics import DEVICE_LATENCY, HOST_LATENCY, target_metric
from evonas.runtimes.compiled import find_compiler
from evonas.runtimes.device import seconds_on_device
from evonas.runtimes.onnx_session import require_onnx
from evonas.runtimes.running import running
from evonas.runtimes.targets import Target, require_tools
from evonas.runtimes.timing import alone
from evonas.space import G, Phenotype, SearchSpace
from evonas.training import Stop
from evonas.types import Metrics, Task, UserError, Weights


def deployment_names(space: SearchSpace[Any], task: Task, targets: Sequence[Target] = ()) -> tuple[str, ...]:
    """The metrics that :class:`DeploymentEvaluator` can measure of networks of this space.

    ``latency``: microseconds a sample on one core of this machine, of compiled C or else in onnxruntime;
    ``latency_device``: what a command says of a device; ``flash``, ``ram``: bytes of the C with float32 weights;
    ``int8_flash`` and ``int8_error`` (or ``int8_mse``, of several targets ``int8_nmse``): as integers alone
    with weights of 8 bits where the space has such programs, else in floats with such weights; the error on the
    validation samples. Those on ``targets`` carry the target's name, see :func:`target_names`.
    """
    on_targets, precisions = target_names(space, targets), program_formats(space).get("c", ())
    names = [HOST_LATENCY, DEVICE_LATENCY]
    if "float32" in precisions:
        names += ["flash", "ram"]
    if not {"int8", "int8-weights"}.isdisjoint(precisions):
        names += ["int8_flash", f"int8_{task.error}"]
    return (*names, *on_targets)


@dataclass(frozen=True)
class DeploymentEvaluator(Generic[G]):
    """Exports a trained network, and measures the export.

    Latency is CPU time, pinned, of one network at a time, and comes with ``latency_spread``, the interquartile range of
    blocks over their median; but other trials use the same caches: a run with it is never bit-reproducible.

    Attributes:
        space: The space of the genotypes.
        splits: Gives the scaling of the inputs, and the validation samples that the program of integers is measured on.
        wanted: Some of :func:`deployment_names`.
        command: The user's command that times the exported file on a device; empty for none.
        timeout: Seconds that the command may take.
        targets: Targets among whose metrics some are wanted.
    """

    space: SearchSpace[G]
    splits: Splits
    wanted: tuple[str, ...]
    command: tuple[str, ...] = ()
    timeout: float = 60.0
    targets: tuple[Target, ...] = ()
    shares_memory: bool = True

    def __post_init__(self) -> None:
        """Raise :class:`UserError` where this machine lacks what times networks, or the tools of a target."""
        require_tools(self.targets)
        if HOST_LATENCY not in self.wanted:
            return
        if timed_format(self.space) == "onnx":
            require_onnx()
        elif find_compiler() is None:
            raise UserError(
                "latency is that of compiled C, and there is no C compiler: install gcc or clang, name one in the "
                "environment variable CC, or time networks elsewhere by --latency-command"
            )

    @property
    def metric_names(self) -> tuple[str, ...]:
        """The wanted metrics, and the spread of a latency that is measured on this machine."""
        return (*self.wanted, "latency_spread") if HOST_LATENCY in self.wanted else self.wanted

    def measure(self, phenotype: Phenotype[G], stop: Stop) -> Metrics:
        """The metrics of one network.

        Args:
            phenotype: The network, with weights.
            stop: Ends the wait for another timing; its deadline is also the command's.

        Raises:
            ValueError: There are no weights.
            UserError: The network cannot be exported.
            RuntimeError: The command failed, or a target could not run the network.
            Cancelled, TrialTimeout: ``stop`` asked for it.
        """
        try:
            return self._measure(phenotype, stop)
        except RuntimeError:
            stop.check()  # what the end of a trial or of the run has cut short has not failed
            raise

    def _measure(self, phenotype: Phenotype[G], stop: Stop) -> Metrics:
        genotype, weights = phenotype.genotype, phenotype.weights
        if not weights:
            raise ValueError("only a trained network can be deployed, got no weights")
        timeout = min(self.timeout, stop.deadline - time.monotonic())
        found: dict[str, float] = {}
        error = f"int8_{self.splits.task.error}"
        if not {HOST_LATENCY, DEVICE_LATENCY}.isdisjoint(self.wanted):
            found |= self._latency(genotype, weights, timeout, stop)
        if not {"flash", "ram"}.isdisjoint(self.wanted):
            found |= self._program(genotype, weights, "c", self._target).sizes
        if not {"int8_flash", error}.isdisjoint(self.wanted):
            found |= self._rounded(genotype, weights, error)
        if on_targets := [name for name in self.wanted if target_metric(name) is not None]:
            found |= measure_on_targets(self.space, self.splits, phenotype, on_targets, self.targets, stop)
        return {name: float(found[name]) for name in self.metric_names}

    def _rounded(self, genotype: G, weights: Weights, error: str) -> dict[str, float]:
        from evonas.training.loop import predict  # imports torch

        precision: Precision = "int8" if "int8" in program_formats(self.space)["c"] else "int8-weights"
        program = self._program(genotype, weights, "c", replace(self._target, precision=precision))
        outputs = predict(program.compile(), self.splits.validation)
        measured = measure(outputs, self.splits.validation, self.splits.task, "int8")
        return {"int8_flash": program.sizes["flash"], error: measured[error]}

    @cached_property
    def _target(self) -> ExportTarget:
        return export_target(self.splits, "network")

    def _program(self, genotype: G, weights: Weights, format: str, target: ExportTarget) -> ExportedModel:
        return make_program(self.space, self.splits.task, genotype, weights, format, target)

    def _latency(self, genotype: G, weights: Weights, timeout: float, stop: Stop) -> dict[str, float]:
        format = timed_format(self.space)
        files = self._program(genotype, weights, format, self._target).files(())
        found = {}
        if DEVICE_LATENCY in self.wanted:
            with alone(stop):
                seconds = seconds_on_device(self.command, files, self._target.name, timeout)
            found[DEVICE_LATENCY] = 1e6 * seconds
        if HOST_LATENCY not in self.wanted:
            return found
        inputs = inputs_of(self.splits.validation, self._target)
        with running(files, format, self._target, self.splits.task.n_outputs) as network, alone(stop):
            seconds, spread = network.time(inputs)
        return {**found, HOST_LATENCY: 1e6 * seconds, "latency_spread": spread}


def timed_format(space: SearchSpace[Any]) -> str:
    """The format as which networks of this space are timed: C of the space's own, else ONNX.

    C of layers is for devices that have no runtime; here a runtime is faster, and parts of networks are timed in it.
    """
    return "c" if isinstance(space, Exportable) and "c" in space.formats else "onnx"
