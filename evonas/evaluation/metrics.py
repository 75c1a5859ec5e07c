"""Outputs against targets."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from evonas.data.samples import Samples
from evonas.types import Doubles, Floats, Ints, Metrics, Task


def metric_names(task: Task, prefix: str) -> tuple[str, ...]:
    """Names of what :func:`measure` reports, :attr:`Task.error` first."""
    if task.kind == "classification":
        kinds: tuple[str, ...] = ("error", "accuracy", "loss", "balanced_error")
    else:
        kinds = ("mse", "r2") if task.n_outputs == 1 else ("nmse", "mse", "r2")
    return tuple(f"{prefix}_{kind}" for kind in kinds)


def measure(outputs: Floats, samples: Samples, task: Task, prefix: str) -> Metrics:
    """Metrics of outputs ``(n, n_outputs)``, named ``prefix_...``.

    Classification: ``error`` and ``accuracy`` (shares of 1), ``loss`` (mean cross-entropy, nats), ``balanced_error``
    (mean of the errors of the classes, which all count alike however many samples they have). Regression: ``mse``
    in the squared units of the data, ``r2``. Both are means over the targets; where there are several, in units and of
    sizes of their own, ``nmse`` counts them alike: their errors in squared deviations of the training samples.
    Samples count by their weights, where they have some.

    Args:
        outputs: Outputs before softmax, or standardised targets, ``(n, n_outputs)``.
        samples: The samples.
        task: Their task.
        prefix: Prefix of the names, e.g. ``"val"``.
    """
    z = outputs.astype(np.float64)
    weight = None if samples.weight is None else samples.weight.astype(np.float64)
    if task.kind == "regression":
        y = samples.y.astype(np.float64)
        residual: Doubles = np.average((z - samples.y) ** 2, axis=0, weights=weight)
        variance = np.average((y - np.average(y, axis=0, weights=weight)) ** 2, axis=0, weights=weight)
        values = (
            float(residual.mean()), float((residual * np.array(task.target_scale) ** 2).mean()),
            _r2(residual, variance),
        )
        names = metric_names(task, prefix)
        return dict(zip(names, values[-len(names) :], strict=True))
    rows, labels = np.arange(len(z)), samples.y.astype(np.int64)
    right = z.argmax(axis=1) == labels
    accuracy = float(np.average(right, weights=weight))
    z = z - z.max(axis=1, keepdims=True)
    loss = float(np.average(np.log(np.exp(z).sum(axis=1)) - z[rows, labels], weights=weight))
    found = 1 - accuracy, accuracy, loss, _balanced_error(right, labels, weight)
    return dict(zip(metric_names(task, prefix), found, strict=True))


def _balanced_error(right: NDArray[np.bool_], labels: Ints, weight: Doubles | None) -> float:
    """Mean error over the classes that have samples, and weight.

    Args:
        right: Which samples are classified correctly, ``(n,)``.
        labels: Their classes, ``(n,)``.
        weight: Their weights, ``(n,)``; None counts all alike.
    """
    totals = np.bincount(labels, weight)
    found = np.bincount(labels, right if weight is None else right * weight)
    return 1 - float((found[totals > 0] / totals[totals > 0]).mean())


def _r2(residual: Doubles, variance: Doubles) -> float:
    """Mean over the targets that vary; of those that do not there is nothing to explain."""
    varying = variance > 1e-12
    if not varying.any():
        varying[:] = True
    return float((1 - residual[varying] / np.maximum(variance[varying], 1e-12)).mean())
