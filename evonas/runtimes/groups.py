"""Programs of others (compilers, latency commands, exported networks), each in a session and process group of its own.

A group is killed whole: when its program has ended, at its time-out, when the work that waits for it is interrupted,
and when this process ends in any way. For the last there is a guard, a small process that lives as long as this one.
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

#: Seconds between two looks at whether a program has ended that left its output open to a program of its own.
LOOK = 0.1
#: Bytes that are read or written at a time.
CHUNK = 1 << 16

#: Reads "+GROUP" and "-GROUP", a line each, and kills the groups that are left when the pipe's other end is closed.
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
    """What a program that ended left."""

    returncode: int
    stdout: bytes
    stderr: bytes


class TooMuchOutput(Exception):
    """A program printed more than it may."""


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
        """Let the guard end; what is still there ends with it."""
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
    """End every program that :func:`run_group` waits for, in any thread: it then reports that they were killed."""
    _GROUPS.kill()


def run_group(
    command: Sequence[str], *, timeout: float, most: int, stdin: bytes = b"", cwd: str | None = None
) -> Done:
    """Run a program to its end.

    Args:
        timeout: Seconds.
        most: Bytes that it may print, on each of its two streams.
        stdin: What it can read.
        cwd: Where it runs.

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
        _kill(process.pid)  # also what a program that has ended left running; its number is theirs until they end
        process.wait()
        _GROUPS.remove(process.pid)
        for stream in (process.stdin, process.stdout, process.stderr):
            if stream is not None:
                stream.close()


def _exchange(
    process: subprocess.Popen[bytes], stdin: bytes, printed: dict[IO[bytes], bytearray], deadline: float, most: int
) -> None:
    """Write and read until all streams are closed, or the program has ended and they are empty."""
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
                return  # what it has left running keeps the streams open
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
    """What is still to be written, and whether that is nothing, or the reader has closed its end."""
    try:
        left = left[os.write(stream.fileno(), left[:CHUNK]) :]
    except BlockingIOError:
        return left, False
    except BrokenPipeError:
        return left, True
    return left, not left


def _kill(group: int) -> None:
    with suppress(OSError):  # it has just ended
        os.killpg(group, signal.SIGKILL)
