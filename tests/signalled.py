"""The command line in a process that sends a signal to itself: at one moment of its run, on a busy machine, too.

The processes are forked from one that has imported what a search imports, since that takes longer than most searches.
"""

from __future__ import annotations

import atexit
import json
import os
import signal
import subprocess
import sys
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

#: A line of JSON for each process: the signal, the beginning of a line of progress, seconds after it, arguments of the
#: command line, working folder, environment, and the file that gets its output. While the seconds pass the native
#: trainer repeats its epochs, here and in no other process: no run is over before.
PROGRAM = """
import json, os, sys, threading
import sklearn.datasets, torch
import evonas.cli.app, evonas.run.start, evonas.store, evonas.supernet.training
import search_spaces.neuron.gates, search_spaces.neuron.space, search_spaces.neuron.vertices
from evonas.cli import main
from evonas.evaluation import processes
from evonas.run import progress
from search_spaces.neuron.trainer import native

for line in sys.stdin:
    process = os.fork()
    if not process:
        break
    print(os.waitstatus_to_exitcode(os.waitpid(process, 0)[1]), flush=True)
else:
    sys.exit()

number, moment, seconds, sys.argv[1:], folder, environment, output = json.loads(line)
for file, name, mode in ((0, os.devnull, os.O_RDONLY), (1, output, os.O_WRONLY)):
    os.dup2(os.open(name, mode), file)
os.dup2(1, 2)
os.chdir(folder)
os.environ.clear()
os.environ.update(environment)
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


@cache
def _server() -> subprocess.Popen[str]:
    """The process that forks the others; it ends with this one."""
    process = subprocess.Popen(
        [sys.executable, "-c", PROGRAM], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        start_new_session=True,
        # A shell's background jobs ignore interrupts, and children inherit that.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )
    atexit.register(_end, process)
    return process


def _end(process: subprocess.Popen[str]) -> None:
    """Kill the server with a process of it that is stuck."""
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)
    process.communicate()


def signalled(number: int, moment: str, *arguments: object, seconds: float = 0.0) -> subprocess.CompletedProcess[str]:
    """Run ``evonas`` to its end by a signal; standard error is with the standard output.

    Args:
        number: Number of the signal.
        moment: Beginning of a line of progress, every one of which is printed.
        *arguments: Arguments of the command line, each turned into text.
        seconds: Seconds after that line; 0 means before anything else is done. Native training goes on meanwhile.
    """
    words, server = [*map(str, arguments)], _server()
    assert server.stdin is not None
    assert server.stdout is not None
    with TemporaryDirectory() as folder:
        output = Path(folder, "output")
        output.touch()
        order = [int(number), moment, seconds, words, os.getcwd(), dict(os.environ), str(output)]
        server.stdin.write(json.dumps(order) + "\n")
        server.stdin.flush()
        try:
            code = int(server.stdout.readline())
        except BaseException:
            _server.cache_clear()
            _end(server)
            raise
        return subprocess.CompletedProcess(words, code, output.read_text())
