"""Tables for a person to read: a front, and single columns that fit a terminal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from rich.markup import escape
from rich.table import Table

from evonas.objectives import Objectives
from evonas.report.front import knee
from evonas.store import Record

#: Costs that are shown beside the objectives where there is room, the most telling first.
SECONDARY_COSTS = ("edges", "latency", "latency_device", "depth", "neurons", "params")


@dataclass(frozen=True)
class Column:
    """A column of texts; numbers stand on the right. A secondary one may be left out where room is short."""

    name: str
    cells: Sequence[str]
    numbers: bool = True
    secondary: bool = False


def table(columns: Sequence[Column], *, title: str = "", width: int | None = None, bold: int | None = None) -> Table:
    """Columns side by side.

    Args:
        width: Where all columns take more characters than this, the last secondary ones are left out. Nothing is ever
            cut short: where that is not enough, the table is wider.
        bold: Index of a row to stress.
    """
    shown = list(columns)
    while width is not None and _width(shown) > width and any(c.secondary for c in shown):
        shown.remove([c for c in shown if c.secondary][-1])
    result = Table(title=escape(title) or None, title_justify="left", title_style="bold", width=_width(shown))
    for column in shown:
        result.add_column(escape(column.name), justify="right" if column.numbers else "left", no_wrap=True)
    for i, cells in enumerate(zip(*(column.cells for column in shown), strict=True)):
        result.add_row(*map(escape, cells), style="bold" if i == bold else None)
    return result


def _width(columns: Sequence[Column]) -> int:
    """Characters a line takes: the box pads each column by one on either side, parts them by one, and has two edges."""
    return sum(max(len(text) for text in (c.name, *c.cells)) + 3 for c in columns) + 1


def described(tables: Sequence[tuple[str, list[str], list[list[str]]]]) -> list[Table]:
    """What :class:`evonas.space.Describable` says of a genotype; columns with words stand on the left."""
    drawn = []
    for title, names, rows in tables:
        cells = [[row[i] for row in rows] for i in range(len(names))]
        texts = [any(cell[:1].isalpha() for cell in column) for column in cells]
        columns = zip(names, cells, texts, strict=True)
        drawn.append(table([Column(name, column, numbers=not text) for name, column, text in columns], title=title))
    return drawn


def front_table(
    members: Sequence[Record], objectives: Objectives, *, title: str, width: int | None = None,
    test_cells: Mapping[int, Mapping[str, str]] | None = None,
) -> Table:
    """The members of a front, the knee in bold and named in the title.

    Args:
        test_cells: Texts by individual and heading, for columns of their own.
    """
    tests = test_cells or {}
    names = [o.metric for o in objectives.items]
    if names[0] == "fitness_error":
        names.insert(1, "val_accuracy")
    costs = [n for n in SECONDARY_COSTS if any(n in r.metrics for r in members) and n not in names]
    headings = list(dict.fromkeys(heading for cells in tests.values() for heading in cells))
    edges, others = [c for c in costs if c == "edges"], [c for c in costs if c != "edges"]
    columns = [
        Column("id", [str(r.id) for r in members]),
        *(Column(n, [number(r.metrics[n]) for r in members]) for n in names),
        *(Column(h, [tests.get(r.id, {}).get(h, "") for r in members]) for h in headings),
        *(Column(n, [_number(r, n) for r in members], secondary=True) for n in edges),
        Column("operator", [r.operator for r in members], numbers=False, secondary=True),
        Column("born", [str(r.birth) for r in members], secondary=True),
        *(Column(n, [_number(r, n) for r in members], secondary=True) for n in others),
    ]
    if len(members) < 3:
        return table(columns, title=title, width=width)
    middle = knee(members, objectives)
    return table(columns, title=f"{title}, knee {middle.id}", width=width, bold=members.index(middle))


def _number(record: Record, metric: str) -> str:
    """Nothing where it was not measured."""
    return number(record.metrics[metric]) if metric in record.metrics else ""


def number(value: float) -> str:
    """Whole numbers with groups of three, shares with four digits."""
    return f"{value:,.0f}".replace(",", " ") if value == int(value) and abs(value) >= 1 else f"{value:.4f}"
