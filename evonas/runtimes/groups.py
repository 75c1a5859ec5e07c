"""External programs (compilers, latency commands, exported networks), each in its own session and process group.

A group is killed completely: when its program has ended, at its time-out, when the work that waits for it is
interrupted, and when this process ends in any way. The last case is handled by a guard, a small process that lives as
long as this one.
"""

from __future__ import annotations

import atexit
import os
import selectors
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from typing import IO, NamedTuple, cast

#: Seconds between two checks whether a program has ended whose output is still open in a child process.
LOOK = 0.1
#: Number of bytes that are read or written at a time.
CHUNK = 1 << 16

#: Reads lines "+GROUP" and "-GROUP", and kills the remaining groups when the pipe's other end is closed.
_GUARD = """
import os, signal, sys
groups = set()
for line in sys.stdin.buffer:
    (groups.add if line[:1] == b"+" else groups.discard)(int(line[1:]))
for group in groups:
    try:
        os.killpg(group, signal.SIGKILL)
    except OSError:
        pass
"""


class Done(NamedTuple):
    """The result of a program that has ended.

    Attributes:
        returncode: Exit status.
        stdout: Its standard output.
        stderr: Its standard error.
    """

    returncode: int
    stdout: bytes
    stderr: bytes


class TooMuchOutput(Exception):
    """Raised if a program printed more than allowed."""


class _Groups:
    """The groups that run for this process, and their guard."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._alive: set[int] = set()
        self._guard: subprocess.Popen[bytes] | None = None

    def add(self, group: int) -> None:
        with self._lock:
            if self._guard is None or self._guard.poll() is not None:
                self._guard = subprocess.Popen(
                    [sys.executable, "-I", "-S", "-c", _GUARD], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL,
                    stderr=subprocess.DEVNULL, start_new_session=True, cwd="/",
                )
                for other in self._alive:
                    self._tell("+", other)
            self._alive.add(group)
            self._tell("+", group)

    def remove(self, group: int) -> None:
        with self._lock:
            self._alive.discard(group)
            self._tell("-", group)

    def close(self) -> None:
        """End the guard, and with it the remaining groups."""
        if self._guard is not None and self._guard.stdin is not None:
            with suppress(OSError):
                self._guard.stdin.close()
            self._guard.wait()

    def kill(self) -> None:
        with self._lock:
            for group in self._alive:
                _kill(group)

    def _tell(self, sign: str, group: int) -> None:
        if self._guard is not None and self._guard.stdin is not None:
            with suppress(OSError):  # a guard that was killed is replaced with the next group
                self._guard.stdin.write(f"{sign}{group}\n".encode())
                self._guard.stdin.flush()


_GROUPS = _Groups()
atexit.register(_GROUPS.close)


def kill_groups() -> None:
    """Kill every program that :func:`run_group` waits for, in any thread; each is then reported as killed."""
    _GROUPS.kill()


def run_group(
    command: Sequence[str], *, timeout: float, most: int, stdin: bytes = b"", cwd: str | None = None
) -> Done:
    """Run a program to its end.

    Args:
        command: Words of the command.
        timeout: Time limit in seconds.
        most: Largest output in bytes, for each of its two streams.
        stdin: Standard input of the program.
        cwd: Working directory of the program.

    Raises:
        OSError: It cannot be started.
        subprocess.TimeoutExpired: It took too long.
        TooMuchOutput: It printed too much.
    """
    deadline = time.monotonic() + timeout
    process = subprocess.Popen(
        command, cwd=cwd, start_new_session=True, stdin=subprocess.PIPE if stdin else subprocess.DEVNULL,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, bufsize=0,
    )
    try:
        _GROUPS.add(process.pid)
        streams = [stream for stream in (process.stdout, process.stderr) if stream is not None]
        printed = {stream: bytearray() for stream in streams}
        _exchange(process, stdin, printed, deadline, most)
        process.wait(max(0.0, deadline - time.monotonic()))
        return Done(process.returncode, *map(bytes, printed.values()))
    except subprocess.TimeoutExpired:
        raise subprocess.TimeoutExpired(command, timeout) from None
    finally:
        _kill(process.pid)  # also kills children of a program that has ended; the group exists until they end
        process.wait()
        _GROUPS.remove(process.pid)
        for stream in (process.stdin, process.stdout, process.stderr):
            if stream is not None:
                stream.close()


def _exchange(
    process: subprocess.Popen[bytes], stdin: bytes, printed: dict[IO[bytes], bytearray], deadline: float, most: int
) -> None:
    """Write and read until all streams are closed, or the program has ended and they are empty.

    Args:
        process: The program.
        stdin: Bytes for its standard input.
        printed: Output by stream, which is extended.
        deadline: ``time.monotonic()`` by which to end.
        most: Largest output in bytes, for each stream.
    """
    left, ended = memoryview(stdin), False
    with selectors.DefaultSelector() as selector:
        for stream in printed:
            selector.register(stream, selectors.EVENT_READ)
        if process.stdin is not None:
            os.set_blocking(process.stdin.fileno(), False)
            selector.register(process.stdin, selectors.EVENT_WRITE)
        while selector.get_map():
            if (seconds := deadline - time.monotonic()) <= 0:
                raise subprocess.TimeoutExpired(process.args, 0)
            ready = selector.select(0 if ended else min(seconds, LOOK))
            if not ready and ended:
                return  # children of the program keep the streams open
            ended = not ready and process.poll() is not None
            for stream in (cast(IO[bytes], key.fileobj) for key, _ in ready):
                if stream in printed:
                    piece = os.read(stream.fileno(), CHUNK)
                    printed[stream] += piece
                    if len(printed[stream]) > most:
                        raise TooMuchOutput(f"it printed more than {most:,} bytes")
                    finished = not piece
                else:
                    left, finished = _written(stream, left)
                if finished:
                    selector.unregister(stream)
                    stream.close()


def _written(stream: IO[bytes], left: memoryview) -> tuple[memoryview, bool]:
    """The bytes that remain, and whether writing is finished: nothing remains, or the reader has closed its end."""
    try:
        left = left[os.write(stream.fileno(), left[:CHUNK]) :]
    except BlockingIOError:
        return left, False
    except BrokenPipeError:
        return left, True
    return left, not left


def _kill(group: int) -> None:
    with suppress(OSError):  # the group has just ended
        os.killpg(group, signal.SIGKILL)
