"""The command line.

- ``search``: evolve, seed, resume; ``sample``; ``inspect``: front; ``individual``: show, lineage; ``report``
- ``compare``; ``final``: retrain, measure, export
- ``installed``: datasets, spaces
- ``app``: the application; ``failing``: what becomes of errors; ``interruption``: signals
- ``console``, ``progress``: what is printed; ``options``: reading values

Exit codes: 0 done, 2 bad usage or bad input (one sentence, no traceback), 128 and the number of the signal that
interrupted it, 130 for Ctrl-C (the run can be resumed), 141 where what reads its output has ended.

Commands import what they need when they run: help, usage errors and version must not wait for it.
"""

import os
import signal

__all__ = ["main"]


def main() -> None:
    """Entry point of the program. Ctrl-C while it is being imported, or ends, ends it at once; else commands see it."""
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, _leave)
    from evonas.cli.app import main as run

    run()


def _leave(*_: object) -> None:
    os.write(2, b"interrupted\n")
    os._exit(130)
