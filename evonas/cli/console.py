"""Where commands print."""

from __future__ import annotations

import sys

from rich.console import Console

#: Wide enough for every table: on a pipe or in a file nothing may be cut.
PIPE_WIDTH = 500


def make_console() -> Console:
    """A console as wide as the terminal; as wide as needed where there is none."""
    return Console(width=None if sys.stdout.isatty() else PIPE_WIDTH, soft_wrap=True)


def say(text: str) -> None:
    """One line of plain text: no markup, never wrapped."""
    make_console().print(text, markup=False, highlight=False)
