"""The metrics of this program: whether less or more is better, the unit, and where each is measured."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal, NamedTuple, TypeAlias

from evonas.types import Goal

#: Scale of a metric. ``share``: at most 1. ``log``: spans orders of magnitude.
Scale: TypeAlias = Literal["linear", "share", "log"]

#: Places of measurement, see :attr:`Metric.place`.
VALIDATION = "on the validation samples, after training"
TRAINVAL = "on the validation samples and as many training samples, after training"
TRAINING = "in training"
STRUCTURE = "on the structure, before training"
FRESH = "with fresh weights, before training"
TABLE = "with a table of the parts' times on one core of this machine, before training"
HERE = "on one core of this machine, with the exported network"
DEVICE = "on a device, by --latency-command"
EXPORT = "on the exported C code"
ROUNDED = "on the exported C code of integers, with int8 weights"
LINKED = "on the image that the target's linker makes"
RUN_ON_TARGET = "in the target's emulator, on validation samples"
BEFORE_LINKING = "on the exported C code, with the size of code that is calibrated by links"

#: Units that are shown after the name of an axis; for shares and counts the name suffices.
NAMED_UNITS = frozenset({"nats", "bytes", "µs per sample", "nJ per sample"})


@dataclass(frozen=True, slots=True)
class Metric:
    """Description of a metric.

    Attributes:
        text: Description in a few words.
        unit: ``"share"`` of 1, ``"count"``, or a unit.
        place: Place and time of the measurement: one of the constants above.
        goal: Whether it is minimised or maximised.
        scale: Its scale.
    """

    text: str
    unit: str
    place: str
    goal: Goal = "min"
    scale: Scale = "linear"

    @property
    def label(self) -> str:
        """Label of an axis."""
        return f"{self.text} ({self.unit})" if self.unit in NAMED_UNITS else self.text


_ERROR = "error in squared deviations of each target"
_BALANCED = "error in which all classes count alike"
_NMSE = "squared deviations of the target"
_MSE = "the target's unit, squared"

#: All metrics of this program by name. Spaces and evaluators of other packages add their own.
METRICS: Mapping[str, Metric] = MappingProxyType({
    "trainval_error": Metric("error, mean of validation and training samples", "share", TRAINVAL, scale="share"),
    "trainval_balanced_error": Metric(
        f"{_BALANCED}, mean of validation and training samples", "share", TRAINVAL, scale="share"
    ),
    "trainval_mse": Metric("mean squared error, mean of validation and training samples", _MSE, TRAINVAL),
    "trainval_nmse": Metric(f"{_ERROR}, mean of validation and training samples", _NMSE, TRAINVAL),
    "val_error": Metric("validation error", "share", VALIDATION, scale="share"),
    "val_balanced_error": Metric(f"validation {_BALANCED}", "share", VALIDATION, scale="share"),
    "val_accuracy": Metric("validation accuracy", "share", VALIDATION, goal="max"),
    "val_loss": Metric("validation loss", "nats", VALIDATION),
    "val_mse": Metric("validation mean squared error", _MSE, VALIDATION),
    "val_nmse": Metric(f"validation {_ERROR}", _NMSE, VALIDATION),
    "val_r2": Metric("validation R²", "share", VALIDATION, goal="max"),
    "train_loss": Metric("training loss", "nats, or squared deviations of the target", TRAINING),
    "edge_updates": Metric("edge-updates", "count", TRAINING),
    "flops": Metric("FLOPs per sample (2 per edge)", "count", STRUCTURE, scale="log"),
    "flops_total": Metric("FLOPs per sample with biases, norm and activation", "count", STRUCTURE, scale="log"),
    "edges": Metric("edges", "count", STRUCTURE, scale="log"),
    "params": Metric("parameters", "count", STRUCTURE, scale="log"),
    "neurons": Metric("hidden neurons", "count", STRUCTURE, scale="log"),
    "depth": Metric("depth in layers", "count", STRUCTURE),
    **{name: Metric(text, "a score", FRESH, goal="max") for name, text in {
        "grad_norm": "norm of the gradient, summed over layers",
        "snip": "sensitivity of the loss to connections",
        "plain": "sensitivity of the loss to connections, with signs",
        "l2_norm": "norm of fresh weights, summed over layers",
        "grasp": "effect of connections on the norm of the gradient",
        "fisher": "sensitivity of the loss to channels",
        "synflow": "logarithm of the flow along all paths",
        "jacob_cov": "independence of samples' gradients",
        "epe_nas": "correlation of samples' gradients within classes",
        "naswot": "distinctness of samples' ReLU patterns",
        "zen": "movement of features with random inputs",
        "zico": "steadiness of gradients from batch to batch",
        "swap": "different patterns of samples among ReLUs",
        "reg_swap": "logarithm of swap, with a preference for a size",
        "az_expressivity": "evenness of features over channels",
        "az_progressivity": "least increase of that evenness from layer to layer",
        "az_trainability": "conservation of gradients from layer to layer",
        "vkdnw": "evenness of the Fisher information, and layers",
    }.items()},
    "latency_estimate": Metric("latency by table", "µs per sample", TABLE, scale="log"),
    "latency": Metric("latency", "µs per sample", HERE, scale="log"),
    "latency_spread": Metric("spread of latency", "share", HERE),
    "latency_device": Metric("latency on the device", "µs per sample", DEVICE, scale="log"),
    "flash": Metric("flash", "bytes", EXPORT, scale="log"),
    "ram": Metric("RAM", "bytes", EXPORT, scale="log"),
    "int8_flash": Metric("flash in int8", "bytes", ROUNDED, scale="log"),
    "int8_error": Metric("validation error in int8", "share", ROUNDED, scale="share"),
    "int8_mse": Metric("validation mean squared error in int8", _MSE, ROUNDED),
    "int8_nmse": Metric(f"validation {_ERROR} in int8", _NMSE, ROUNDED),
})


#: Metrics of latency, in microseconds per sample: on one core of this machine, and by the user's command on a device.
HOST_LATENCY, DEVICE_LATENCY = "latency", "latency_device"
#: Metrics that `evonas measure` can add to a run of any space and task.
MEASURED_LATER = frozenset({
    HOST_LATENCY, DEVICE_LATENCY, "latency_spread", "flash", "ram", "int8_flash", "int8_error", "int8_mse", "int8_nmse",
})

#: Metrics of a network on a target, see :mod:`evonas.runtimes.targets`; their names carry the target's.
ON_TARGET: Mapping[str, Metric] = MappingProxyType({
    "flash": Metric("flash of the linked image", "bytes", LINKED, scale="log"),
    "ram": Metric("RAM of the linked image, and the stack's highest", "bytes", LINKED, scale="log"),
    "instructions": Metric("instructions per sample", "count", RUN_ON_TARGET, scale="log"),
    "energy": Metric("energy by the target's figure for a cycle", "nJ per sample", RUN_ON_TARGET, scale="log"),
    "flash_estimate": Metric("flash, estimated before linking", "bytes", BEFORE_LINKING, scale="log"),
})


class TargetMetric(NamedTuple):
    """The parts of a name like ``int8_flash@cortex-m4``.

    Attributes:
        kind: One of :data:`ON_TARGET`.
        precision: What the network computes with.
        target: Name of the target.
    """

    kind: str
    precision: str
    target: str

    @property
    def name(self) -> str:
        """The name of the metric; that of float32 names no precision."""
        prefix = "" if self.precision == "float32" else f"{self.precision}_"
        return f"{prefix}{self.kind}@{self.target}"


def target_metric(name: str) -> TargetMetric | None:
    """The parts of the name of a metric on a target; None for any other name."""
    measured, at, target = name.partition("@")
    for kind in sorted(ON_TARGET, key=len, reverse=True) if at and target else ():
        precision = "float32" if measured == kind else measured.removesuffix(f"_{kind}")
        if precision != measured and precision.removesuffix("-weights").isalnum():
            return TargetMetric(kind, precision, target)
    return None


def is_logarithmic(name: str) -> bool:
    """Whether a metric spans orders of magnitude: crowding and hypervolume use its logarithm, ranks are the same."""
    found = target_metric(name)
    metric = METRICS.get(name) if found is None else ON_TARGET[found.kind]
    return metric is not None and metric.scale == "log"


def is_measured_later(name: str) -> bool:
    """Whether `evonas measure` can add a metric to a run of any space and task."""
    return name in MEASURED_LATER or target_metric(name) is not None
