"""Finalists are the best of every size, within bounds."""

from __future__ import annotations

from evonas.objectives import parse_objectives
from evonas.run.refit.finalists import finalists
from evonas.store import Record

OBJECTIVES = parse_objectives(["val_error", "flops"], ["flops<=4000"], ["val_error", "flops"])


def record(id: int, error: float, flops: float, *, status: str = "ok") -> Record:
    metrics = {"val_error": error, "flops": flops} if status == "ok" else {}
    return Record(id, 10, 0, "sample", (), status, metrics, 0.1, 1.0 + id, None)


RECORDS = [
    record(0, 0.0, 20), record(1, 0.1, 22), record(2, 0.1, 500), record(3, 0.2, 2000), record(4, 0.1, 2100),
    record(5, 0.0, 9000), record(6, 1.0, 0, status="failed"),
]


def test_the_best_of_every_size_takes_part_though_smaller_ones_are_better() -> None:
    assert [r.id for r in finalists(RECORDS, OBJECTIVES, {})] == [0, 2, 4]


def test_bounds_and_a_least_number_of_edges_leave_others_out() -> None:
    assert [r.id for r in finalists(RECORDS, OBJECTIVES, {"flops": 600})] == [0, 2]
    assert [r.id for r in finalists(RECORDS, OBJECTIVES, {}, least=100)] == [2, 4]
    assert [r.id for r in finalists(RECORDS, OBJECTIVES, {"flops": 21}, least=100)] == [0], "all are smaller"
    assert finalists(RECORDS, OBJECTIVES, {"unknown": 1}) == []
