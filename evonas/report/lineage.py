"""The ancestors of an individual and their relations, as lines for a terminal."""

from __future__ import annotations

from collections.abc import Sequence

from evonas.store import Record


def ancestry(records: Sequence[Record], id: int) -> list[Record]:
    """The individual and all its ancestors by ascending id, each with its last successful evaluation.

    Args:
        records: Records of the whole run, including an evaluation of ``id``.
        id: Id of the individual.
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
    """A drawing of an :func:`ancestry`, one text per member, to be read from top to bottom.

    A dot is the member; lines go down from parents to children. If a child has two parents, two lines join: the
    straight one is the first parent's, whose weights were inherited.
    """
    known = {record.id for record in line}
    lanes: list[int | None] = []  # the parent at the upper end of each line
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
    """One character per lane, joined from the member's own to the farthest line that begins or ends here.

    Args:
        marks: Characters by lane.
        own: Lane of the member.
        lanes: The parent at the upper end of each lane, None for a free lane.
    """
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
