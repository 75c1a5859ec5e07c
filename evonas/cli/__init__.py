"""Command line.

- ``search``: evolve, seed, resume; ``sample``; ``front``; ``individual``: show, lineage; ``report``; ``score``
- ``compare``; ``final``: retrain, export; ``measure``; ``predict``
- ``installed``: datasets, spaces, searchers, metrics; ``targets``
- ``app``: the application; ``commands``: the parts that all commands share; ``failing``: errors; ``interruption``:
  signals
- ``console``, ``help``: output; ``options``: reading values; ``completion``: names for the shell

Exit codes: 0 done, 2 bad usage or bad input (one sentence, no traceback), 128 and the number of the signal that
interrupted it, 130 for Ctrl-C (the run can be resumed), 141 if the reader of its output has ended.

Commands import what they need when they run: help, usage errors and version must not wait for it.
"""

import os
import signal
import sys

__all__ = ["main"]


def main() -> None:
    """Run the program. Ctrl-C while it is imported, or ends, ends it at once; otherwise commands handle it."""
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, _leave)
    _open_standard()
    from evonas.cli.app import main as run

    run()


def _open_standard() -> None:
    """Open the null device in the place of a closed standard stream.

    Otherwise the next file that is opened, like a run's, would be taken for that stream.
    """
    for number, name, mode in ((0, "stdin", "r"), (1, "stdout", "w"), (2, "stderr", "w")):
        try:
            os.fstat(number)
        except OSError:
            opened = os.open(os.devnull, os.O_RDWR)
            if opened != number:
                os.dup2(opened, number)
                os.close(opened)
        if getattr(sys, name) is None:
            setattr(sys, name, os.fdopen(number, mode, closefd=False))


def _leave(*_: object) -> None:
    os.write(2, b"interrupted\n")
    os._exit(130)
