"""The ancestors of an individual, and how they are related, as lines for a terminal."""

from __future__ import annotations

from collections.abc import Sequence

from evonas.store import Record


def ancestry(records: Sequence[Record], id: int) -> list[Record]:
    """The individual and all its ancestors by ascending id, each with its last successful evaluation.

    Args:
        records: Of the whole run, with an evaluation of ``id`` among them.
    """
    by_id: dict[int, Record] = {}
    for record in records:
        if record.status == "ok" or record.id not in by_id:
            by_id[record.id] = record
    found, waiting = {}, [id]
    while waiting:
        next_id = waiting.pop()
        if next_id in by_id and next_id not in found:
            found[next_id] = by_id[next_id]
            waiting += by_id[next_id].parents
    return [found[key] for key in sorted(found)]


def strips(line: Sequence[Record]) -> list[str]:
    """A drawing of an :func:`ancestry`, one text a member, to be read from top to bottom.

    A dot is the member; lines go down from parents to children. Where a child has two parents, two lines join: the
    straight one is the first parent's, whose weights were inherited.
    """
    known = {record.id for record in line}
    lanes: list[int | None] = []  # the parent that each line leads up to
    drawn = []
    for record in reversed(line):
        lines_down = [i for i, waits_for in enumerate(lanes) if waits_for == record.id]
        if not lines_down:  # the individual itself
            lines_down, lanes = [len(lanes)], [*lanes, record.id]
        own, *others = lines_down
        marks = {own: "●"} | dict.fromkeys(others, "╮")
        parents = [parent for parent in dict.fromkeys(record.parents) if parent in known]
        lanes[own] = parents[0] if parents else None
        for i in others:
            lanes[i] = None
        for parent in parents[1:]:
            free = next((i for i in range(own + 1, len(lanes)) if lanes[i] is None and i not in marks), len(lanes))
            lanes[free:free + 1] = [parent]
            marks[free] = "╯"
        drawn.append(_row(marks, own, lanes))
        while lanes and lanes[-1] is None:
            lanes.pop()
    return drawn[::-1]


def _row(marks: dict[int, str], own: int, lanes: Sequence[int | None]) -> str:
    """One character a lane, joined from the member's own to the farthest line that begins or ends here."""
    text, end = "", max(marks)
    for i, waits_for in enumerate(lanes):
        between = own < i < end
        passing = "┼" if between else "│"
        empty = "─" if between else " "
        mark = marks.get(i, empty if waits_for is None else passing)
        if between and i in marks:
            mark = {"╮": "┬", "╯": "┴"}[mark]
        text += mark + ("─" if own <= i < end else " ")
    return text.rstrip()
