"""Exported C, compiled and run in a process of its own."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from evonas.types import Doubles, Floats, UserError

#: What exported code must compile with anywhere, and what makes it fast here.
STRICT = ("-std=c99", "-Wall", "-Wextra", "-Werror", "-pedantic")
FAST = ("-O3", "-march=native")
#: Seconds that compiling a network of a hundred thousand edges, or running it on every sample, never takes.
PATIENCE = 120.0
#: A timing is of so many blocks, each long enough for a clock of a microsecond; and of so many samples in turn.
N_BLOCKS, BLOCK_SECONDS, TIMED_SAMPLES = 31, 2e-3, 64


def find_compiler() -> list[str] | None:
    """The C compiler as a command: what ``$CC`` says, else cc, gcc or clang, None where there is none."""
    command = shlex.split(os.environ.get("CC", ""))
    if command:
        return command if shutil.which(command[0]) else None
    found = next(filter(None, map(shutil.which, ("cc", "gcc", "clang"))), None)
    return None if found is None else [found]


@contextmanager
def compiled(files: Mapping[str, bytes], name: str) -> Iterator[Path]:
    """The path of a program made of exported C with its ``main``, as long as the context lasts.

    Args:
        files: Contents by suffix, as :meth:`evonas.space.Program.files` gives them.
        name: The one that the network was exported by.

    Raises:
        UserError: There is no compiler, or it does not accept the source.
    """
    compiler = find_compiler()
    if compiler is None:
        raise UserError("there is no C compiler: install gcc or clang, or name one in the environment variable CC")
    with tempfile.TemporaryDirectory(prefix="evonas-") as folder:
        for suffix, content in files.items():
            (Path(folder) / f"{name}{suffix}").write_bytes(content)
        program = Path(folder) / "program"
        flags = [*STRICT, *FAST, f"-D{name.upper()}_MAIN"]
        _run([*compiler, *flags, f"{name}.c", "-lm", "-o", str(program)], cwd=folder)
        yield program


def run_on(program: Path, inputs: NDArray[np.uint8] | Floats, n_outputs: int) -> Floats:
    """Outputs ``(n, n_outputs)`` of samples ``(n, n_inputs)``; raises :class:`UserError` if the program fails."""
    text = _run([str(program)], stdin=np.ascontiguousarray(inputs).tobytes())
    return np.array(text.split(), np.float32).reshape(len(inputs), n_outputs)


class Timing(NamedTuple):
    """How long one sample takes on one core.

    Attributes:
        seconds: Median over blocks of runs.
        spread: Interquartile range over the median.
    """

    seconds: float
    spread: float


def time_on(program: Path, inputs: NDArray[np.uint8] | Floats) -> Timing:
    """CPU time a sample, pinned to one core where the system can; the first samples of ``inputs`` take turns."""
    some = np.ascontiguousarray(inputs[:TIMED_SAMPLES]).tobytes()
    rough = _blocks(program, 5, 20, some)  # the first blocks warm up
    n_runs = max(1, round(BLOCK_SECONDS / max(float(np.median(rough)), 1e-9)))
    return summary(_blocks(program, N_BLOCKS + 1, n_runs, some)[1:])


def summary(seconds: Sequence[float] | Doubles) -> Timing:
    """Of the mean seconds of each block."""
    low, middle, high = np.quantile(seconds, [0.25, 0.5, 0.75]).tolist()
    return Timing(middle, (high - low) / max(middle, 1e-12))


def _blocks(program: Path, n_blocks: int, n_runs: int, stdin: bytes) -> Doubles:
    text = _run([*pinned(), str(program), str(n_blocks), str(n_runs)], stdin=stdin)
    return np.array(text.split(), np.float64) * 1e-9


def pinned() -> list[str]:
    """The beginning of a command that stays on one core; empty where there is no ``taskset``."""
    taskset = shutil.which("taskset")
    if taskset is None or not hasattr(os, "sched_getaffinity"):
        return []
    return [taskset, "-c", str(max(os.sched_getaffinity(0)))]


def _run(command: Sequence[str], *, stdin: bytes = b"", cwd: str | None = None) -> bytes:
    try:
        done = subprocess.run(command, input=stdin, capture_output=True, cwd=cwd, timeout=PATIENCE, check=True)
    except subprocess.CalledProcessError as error:
        said = (error.stderr.decode(errors="replace").strip() or "no message").splitlines()[0]
        raise UserError(f"{command[0]} failed with code {error.returncode}: {said}") from None
    except (OSError, subprocess.TimeoutExpired) as error:
        raise UserError(f"{command[0]} failed: {error}") from None
    return done.stdout
