"""Exported C, compiled and run in a separate process."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from evonas.runtimes.groups import TooMuchOutput, run_group
from evonas.runtimes.timing import N_BLOCKS, TIMED_SAMPLES, Timing, runs_of_block, summary, timed_core
from evonas.types import Doubles, Floats, Inputs, UserError

#: Options with which exported code must compile on any machine, and options for speed on this one.
STRICT = ("-std=c99", "-Wall", "-Wextra", "-Werror", "-pedantic")
FAST = ("-O3", "-march=native")
#: Time limit in seconds, beyond what compiling a network of a hundred thousand edges or running it on all samples
#: takes.
PATIENCE = 120.0
#: Largest output in bytes of a compiler, and of a network for each number of its outputs.
MOST_OUTPUT, BYTES_A_NUMBER = 1 << 20, 64


def find_compiler() -> list[str] | None:
    """The command of the C compiler: ``$CC``, else cc, gcc or clang; None if there is none."""
    command = shlex.split(os.environ.get("CC", ""))
    if command:
        return command if shutil.which(command[0]) else None
    found = next(filter(None, map(shutil.which, ("cc", "gcc", "clang"))), None)
    return None if found is None else [found]


@dataclass(frozen=True)
class CompiledNetwork:
    """A compiled program on disk.

    Attributes:
        program: Path of the executable.
        n_outputs: Number of outputs per sample.
    """

    program: Path
    n_outputs: int

    def run(self, inputs: Inputs) -> Floats:
        """Outputs ``(n, n_outputs)`` of samples ``(n, *input_shape)``.

        Raises:
            UserError: The program fails.
        """
        most = BYTES_A_NUMBER * len(inputs) * self.n_outputs + MOST_OUTPUT
        text = _run([str(self.program)], stdin=np.ascontiguousarray(inputs).tobytes(), most=most)
        return np.array(text.split(), np.float32).reshape(len(inputs), self.n_outputs)

    def time(self, inputs: Inputs) -> Timing:
        """CPU time per sample over the first samples in turn, pinned to one core if the system supports it."""
        some = np.ascontiguousarray(inputs[:TIMED_SAMPLES]).tobytes()
        rough = self._blocks(5, 20, some)  # also the warm-up
        n_runs = runs_of_block(rough)
        return summary(self._blocks(N_BLOCKS + 1, n_runs, some)[1:])

    def _blocks(self, n_blocks: int, n_runs: int, stdin: bytes) -> Doubles:
        core, taskset = timed_core(), shutil.which("taskset")
        pinned = [] if core is None or taskset is None else [taskset, "-c", str(core)]
        text = _run([*pinned, str(self.program), str(n_blocks), str(n_runs)], stdin=stdin)
        return np.array(text.split(), np.float64) * 1e-9


@contextmanager
def compiled(
    files: Mapping[str, bytes], name: str, n_outputs: int, *, stem: str = "", portable: bool = False
) -> Iterator[CompiledNetwork]:
    """A program compiled from exported C with its ``main``, which exists as long as the context.

    Args:
        files: Contents by suffix, from :meth:`evonas.capabilities.export.ExportedModel.files`.
        name: Name under which the network was exported.
        n_outputs: Number of outputs per sample.
        stem: Name of its files if it differs from ``name``.
        portable: Whether to leave out code for this machine's type of processor.

    Raises:
        UserError: There is no compiler, or it does not accept the source.
    """
    compiler = find_compiler()
    if compiler is None:
        raise UserError("there is no C compiler: install gcc or clang, or name one in the environment variable CC")
    with tempfile.TemporaryDirectory(prefix="evonas-") as folder:
        for suffix, content in files.items():
            (Path(folder) / f"{stem or name}{suffix}").write_bytes(content)
        program = Path(folder) / "program"
        flags = [*STRICT, *FAST, f"-D{name.upper()}_MAIN", *([f"-D{name.upper()}_PORTABLE"] if portable else [])]
        _run([*compiler, *flags, f"{stem or name}.c", "-lm", "-o", str(program)], cwd=folder)
        yield CompiledNetwork(program, n_outputs)


def _run(
    command: Sequence[str], *, stdin: bytes = b"", cwd: str | None = None, most: int = MOST_OUTPUT
) -> bytes:
    try:
        done = run_group(command, stdin=stdin, cwd=cwd, timeout=PATIENCE, most=most)
    except (OSError, subprocess.TimeoutExpired, TooMuchOutput) as error:
        raise UserError(f"{command[0]} failed: {error}") from None
    if done.returncode:
        lines = (done.stderr.decode(errors="replace").strip() or "no message").splitlines()
        said = next((line for line in lines if "error" in line), lines[0])
        raise UserError(f"{command[0]} failed with code {done.returncode}: {said[:500]}")
    return done.stdout
