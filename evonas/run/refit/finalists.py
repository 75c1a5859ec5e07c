"""Individuals of a run that may be picked: the best of every size."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from evonas import front as fronts
from evonas.objectives import Measured, Objectives
from evonas.store import Record

#: Number of sizes between the smallest and the largest network, evenly spaced in the logarithm of the cost.
SIZES = 8


def finalists(
    records: Sequence[Record], objectives: Objectives, bounds: Mapping[str, float], *, least: float = 0.0
) -> list[Record]:
    """The best of each of :data:`SIZES` ranges of cost by the search's objective, the best of these first.

    They need not be on the front: on few validation samples a large network is often dominated by the luckiest of the
    small ones.

    Args:
        records: Evaluations of a run.
        objectives: The first is the quality, the last the cost.
        bounds: Upper bounds of metrics; records without one of them are left out.
        least: Smallest number of edges of a finalist, if there are any with as many.
    """
    able = within_limits(records, objectives, bounds)
    able = [r for r in able if n_edges(r) >= least] or able
    if not able:
        return []
    F, _ = fronts.losses(able, objectives)
    quality, cost = F[:, 0], F[:, -1]
    width = max(float(np.ptp(cost)), 1e-9) / SIZES
    sizes = np.minimum((cost - cost.min()) // width, SIZES - 1)
    order = np.lexsort((np.array([r.id for r in able]), cost, quality))
    first: dict[float, Record] = {}
    for place in order:
        first.setdefault(float(sizes[place]), able[place])
    return list(first.values())


def within_limits(records: Sequence[Record], objectives: Objectives, bounds: Mapping[str, float]) -> list[Record]:
    """Records that may be picked: they succeeded, keep the run's constraints and are within the bounds.

    Args:
        records: Evaluations of a run.
        objectives: Objectives and constraints of the run.
        bounds: Upper bounds of metrics.
    """
    able = fronts.comparable(records)
    _, violations = fronts.losses(able, objectives)
    return [r for r, violation in zip(able, violations, strict=True) if violation <= 0 and _is_within(r, bounds)]


def n_edges(measured: Measured) -> float:
    """Multiply-adds of a network; for networks of neurons the number of edges."""
    return measured.metrics.get("edges", measured.metrics.get("flops", np.inf) / 2)


def _is_within(record: Record, bounds: Mapping[str, float]) -> bool:
    return all(record.metrics.get(name, np.inf) <= bound for name, bound in bounds.items())
