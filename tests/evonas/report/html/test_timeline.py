"""What the page shows over time."""

from __future__ import annotations

import numpy as np
import pytest

from evonas.front import hypervolume
from evonas.individual import Origin
from evonas.objectives import parse_objectives
from evonas.report.html.timeline import hypervolume_over_time, throughput
from evonas.store import Record

NAMES = ["val_error", "flops"]
OBJECTIVES = parse_objectives(NAMES, [], NAMES)


def record(id: int, elapsed: float, error: float, flops: float, *, updates: float = 100.0) -> Record:
    metrics = {"val_error": error, "flops": flops, "edge_updates": updates}
    return Record(id, 1, 0, "sample", (), "ok", metrics, 1.0, elapsed, None)


def test_hypervolume_only_rises_and_ends_where_the_front_is() -> None:
    rng = np.random.default_rng(0)
    records = [record(i, i + 1.0, e, 10**f) for i, (e, f) in enumerate(rng.uniform([0.1, 1], [0.9, 4], (60, 2)))]
    reference = OBJECTIVES.reference({"val_error": 1.0, "flops": 1e4})
    curve = hypervolume_over_time(records, OBJECTIVES, reference)
    assert np.all(np.diff(curve["value"]) >= 0)
    assert len(curve["value"]) < 60
    assert curve["elapsed"][-1] == 60
    assert curve["value"][-1] == pytest.approx(hypervolume(records, OBJECTIVES, reference))
    halfway = max(i for i, elapsed in enumerate(curve["elapsed"]) if elapsed <= 30)
    assert curve["value"][halfway] == pytest.approx(hypervolume(records[:30], OBJECTIVES, reference))


def test_failed_and_infeasible_evaluations_add_no_hypervolume() -> None:
    objectives = parse_objectives(NAMES, ["flops<=50"], NAMES)
    failed = Record(1, 1, 0, "sample", (), "failed", {}, 1.0, 2.0, "no luck")
    records = [record(0, 1.0, 0.5, 40), failed, record(2, 3.0, 0.1, 60)]
    curve = hypervolume_over_time(records, objectives, objectives.reference({"val_error": 1.0, "flops": 100}))
    assert curve["elapsed"] == [1.0, 3.0]
    assert len(set(curve["value"])) == 1


def test_throughput_counts_every_own_evaluation_once() -> None:
    records = [record(i, (i + 1) / 2, 0.5, 10) for i in range(40)] + [
        record(99, 0.0, 0.5, 10)._replace(origin=Origin("/runs/other", 7))
    ]
    rates = throughput(records)
    span = 2 * rates["elapsed"][0]
    assert len(rates["elapsed"]) == 5
    assert sum(rates["evaluations"]) * span / 60 == pytest.approx(40)
    assert sum(rates["updates"]) * span == pytest.approx(4000)


def test_an_empty_run_has_no_rates() -> None:
    assert throughput([]) == {"elapsed": [], "evaluations": [], "updates": []}
