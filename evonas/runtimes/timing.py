"""What a timing is, and where it is taken."""

from __future__ import annotations

import os
import platform
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

import numpy as np
from filelock import FileLock

from evonas.types import Doubles

#: A timing is of so many blocks, each long enough for a clock of a microsecond; and of so many samples in turn.
N_BLOCKS, BLOCK_SECONDS, TIMED_SAMPLES = 31, 2e-3, 64


class Timing(NamedTuple):
    """How long one sample takes on one core.

    Attributes:
        seconds: Median over blocks of runs.
        spread: Interquartile range over the median.
    """

    seconds: float
    spread: float


def summary(seconds: Sequence[float] | Doubles) -> Timing:
    """Of the mean seconds of each block."""
    low, middle, high = np.quantile(seconds, [0.25, 0.5, 0.75]).tolist()
    return Timing(middle, (high - low) / max(middle, 1e-12))


def machine() -> str:
    """What is timed when this machine is, as far as times depend on it: its processor and system."""
    processor = platform.processor()
    with suppress(OSError):  # Linux
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines():
            if line.startswith(("model name", "Model")):
                processor = line.partition(":")[2].strip()
                break
    parts = (processor, platform.machine(), platform.system())
    return ", ".join(part for part in dict.fromkeys(parts) if part)


@contextmanager
def alone() -> Iterator[None]:
    """One timing at a time on this machine, whatever run it belongs to."""
    user = os.getuid() if hasattr(os, "getuid") else 0
    with FileLock(Path(tempfile.gettempdir()) / f"evonas-timing-{user}.lock"):
        yield


def timed_core() -> int | None:
    """The core that is timed: the last that this process may use; None where the system cannot pin."""
    return max(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else None
