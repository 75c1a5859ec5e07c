"""Latency on a user's own device, measured by a user's own command."""

from __future__ import annotations

import math
import shlex
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path

from evonas.runtimes.groups import TooMuchOutput, run_group
from evonas.types import UserError

#: Largest output of a latency command in bytes.
MOST_OUTPUT = 1 << 20


def parse_command(text: str) -> tuple[str, ...]:
    """The words of a command line, which is run without a shell.

    Raises:
        UserError: The command line is empty or not well formed.
    """
    try:
        words = tuple(shlex.split(text))
    except ValueError as error:
        raise UserError(f"cannot read the latency command {text!r}: {error}; quote it as a shell "
                        "would need it") from None
    if not words:
        raise UserError("the latency command is empty: give a program that gets a file and prints milliseconds")
    return words


def seconds_on_device(command: tuple[str, ...], files: Mapping[str, bytes], name: str, timeout: float) -> float:
    """Run the command with the path of the exported file as its last argument.

    Args:
        command: Words of the command.
        files: Contents by suffix, the main file first; the others are written beside it.
        name: Name of the files without suffix.
        timeout: Time limit in seconds.

    Returns:
        The last number that it printed, converted from milliseconds to seconds.

    Raises:
        RuntimeError: It cannot be started, fails, takes too long, or prints no positive number.
    """
    with tempfile.TemporaryDirectory(prefix="evonas-") as folder:
        paths = [Path(folder) / f"{name}{suffix}" for suffix in files]
        for path, content in zip(paths, files.values(), strict=True):
            path.write_bytes(content)
        try:
            done = run_group([*command, str(paths[0])], timeout=max(timeout, 0.0), most=MOST_OUTPUT)
        except subprocess.TimeoutExpired:
            raise RuntimeError(f"the latency command {command[0]} took longer than {timeout:.0f} s") from None
        except TooMuchOutput as error:
            raise RuntimeError(f"the latency command {command[0]} was stopped: {error}") from None
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or error
            raise RuntimeError(f"the latency command {command[0]} cannot be run: {reason}; name a program that "
                               "is on the PATH, or its whole path") from None
    if done.returncode:
        last = (done.stderr.decode(errors="replace").strip() or "no message").splitlines()[-1]
        raise RuntimeError(f"the latency command {command[0]} failed with code {done.returncode}: {last[:500]}")
    printed = (done.stdout.decode(errors="replace").split() or ["nothing"])[-1]
    try:
        milliseconds = float(printed)
    except ValueError:
        milliseconds = math.nan
    if not 0 < milliseconds < math.inf:
        raise RuntimeError(f"the latency command {command[0]} must print milliseconds last, got {printed[:40]!r}")
    return milliseconds / 1000
