"""A front in a notebook: a table for the choice of a member with a picture beside it, in plain HTML."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Sequence
from html import escape
from io import BytesIO
from typing import TYPE_CHECKING, Any

from evonas.front import distinct, equals, knee
from evonas.objectives import Objective, Objectives
from evonas.objectives.metrics import is_logarithmic
from evonas.report.plot import front_figure
from evonas.report.tables import fitting, front_columns
from evonas.store import Record

if TYPE_CHECKING:
    import pandas as pd

#: Largest number of characters in a line, and of rows; further columns are left out, further rows are counted.
WIDTH, MOST_ROWS = 76, 16
#: Size of the picture in inches, and pixels per inch: twice as many as are shown, for screens of high resolution.
SIZE, DPI = (6.4, 4.4), 144
#: Name of the attribute of a front's table that holds the goal, ``min`` or ``max``, of each objective.
GOALS = "objectives"


def front_html(
    members: Sequence[Record], objectives: Objectives, *, title: str, records: Sequence[Record] = (),
    chosen: int | None = None,
) -> str:
    """A piece of HTML without scripts and external resources.

    Args:
        members: Members of the front.
        objectives: Objectives of the search.
        title: Plain text above it.
        records: All evaluations, drawn faintly.
        chosen: Id of a member that is marked.
    """
    shown = distinct(members, objectives)
    if not shown:
        return f"<div>{escape(title)}<br>The front is empty.</div>"
    parts = [_table_html(members, shown, objectives, chosen)]
    if len(objectives.items) > 1:
        parts.append(_picture(records, members, objectives, title))
    head = f'<div style="margin: 0.3em 0"><b>{escape(title)}</b></div>'
    side_by_side = "display: flex; flex-wrap: wrap; gap: 1.2em; align-items: flex-start"
    return f'<div>{head}<div style="{side_by_side}">{"".join(parts)}</div></div>'


def _table_html(
    members: Sequence[Record], shown: Sequence[Record], objectives: Objectives, chosen: int | None
) -> str:
    """The table of a front with the knee in bold and the chosen member on a coloured ground.

    Args:
        members: Members of the front.
        shown: Members without those that are equal to others.
        objectives: Objectives of the search.
        chosen: Id of a member that is marked.
    """
    first = min(range(len(shown)), key=lambda i: (shown[i].id != chosen, i))  # the chosen member is always visible
    begin = max(0, min(first - MOST_ROWS // 2, len(shown) - MOST_ROWS))
    rows = shown[begin : begin + MOST_ROWS]
    middle = knee(shown, objectives).id if len(shown) > 2 else None
    columns = fitting(front_columns(rows, objectives, equal=equals(members, objectives)), WIDTH)
    align = ["right" if column.numbers else "left" for column in columns]
    cell = '<{0} style="text-align: {1}; padding: 0.15em 0.6em; white-space: nowrap">{2}</{0}>'
    lines = ["".join(cell.format("th", a, escape(c.title)) for a, c in zip(align, columns, strict=True))]
    styles = [""]
    for i, record in enumerate(rows):
        lines.append("".join(cell.format("td", a, escape(c.cells[i])) for a, c in zip(align, columns, strict=True)))
        weight = "font-weight: bold; " if record.id == middle else ""
        styles.append(weight + ("background: rgba(220, 20, 60, 0.15)" if record.id == chosen else ""))
    body = "".join(f'<tr style="{style}">{line}</tr>' for style, line in zip(styles, lines, strict=True))
    notes = [f"{len(rows)} of {len(shown)} points"] if len(rows) < len(shown) else []
    notes += [] if middle is None else [f"in bold the knee, {middle}"]
    notes += [] if chosen is None else [f"red: {chosen}, which was picked"]
    note = f'<div style="font-size: 85%; margin-top: 0.3em">{escape("; ".join(notes))}</div>' if notes else ""
    return f'<div><table style="border-collapse: collapse; font-size: 90%">{body}</table>{note}</div>'


def _picture(records: Sequence[Record], members: Sequence[Record], objectives: Objectives, title: str) -> str:
    drawn = BytesIO()
    front_figure(records, members, objectives, size=SIZE).savefig(drawn, dpi=DPI, format="png")
    width, data = int(SIZE[0] * DPI / 2), b64encode(drawn.getvalue()).decode()
    return f'<img alt="{escape(title)}" width="{width}" src="data:image/png;base64,{data}">'


def goals_of(objectives: Objectives) -> dict[str, str]:
    """The goals of the objectives, which :class:`FrontDisplay` reads from the attribute :data:`GOALS` of a table."""
    return {objective.metric: objective.goal for objective in objectives.items}


class FrontDisplay:
    """Display of a fitted estimator's front, its table ``front_``, in notebooks below scikit-learn's own display."""

    front_: pd.DataFrame
    id_: int

    def _repr_html_inner(self) -> str:
        return str(super()._repr_html_inner()) + self._front_html()  # type: ignore[misc]

    def _repr_mimebundle_(self, **options: Any) -> dict[str, Any]:
        bundle: dict[str, Any] = super()._repr_mimebundle_(**options)  # type: ignore[misc]
        return bundle | {kind: text + self._front_html() for kind, text in bundle.items() if kind == "text/html"}

    def _front_html(self) -> str:
        """The HTML of the front; empty before there is one."""
        goals = getattr(self, "front_", None) is not None and self.front_.attrs.get(GOALS)
        if not goals:
            return ""
        objectives = Objectives(tuple(Objective(name, goal, is_logarithmic(name)) for name, goal in goals.items()))
        title = f"Front of {len(self.front_)} networks, individual {self.id_} predicts"
        return front_html(_records(self.front_), objectives, title=title, chosen=self.id_)


def _records(frame: pd.DataFrame) -> list[Record]:
    """The rows of a front's table as records of the run; a metric that is NaN was not measured."""
    identity = ("generation", "operator", "parents", "budget", "equal")
    records = []
    for id, row in zip(frame.index, frame.to_dict("records"), strict=True):
        metrics = {str(name): value for name, value in row.items() if name not in identity and value == value}
        lineage = int(row["generation"]), str(row["operator"]), tuple(row["parents"])
        records.append(Record(int(id), int(row["budget"]), *lineage, "ok", metrics, 0.0, 1.0, None))
    return records
