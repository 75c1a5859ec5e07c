"""Console and functions for the output of commands."""

from __future__ import annotations

import csv
import io
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from rich.console import Console as RichConsole
from rich.console import ConsoleOptions, RenderableType
from rich.segment import Segment

from evonas.serialization.files import is_stream

#: Width that is enough for every table: on a pipe or in a file no text may be cut.
PIPE_WIDTH = 500
#: Replacement for a character that would control a terminal.
HIDDEN = "\N{REPLACEMENT CHARACTER}"


class Console(RichConsole):
    """Console that removes terminal control from text.

    A run, which may come from others, names errors and operators.
    """

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        """Render every text that is printed, also that of tables and bars."""
        for segment in super().render(renderable, options):
            harmless = segment.control or segment.text.isprintable()
            yield segment if harmless else Segment(printable(segment.text), segment.style)

    def on_broken_pipe(self) -> None:
        """Raise the error: a reader that has ended is an error like any other."""
        raise


def printable(text: str) -> str:
    """Return the text with :data:`HIDDEN` for escapes, other control characters and marks that change the direction."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() or c in "\n\t\u00a0" else HIDDEN for c in text)


def make_console(*, quiet: bool = False) -> Console:
    """Return a console as wide as the terminal, or as needed without one. A quiet console prints nothing."""
    return Console(width=None if sys.stdout.isatty() else PIPE_WIDTH, soft_wrap=True, quiet=quiet)


def say(text: str) -> None:
    """Print one line of plain text: no markup, never wrapped."""
    make_console().print(text, markup=False, highlight=False)


def print_stderr(text: str) -> None:
    """Print one line on the present error stream, not the one at import.

    The standard output stays clean for programs.
    """
    Console(stderr=True).print(text, markup=False, highlight=False, soft_wrap=True)


def say_written(*paths: Path, remarks: Sequence[str] = ()) -> None:
    """Print the written paths with sizes.

    They are printed on the error stream if one is a pipe or device, which may be the standard output.
    """
    streams = [is_stream(path) for path in paths]
    names = [
        str(path) if stream else f"{path} ({_size(path.stat().st_size)})"
        for path, stream in zip(paths, streams, strict=True)
    ]
    for line in (f"wrote {' and '.join(names)}", *remarks):
        (print_stderr if any(streams) else say)(line)


def _size(n_bytes: int) -> str:
    return f"{n_bytes / 1e6:.1f} MB" if n_bytes >= 1e6 else f"{n_bytes:,} bytes"


def csv_text(rows: Sequence[Mapping[str, object]]) -> str:
    """Return rows under the names of all their columns; missing values are empty."""
    names = list(dict.fromkeys(name for row in rows for name in row))
    text = io.StringIO()
    writer = csv.DictWriter(text, names, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return printable(text.getvalue())
