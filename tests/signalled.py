"""The command line in a process that sends a signal to itself: at one moment of its run, on a busy machine, too."""

from __future__ import annotations

import signal
import subprocess
import sys

#: Arguments: the signal, the beginning of a line of progress, seconds after it, and those of the command line. While
#: the seconds pass the native trainer repeats its epochs, here and in no other process: no run is over before.
PROGRAM = """
import os, sys, threading
from evonas.cli import main
from evonas.evaluation import processes
from evonas.run import progress
from search_spaces.neuron.trainer import native

number, moment, seconds = int(sys.argv.pop(1)), sys.argv.pop(1), float(sys.argv.pop(1))
say, epochs, reached = progress._PlainLines.say, native._Run._epochs, threading.Event()

def send():
    os.kill(os.getpid(), number)

def said(lines, line):
    say(lines, line)
    if line.startswith(moment) and not reached.is_set():
        sys.stdout.flush()
        reached.set()
        threading.Timer(seconds, send).start() if seconds else send()

def repeated(run, first):
    while reached.is_set() and seconds:
        epochs(run, first)
    return epochs(run, first)

processes.FIRST_SECONDS = float("inf")
progress.PLAIN_INTERVAL, progress._PlainLines.say, native._Run._epochs = 0, said, repeated
main()
"""


def signalled(number: int, moment: str, *arguments: object, seconds: float = 0.0) -> subprocess.CompletedProcess[str]:
    """Run ``evonas`` to its end by a signal; standard error is with the standard output.

    Args:
        number: Number of the signal.
        moment: Beginning of a line of progress, every one of which is printed.
        *arguments: Arguments of the command line, each turned into text.
        seconds: Seconds after that line; 0 means before anything else is done. Native training goes on meanwhile.
    """
    return subprocess.run(
        [sys.executable, "-c", PROGRAM, str(int(number)), moment, str(seconds), *map(str, arguments)],
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=200, check=False,
        # A shell's background jobs ignore interrupts, and children inherit that.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )
