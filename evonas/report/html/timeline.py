"""Quantities over the time of a run: hypervolume, throughput, the credit of operators."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from evonas.front import comparable, losses
from evonas.objectives import Objectives, pareto
from evonas.report.operators import operator_credits
from evonas.store import Record
from evonas.types import Doubles, Json

#: Average number of evaluations in a bin of the throughput, and the largest number of bins.
PER_BIN, MOST_BINS = 8, 60


def hypervolume_over_time(records: Sequence[Record], objectives: Objectives, reference: Doubles) -> Json:
    """The hypervolume after each evaluation that raised it, until the run's end: ``{"elapsed": [s], "value": []}``.

    Args:
        records: Evaluations of the run.
        objectives: Objectives of the search.
        reference: Reference point, ``(n_objectives,)``.
    """
    counted = sorted(comparable(records), key=lambda record: record.elapsed)
    F, violations = losses(counted, objectives)
    archive, elapsed, value = np.empty((0, F.shape[1])), list[float](), list[float]()
    for record, row, violation in zip(counted, F, violations, strict=True):
        if violation > 0 or not np.isfinite(row).all() or (archive <= row).all(axis=1).any():
            continue
        archive = np.vstack([archive[~(archive >= row).all(axis=1)], row])
        elapsed.append(record.elapsed)
        value.append(pareto.hypervolume(archive, reference))
    if value:
        elapsed.append(max(record.elapsed for record in records))
        value.append(value[-1])
    return {"elapsed": elapsed, "value": value}


def throughput(records: Sequence[Record]) -> Json:
    """Evaluations per minute and edge-updates per second in equal spans of time, each at the middle of its span."""
    own = [record for record in records if not record.imported]
    if not own:
        return {"elapsed": [], "evaluations": [], "updates": []}
    ends = np.array([record.elapsed for record in own])
    n_bins = int(np.clip(len(own) // PER_BIN, 1, MOST_BINS))
    edges = np.linspace(0, ends.max(), n_bins + 1)
    span = max(edges[1], 1e-9)
    updates = np.array([record.metrics.get("edge_updates", 0.0) for record in own])
    return {
        "elapsed": (edges[:-1] + span / 2).tolist(),
        "evaluations": (np.histogram(ends, edges)[0] / span * 60).tolist(),
        "updates": (np.histogram(ends, edges, weights=updates)[0] / span).tolist() if updates.any() else [],
    }


def operator_shares(
    records: Sequence[Record], objectives: Objectives, operators: Mapping[str, float], *, rungs: tuple[int, ...]
) -> Json:
    """Probabilities of the operators after each batch: ``{"operators": [], "batch": [], "shares": [[]]}``.

    There is a list of shares for each of ``operators``.

    Args:
        records: Records of complete generations.
        objectives: Objectives of the search.
        operators: Weights of the operators before any evaluation.
        rungs: The run's budgets.
    """
    credits = operator_credits(records, objectives, rungs=rungs)
    shares = [credit.shares(operators) for credit in credits]
    return {
        "operators": list(operators), "batch": list(range(1, len(shares) + 1)),
        "shares": [[share[name] for share in shares] for name in operators],
    }
