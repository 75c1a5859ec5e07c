"""Outputs against targets."""

from __future__ import annotations

import numpy as np

from evonas.data.samples import Samples
from evonas.types import Doubles, Floats, Metrics, Task


def metric_names(task: Task, prefix: str) -> tuple[str, ...]:
    """Names of what :func:`measure` reports."""
    if task.kind == "classification":
        kinds: tuple[str, ...] = ("error", "accuracy", "loss")
    else:
        kinds = ("mse", "r2") if task.n_outputs == 1 else ("nmse", "mse", "r2")
    return tuple(f"{prefix}_{kind}" for kind in kinds)


def measure(outputs: Floats, samples: Samples, task: Task, prefix: str) -> Metrics:
    """Metrics of outputs ``(n, n_outputs)``, named ``prefix_...``.

    Classification: ``error`` and ``accuracy`` (shares of 1), ``loss`` (mean cross-entropy, nats). Regression: ``mse``
    in the squared units of the data, ``r2``. Both are means over the targets; where there are several, in units and of
    sizes of their own, ``nmse`` counts them alike: their errors in squared deviations of the training samples.
    """
    z = outputs.astype(np.float64)
    if task.kind == "regression":
        residual = ((z - samples.y) ** 2).mean(axis=0)
        values = (
            float(residual.mean()), float((residual * np.array(task.target_scale) ** 2).mean()),
            _r2(residual, np.var(samples.y.astype(np.float64), axis=0)),
        )
        names = metric_names(task, prefix)
        return dict(zip(names, values[-len(names) :], strict=True))
    rows, labels = np.arange(len(z)), samples.y.astype(np.int64)
    accuracy = float((z.argmax(axis=1) == labels).mean())
    z = z - z.max(axis=1, keepdims=True)
    loss = float((np.log(np.exp(z).sum(axis=1)) - z[rows, labels]).mean())
    return dict(zip(metric_names(task, prefix), (1 - accuracy, accuracy, loss), strict=True))


def _r2(residual: Doubles, variance: Doubles) -> float:
    """Mean over the targets that vary; of those that do not there is nothing to explain."""
    varying = variance > 1e-12
    if not varying.any():
        varying[:] = True
    return float((1 - residual[varying] / np.maximum(variance[varying], 1e-12)).mean())
