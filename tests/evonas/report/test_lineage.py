"""Ancestors, and their drawing."""

from __future__ import annotations

import pytest

from evonas.report.lineage import ancestry, strips
from evonas.store import Record


def record(id: int, *parents: int, status: str = "ok", budget: int = 1) -> Record:
    return Record(id, budget, id, "operator", parents, status, {}, 1.0, 1.0, None)


def test_ancestors_are_all_that_lead_to_the_individual_and_nobody_else() -> None:
    records = [record(0), record(1), record(2, 0), record(3, 1), record(4, 2, 1), record(5, 4)]
    assert [r.id for r in ancestry(records, 4)] == [0, 1, 2, 4]
    assert [r.id for r in ancestry(records, 0)] == [0]


def test_an_ancestor_counts_with_its_last_success() -> None:
    records = [record(0, budget=1), record(0, budget=3), record(0, budget=9, status="failed"), record(1, 0)]
    assert [(r.id, r.budget) for r in ancestry(records, 1)] == [(0, 3), (1, 1)]


def test_a_damaged_run_that_is_its_own_ancestor_has_an_end() -> None:
    records = [record(0, 2), record(1, 0), record(2, 1, 7)]
    assert [r.id for r in ancestry(records, 2)] == [0, 1, 2]
    assert len(strips(ancestry(records, 2))) == 3


@pytest.mark.parametrize(("line", "drawing"), [
    ([record(0)], "●"),
    ([record(0), record(1, 0), record(2, 1)], "●|●|●"),
    ([record(0), record(1), record(2, 0, 1)], "●|│ ●|●─╯"),
    ([record(0), record(1), record(2, 1, 0)], "  ●|● │|●─╯"),
    ([record(0), record(1, 0), record(2, 0), record(3, 1, 2)], "●─╮|● │|│ ●|●─╯"),
    ([record(0), record(1, 0), record(2, 0), record(3, 0), record(4, 1, 2), record(5, 4, 3)],
     "●─┬─╮|● │ │|│ │ ●|│ ● │|●─┼─╯|●─╯"),
    ([record(0), record(1, 0), record(2, 1, 1)], "●|●|●"),
])
def test_lines_lead_from_parents_down_to_children(line: list[Record], drawing: str) -> None:
    assert strips(line) == drawing.split("|")
