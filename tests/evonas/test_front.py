"""What may enter a front."""

from __future__ import annotations

from evonas.front import comparable, distinct, equals, front, hypervolume
from evonas.individual import Origin
from evonas.store import Record
from evonas.testing.toy import OBJECTIVES

SEED = Origin("/runs/other", 7)


def record(id: int, budget: int, error: float, *, origin: Origin | None = None, status: str = "ok") -> Record:
    metrics = {"val_error": error, "flops": 100.0 + id} if status == "ok" else {}
    return Record(id, budget, 0, "sample", (), status, metrics, 0.0, 1.0, None, origin)


def ids(*records: Record) -> set[int]:
    return {r.id for r in front(records, OBJECTIVES)}


def budgets(*records: Record) -> list[tuple[int, int]]:
    return [(r.id, r.budget) for r in front(records, OBJECTIVES)]


def test_only_the_largest_budget_counts_and_what_came_from_other_runs() -> None:
    first = [record(0, 2, 0.1), record(1, 2, 0.05)]
    assert ids(*first) == {0, 1}
    promoted = [record(0, 6, 0.3), record(1, 6, 0.2, status="failed")]
    assert ids(*first, *promoted[1:]) == {0, 1}
    assert ids(*first, *promoted) == {0}
    seeds = [record(2, 1, 0.25, origin=SEED), record(3, 20, 0.2, origin=SEED)]
    assert ids(*first, *promoted, *seeds) == {0, 2, 3}
    assert ids(*seeds) == {2, 3}
    reference = OBJECTIVES.reference({"val_error": 1, "flops": 1000})
    assert hypervolume([*first, *promoted], OBJECTIVES, reference) == hypervolume(promoted[:1], OBJECTIVES, reference)


def test_failures_are_compared_with_nothing() -> None:
    assert comparable([record(0, 6, 0, status="failed"), record(1, 6, 0.2)]) == [record(1, 6, 0.2)]


def test_what_came_from_another_run_counts_until_it_was_trained_on_here() -> None:
    seeds = [record(0, 2, 0.4, origin=SEED), record(1, 2, 0.1, origin=SEED), record(2, 2, 0.05, origin=SEED)]
    assert budgets(*seeds) == [(0, 2), (1, 2), (2, 2)]
    promoted = [record(0, 6, 0.4), record(1, 6, 0.2), record(2, 6, 0, status="failed")]
    assert budgets(*seeds, *promoted) == [(0, 6), (1, 6), (2, 2)]
    halfway = record(0, 4, 0.3)
    assert budgets(*seeds, halfway, *promoted[1:]) == [(1, 6), (2, 2)]


def test_members_of_one_point_are_known_by_each_other_and_stand_for_it_once() -> None:
    point = {"val_error": 0.2, "flops": 100.0}
    alike = [record(i, 6, 0.2)._replace(metrics={**point, "params": float(i)}) for i in range(3)]
    other = record(3, 6, 0.1)
    members = front([*alike[::-1], other], OBJECTIVES)
    assert [r.id for r in members] == [0, 1, 2, 3]
    assert equals(members, OBJECTIVES) == {0: [1, 2], 1: [0, 2], 2: [0, 1], 3: []}
    assert distinct(members, OBJECTIVES) == [alike[0], other]


def test_of_equal_members_the_one_that_was_measured_stands_for_all() -> None:
    first, measured = (record(0, 6, 0.2)._replace(id=i) for i in (4, 7))
    measured = measured._replace(metrics={**measured.metrics, "latency": 2.0})
    assert [r.id for r in front([first, measured], OBJECTIVES)] == [7, 4]
