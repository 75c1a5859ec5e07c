"""Columns as a user names them, and how a message names those that there are."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence

from evonas.types import nearest

#: Columns that a message names.
MOST_NAMED = 20


def column_hint(name: object, columns: Sequence[str]) -> str:
    """End of a message about a missing column: the one that is near, else all columns."""
    close = nearest(name, columns)
    return f"; the columns are {listed(columns)}" if close is None else f", did you mean {close!r}?"


def listed(columns: Sequence[str]) -> str:
    """The first of some columns, with commas; a name that holds one itself stands in quotation marks."""
    names = (repr(name) if "," in name else name for name in columns[:MOST_NAMED])
    return ", ".join(names) + (", ..." if len(columns) > MOST_NAMED else "")


def named_columns(texts: Iterable[str], columns: Collection[str]) -> tuple[str, ...]:
    """Columns that a user names: each text is one, or several with commas between them.

    Names may hold commas themselves: of the columns that a text may begin with, the one of the longest name is meant.

    Args:
        texts: Texts as they were given.
        columns: The columns of the table. What is none of them is named as it was given.
    """
    found, there = list[str](), frozenset(columns)
    for text in texts:
        parts = text.split(",")
        while parts:
            names = [",".join(parts[:n]).strip() for n in range(len(parts), 0, -1)]
            name = next((name for name in names if name in there), names[-1])
            parts = parts[len(parts) - names.index(name) :]
            if name or not (parts or found):
                found.append(name)
    return tuple(found)
