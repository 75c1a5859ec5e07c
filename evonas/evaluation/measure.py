"""Outputs against targets."""

from __future__ import annotations

import numpy as np

from evonas.data.samples import Samples
from evonas.types import Floats, Metrics, Task


def metric_names(task: Task, prefix: str) -> tuple[str, ...]:
    """Names of what :func:`measure` reports."""
    kinds = ("error", "accuracy", "loss") if task.kind == "classification" else ("mse", "r2")
    return tuple(f"{prefix}_{kind}" for kind in kinds)


def measure(outputs: Floats, samples: Samples, task: Task, prefix: str) -> Metrics:
    """Metrics of outputs ``(n, n_outputs)``, named ``prefix_...``.

    Classification: ``error`` and ``accuracy`` (shares of 1), ``loss`` (mean cross-entropy, nats). Regression: ``mse``
    in the squared units of the data, ``r2``.
    """
    z = outputs.astype(np.float64)
    if task.kind == "regression":
        residual = float(((z - samples.y) ** 2).mean())
        values = (residual * task.target_scale**2, 1 - residual / max(float(np.var(samples.y)), 1e-12))
        return dict(zip(metric_names(task, prefix), values, strict=True))
    rows, labels = np.arange(len(z)), samples.y.astype(np.int64)
    accuracy = float((z.argmax(axis=1) == labels).mean())
    z = z - z.max(axis=1, keepdims=True)
    loss = float((np.log(np.exp(z).sum(axis=1)) - z[rows, labels]).mean())
    return dict(zip(metric_names(task, prefix), (1 - accuracy, accuracy, loss), strict=True))
