"""Networks that are written by hand, and a target of one's own whose image is run by a script."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from evonas.capabilities.export import ExportTarget
from evonas.data.samples import Scaling
from evonas.runtimes.targets import Figures, Target, find_target, measure_on
from evonas.runtimes.targets.building import _missing_library

EXPORT = ExportTarget("network", Scaling(0.0, 1.0), False)
SAMPLES = np.arange(12, dtype=np.float32).reshape(4, 3)
HEADER = b"typedef float network_input;\nvoid network_run(const network_input *x, float *outputs);\n"
#: The sum of three inputs, and their first; with a buffer on the stack.
SUM = """
    volatile float kept[%d];
    unsigned i;

    kept[0] = x[0];
    for (i = 1; i < %d; i++)
        kept[i] = kept[i - 1];
    outputs[0] = x[0] + x[1] + x[2];
    outputs[1] = kept[i - 1];
"""


def program(body: str, before: str = "") -> Mapping[str, bytes]:
    """C of a network of two outputs."""
    head = "void network_run(const network_input *x, float *outputs)"
    source = f'#include "network.h"\n{before}\n{head}\n{{\n{body}\n}}\n'
    return {".c": source.encode(), ".h": HEADER}


def summing(n: int = 10) -> Mapping[str, bytes]:
    """C of a network that keeps ``n`` floats on its stack."""
    return program(SUM % (n, n))


def measured(target: Target, files: Mapping[str, bytes]) -> Figures:
    """Figures of a network of two outputs on the four samples."""
    return measure_on(target, files, EXPORT, SAMPLES, 2)


def scripted(folder: Path, script: str, **more: object) -> Target:
    """A target that compiles for this machine, and whose images are given to a script of the shell."""
    (folder / "run.sh").write_text(f"#!/bin/sh\n{script}\n")
    (folder / "run.sh").chmod(0o755)
    lines = [f"{name} = {value!r}" for name, value in more.items()]
    (folder / "own.toml").write_text("\n".join([
        'name = "own"', 'base = "host"', 'run = ["./run.sh", "{image}"]', *lines,
    ]))
    return find_target(str(folder / "own.toml"))


def reason_to_skip(target: Target) -> str:
    """What is missing to build and run images of a target; empty if nothing is."""
    lacks = target.missing_tools() or _missing_library(target)
    return f"{target.name} needs {' and '.join(lacks)}" if lacks else ""
