"""Tables for the terminal: a front, and columns that fit its width."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from rich.markup import escape
from rich.table import Table

from evonas.front import check_measured, knee
from evonas.objectives import Objectives
from evonas.objectives.metrics import is_measured_later
from evonas.report.choice import read_quality
from evonas.serialization import renamed
from evonas.store import Record
from evonas.types import UserError, suggestion

#: Columns beside the metrics, named as in :func:`evonas.front.row`.
IDENTITY = ("id", "generation", "operator", "parents", "budget", "equal")
#: Headings of columns that differ from their names.
HEADINGS = {"equal": ""}
#: Costs of deployment, shown if they were measured, the most informative first.
DEPLOYMENT = (
    "latency", "latency_device", "latency_estimate", "flash", "ram", "int8_flash", "int8_error", "int8_mse",
    "int8_nmse",
)
#: Costs that are shown after all others if there is room.
STRUCTURE = ("depth", "neurons", "params")
#: Value for fronts without equal members.
NONE_EQUAL: Mapping[int, Sequence[int]] = MappingProxyType({})


@dataclass(frozen=True)
class Column:
    """A column of texts. Numbers are aligned to the right. A secondary column may be left out if room is short.

    Attributes:
        name: Name of the column.
        cells: Texts of the rows.
        numbers: Whether the cells are numbers.
        secondary: Whether the column may be left out.
        heading: Heading if it differs from the name.
    """

    name: str
    cells: Sequence[str]
    numbers: bool = True
    secondary: bool = False
    heading: str | None = None

    @property
    def title(self) -> str:
        return self.name if self.heading is None else self.heading


def table(columns: Sequence[Column], *, title: str = "", width: int | None = None, bold: int | None = None) -> Table:
    """A table of columns.

    Args:
        columns: The columns.
        title: Title above the table.
        width: Largest number of characters; the last secondary columns are left out if all take more. Nothing is ever
            truncated: if that is not enough, the table is wider.
        bold: Index of a row to stress.
    """
    shown = fitting(columns, width)
    result = Table(title=escape(title) or None, title_justify="left", title_style="bold", width=_width(shown))
    for column in shown:
        result.add_column(escape(column.title), justify="right" if column.numbers else "left", no_wrap=True)
    for i, cells in enumerate(zip(*(column.cells for column in shown), strict=True)):
        result.add_row(*map(escape, cells), style="bold" if i == bold else None)
    return result


def fitting(columns: Sequence[Column], width: int | None) -> list[Column]:
    """The columns that :func:`table` shows in a width."""
    shown = list(columns)
    while width is not None and _width(shown) > width and any(c.secondary for c in shown):
        shown.remove([c for c in shown if c.secondary][-1])
    return shown


def _width(columns: Sequence[Column]) -> int:
    """Characters per line: the box pads each column by one on either side, separates them by one, and has two edges."""
    return sum(max(len(text) for text in (c.title, *c.cells)) + 3 for c in columns) + 1


def described(tables: Sequence[tuple[str, list[str], list[list[str]]]]) -> list[Table]:
    """Tables from a description by :class:`evonas.capabilities.display.Describable`; words are aligned to the left."""
    drawn = []
    for title, names, rows in tables:
        cells = [[row[i] for row in rows] for i in range(len(names))]
        texts = [any(cell[:1].isalpha() for cell in column) for column in cells]
        columns = zip(names, cells, texts, strict=True)
        drawn.append(table([Column(name, column, numbers=not text) for name, column, text in columns], title=title))
    return drawn


def front_table(
    members: Sequence[Record], objectives: Objectives, *, title: str, width: int | None = None,
    test_cells: Mapping[int, Mapping[str, str]] | None = None, columns: Sequence[Column] | None = None,
) -> Table:
    """The members of a front, with the knee in bold and named in the title.

    Args:
        members: Members of the front.
        objectives: Objectives of the search.
        title: Title above the table.
        width: See :func:`table`.
        test_cells: See :func:`front_columns`.
        columns: Columns that replace the default ones.
    """
    shown = front_columns(members, objectives, test_cells=test_cells) if columns is None else columns
    if len(members) < 3:
        return table(shown, title=title, width=width)
    middle = knee(members, objectives)
    return table(shown, title=f"{title}, knee {middle.id}", width=width, bold=members.index(middle))


def front_columns(
    members: Sequence[Record], objectives: Objectives, *,
    test_cells: Mapping[int, Mapping[str, str]] | None = None, names: Sequence[str] | None = None,
    equal: Mapping[int, Sequence[int]] = NONE_EQUAL,
) -> list[Column]:
    """The columns of a front: the given ones, or those that help to choose.

    Args:
        members: Members of the front.
        objectives: Objectives of the search.
        test_cells: Texts by individual and heading, for additional columns.
        names: Names from :func:`check_columns`; None for the default columns, of which all but the objectives are
            secondary.
        equal: Ids of other members of the same point, by individual.
    """
    tests = test_cells or {}
    headings = dict.fromkeys(heading for cells in tests.values() for heading in cells)
    tested = [Column(h, [tests.get(r.id, {}).get(h, "") for r in members]) for h in headings]
    if names is not None:
        return [*(_column(name, members, equal) for name in names), *tested]
    primary = [objective.metric for objective in objectives.items]
    if (read := read_quality(members, objectives)) is not None and read not in primary:
        primary.insert(1, read)
    bounded = [constraint.metric for constraint in objectives.constraints]
    known = {name for r in members for name in r.metrics}
    order = (*bounded, *DEPLOYMENT, "edges", "operator", "generation", *STRUCTURE)
    others = [n for n in dict.fromkeys(order) if n in known | {*IDENTITY} and n not in primary]
    same = ["equal"] if any(equal.get(r.id) for r in members) else []
    return [
        *(_column(name, members, equal) for name in ["id", *primary, *same]), *tested,
        *(_column(name, members, equal, secondary=True) for name in others),
    ]


def _column(
    name: str, members: Sequence[Record], equal: Mapping[int, Sequence[int]], *, secondary: bool = False
) -> Column:
    identity: dict[str, Callable[[Record], str]] = {
        "id": lambda r: str(r.id), "generation": lambda r: str(r.generation), "operator": lambda r: r.operator,
        "parents": lambda r: " ".join(map(str, r.parents)), "budget": lambda r: str(r.budget),
        "equal": lambda r: f"+{len(equal[r.id])} equal" if equal.get(r.id) else "",
    }
    cells = [identity[name](r) if name in identity else _number(r, name) for r in members]
    return Column(name, cells, name not in ("operator", "equal"), secondary, HEADINGS.get(name))


def check_columns(
    names: Sequence[str], records: Sequence[Record], members: Sequence[Record], *, run: Path | str = "RUN"
) -> list[str]:
    """Names of columns as in :func:`evonas.front.row`, each once.

    Args:
        names: Names as given by the user.
        records: All evaluations of the run, whose metrics are columns. Without evaluations any name is accepted.
        members: Members of its front.
        run: The run, for the message.

    Raises:
        UserError: There is no such column, its metric was measured for no member, or none is named.
    """
    wanted = list(dict.fromkeys(map(renamed.column, names)))
    metrics = {name for r in records for name in r.metrics}
    if not wanted:
        raise UserError(f"--columns names no column{suggestion('', {*IDENTITY, *metrics})}")
    for name in wanted:
        if name.startswith("test_") and name not in metrics:
            raise UserError(f"{name} is measured on the test set: give --test, which adds it to the columns")
        if is_measured_later(name) and not any(name in r.metrics for r in members):
            check_measured(members, name, run=run)
        elif metrics and name not in metrics and name not in IDENTITY:
            raise UserError(f"unknown column {name!r}{suggestion(name, {*IDENTITY, *metrics})}")
    return wanted


def hidden(shown: Sequence[Column], members: Sequence[Record], equal: Mapping[int, Sequence[int]]) -> list[str]:
    """Names of the columns that members have and that are not shown; ``equal`` only if some members are equal.

    Args:
        shown: Columns that are shown.
        members: Members of the front.
        equal: Ids of other members of the same point, by individual.
    """
    metrics = dict.fromkeys(name for r in members for name in r.metrics)
    names = [name for name in (*IDENTITY, *metrics) if name != "equal" or any(equal.get(r.id) for r in members)]
    drawn = {column.name for column in shown}
    return [name for name in names if name not in drawn]


def _number(record: Record, metric: str) -> str:
    """A metric as text; empty if it was not measured."""
    return number(record.metrics[metric]) if metric in record.metrics else ""


def number(value: float) -> str:
    """A number as text: whole numbers with groups of three digits, shares with four digits."""
    return f"{value:,.0f}".replace(",", " ") if value == int(value) and abs(value) >= 1 else f"{value:.4f}"
