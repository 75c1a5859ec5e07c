"""Observers of the search: the display of progress and the user's callbacks."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager

from rich.console import Console

from evonas.run.observer import RunObserver
from evonas.run.progress import SearchProgress

#: Characters per line outside a terminal: enough for any line.
LINE = 1000


@contextmanager
def watching(verbose: int, callbacks: Sequence[RunObserver] | None) -> Iterator[list[RunObserver]]:
    """The observers of a search.

    Args:
        verbose: 0: silent; 1: a bar on a terminal, elsewhere a line every few seconds; 2: a line a generation.
        callbacks: The user's; those that are context managers are entered, and end with the search.

    """
    given = [] if callbacks is None else list(callbacks)
    with ExitStack() as stack:
        for callback in given:
            if isinstance(callback, AbstractContextManager):
                stack.enter_context(callback)
        if verbose:
            given.insert(0, stack.enter_context(_progress(verbose)))
        yield given


def _progress(verbose: int) -> SearchProgress:
    shown = verbose == 1 and sys.stdout.isatty()
    # Plain text in notebooks, in which the console's own bar would stay empty; lines are never wrapped.
    console = Console(
        file=sys.stdout, force_jupyter=False, force_terminal=shown, width=None if shown else LINE, soft_wrap=True
    )
    return SearchProgress(console, each_generation=verbose > 1)
