"""Signals that ask the program to end: all act like Ctrl-C, so that every run can be resumed."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager

#: Signals sent by ``docker stop``, ``timeout``, batch systems and shells; and when a terminal is closed.
SIGNALS = [getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name)]


class Terminated(KeyboardInterrupt):
    """Request to end the program by another signal than that of Ctrl-C."""

    def __init__(self, number: int) -> None:
        super().__init__(f"signal {number}")
        self.number = number


def exit_code(interrupt: KeyboardInterrupt) -> int:
    """Return the exit code that shells use: 128 and the number of the signal, 130 for Ctrl-C."""
    return 128 + (interrupt.number if isinstance(interrupt, Terminated) else int(signal.SIGINT))


@contextmanager
def signals_interrupt() -> Iterator[None]:
    """Raise :class:`Terminated` at the first of these signals, and ignore later ones while the program ends.

    Ctrl-C raises ``KeyboardInterrupt``. A signal that the program was started to ignore (``nohup``) stays ignored.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def interrupt(number: int, _: object) -> None:
        for each in previous:
            signal.signal(each, signal.SIG_IGN)
        raise Terminated(number)

    previous = {number: handler for number in SIGNALS if (handler := signal.getsignal(number)) != signal.SIG_IGN}
    on_ctrl_c = signal.getsignal(signal.SIGINT)
    for number in previous:
        signal.signal(number, interrupt)
    if on_ctrl_c != signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, on_ctrl_c)
        for number, handler in previous.items():
            signal.signal(number, handler)
