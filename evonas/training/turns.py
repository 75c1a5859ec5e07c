"""Turns of threads: one at a time runs Python, with native code in parallel.

Threads that all need the interpreter slow each other down by more than their share: each change of turns costs about
as much as an epoch of a small network. So the thread that prepares the next trial begins when the one that trains
enters native code for a while.
"""

from __future__ import annotations

import threading


class _Turn(threading.local):
    event: threading.Event | None = None


_turn = _Turn()


def announce(event: threading.Event | None) -> None:
    """Make this thread set ``event`` from now on when it leaves the interpreter to others; None ends that."""
    _turn.event = event


def leaving() -> None:
    """Signal that this thread is about to run native code for a while; called by trainers."""
    if _turn.event is not None:
        _turn.event.set()
