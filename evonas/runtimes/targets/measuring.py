"""Figures of a network on a target: the sizes of its image, and what the image writes when it runs."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from evonas.capabilities.export import ExportTarget
from evonas.runtimes.groups import TooMuchOutput, run_group
from evonas.runtimes.targets.building import built, fingerprint
from evonas.runtimes.targets.description import IMAGE, Target, built_in_targets
from evonas.runtimes.targets.elf import sizes_of
from evonas.runtimes.targets.kept import digest_of, keep, read_kept
from evonas.types import Floats, Inputs

#: Largest output of an image in bytes, beside that for its numbers, of which each is nine characters.
MOST_OUTPUT, NUMBER = 1 << 16, 9
_MEASURED = re.compile(rb"evonas-begin\s+idle (?P<idle>[0-9a-f]{8})\s+(?P<samples>[0-9a-z \r\n]*?)\s*evonas-end")
_WORDS = re.compile(r"sample((?: [0-9a-f]{8})+)")


class Figures(NamedTuple):
    """What was measured of a network.

    Attributes:
        flash: Bytes of code, tables and initial values, with what the linker took from libraries.
        ram: Bytes of variables, and the largest stack.
        instructions: Median of a sample; None if the target does not count.
        outputs: ``(n, n_outputs)``, as the network gives them: integers of programs of integers, too.
    """

    flash: int
    ram: int
    instructions: float | None
    outputs: Floats


def measure_on(
    target: Target, files: Mapping[str, bytes], export: ExportTarget, samples: Inputs, n_outputs: int,
    timeout: float | None = None,
) -> Figures:
    """Build an exported network for a target, and run it on samples there.

    A built-in target gives the same figures again, so that they are kept by a digest of all that they depend on.

    Args:
        files: Its C, contents by suffix.
        export: Purpose of the export, which names functions and files.
        samples: At least one, ``(n, *input_shape)``, in the type that it takes.
        n_outputs: Number of its outputs.
        timeout: Seconds that the run may take, if that is less than the target's own.

    Raises:
        RuntimeError: It cannot be built, takes too long, fails, or prints something else than figures.
    """
    name = None
    if built_in_targets().get(target.name) == target:
        parts = (fingerprint(target).encode(), export.name.encode(), files[".c"], files[".h"], samples.tobytes())
        name = f"{digest_of(*parts, *map(str.encode, map(str, samples.shape)))}.json"
        if (figures := _read(read_kept(name), export, len(samples), n_outputs)) is not None:
            return figures
    with built(target, files, export, samples, n_outputs) as image:
        flash, ram = sizes_of(image.read_bytes())
        most = MOST_OUTPUT + NUMBER * len(samples) * (n_outputs + 2)
        printed = _run(target, image, min(target.timeout, target.timeout if timeout is None else timeout), most)
    counts, stacks, bits = _parse(target, printed, len(samples), n_outputs)
    step = target.instructions_per_count
    instructions = None if step is None else float(round(float(np.median(counts)) * step))
    ram += max(stacks) - 4 * n_outputs  # without the harness's outputs
    figures = Figures(flash, ram, instructions, _outputs(bits, export))
    if name is not None:
        keep(name, json.dumps([*figures[:3], bits.tolist()]).encode())
    return figures


def _outputs(bits: NDArray[np.uint32], export: ExportTarget) -> Floats:
    """Outputs ``(n, n_outputs)`` of which a target has printed the bits."""
    return bits.view(np.float32) if export.integers is None else bits.view(np.int32).astype(np.float32)


def _read(kept: bytes | None, export: ExportTarget, n_samples: int, n_outputs: int) -> Figures | None:
    """Figures that were kept; None if there are none, or none that can be read.

    Args:
        kept: Content of their file, None for none.
        export: Purpose of the export.
        n_samples: Number of samples.
        n_outputs: Number of outputs.
    """
    if kept is None:
        return None
    try:
        flash, ram, instructions, bits = json.loads(kept)
        outputs = _outputs(np.array(bits, np.uint32), export)
        if outputs.shape != (n_samples, n_outputs):
            return None
        return Figures(int(flash), int(ram), None if instructions is None else float(instructions), outputs)
    except (ValueError, TypeError, OverflowError):
        return None


def _run(target: Target, image: Path, timeout: float, most: int) -> bytes:
    command = [word.replace(IMAGE, str(image)) for word in target.run]
    try:
        done = run_group(command, timeout=max(timeout, 0.0), most=most, cwd=str(image.parent))
    except subprocess.TimeoutExpired:
        raise RuntimeError(f"the run on {target.name} took longer than {timeout:.0f} s") from None
    except (OSError, ValueError, TooMuchOutput) as error:
        raise RuntimeError(f"the run on {target.name} failed: {error}") from None
    if done.returncode:
        last = (done.stderr.decode(errors="replace").strip() or "no message").splitlines()[-1]
        raise RuntimeError(f"the run on {target.name} failed with code {done.returncode}: {last[:500]}")
    return done.stdout


def _parse(target: Target, printed: bytes, n_samples: int, n_outputs: int) -> tuple[
    list[int], list[int], NDArray[np.uint32]
]:
    """Counts and stacks of the samples, and the bits of their outputs ``(n_samples, n_outputs)``.

    Args:
        target: The target.
        printed: What was printed.
        n_samples: Number of samples.
        n_outputs: Number of outputs.

    Raises:
        RuntimeError: That is something else.
    """
    if b"evonas-fault" in printed:
        raise RuntimeError(f"the network faulted on {target.name}")
    found = _MEASURED.search(printed)
    lines = found["samples"].decode().splitlines() if found else []
    rows = [_words(line) for line in filter(None, map(str.strip, lines))]
    if found is None or len(rows) != n_samples or any(len(row) != n_outputs + 2 for row in rows):
        told = printed.decode(errors="replace").strip()[:80]
        raise RuntimeError(f"the run on {target.name} printed no figures of {n_samples} samples, but {told!r}")
    counts = [(row[0] - int(found["idle"], 16)) % 2**32 for row in rows]
    stacks = [row[1] for row in rows]
    if max(stacks) >= target.stack:
        raise RuntimeError(f"the network uses more than the {target.stack} bytes of stack that are watched on "
                           f"{target.name}: let the target's file set a larger stack")
    return counts, stacks, np.array([row[2:] for row in rows], np.uint32)


def _words(line: str) -> Sequence[int]:
    """The numbers of a sample's line; empty if it is none."""
    match = _WORDS.fullmatch(line)
    return [int(word, 16) for word in match[1].split()] if match else []
