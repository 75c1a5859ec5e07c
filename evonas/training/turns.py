"""Turns of threads: Python runs in one at a time, and native code beside it.

Threads that all want the interpreter slow each other down by more than their share: each change of turns costs about
as much as an epoch of a small network. So the thread that prepares the next trial begins when the one that trains goes
into native code for a while.
"""

from __future__ import annotations

import threading


class _Turn(threading.local):
    event: threading.Event | None = None


_turn = _Turn()


def announce(event: threading.Event | None) -> None:
    """From now on this thread sets ``event`` when it leaves the interpreter to others; None ends that."""
    _turn.event = event


def leaving() -> None:
    """Called by a trainer before native code that takes a while."""
    if _turn.event is not None:
        _turn.event.set()
