"""Latency of a network on one core of this machine, as the sum of the latencies of its parts.

Every part is timed once, alone; the remainder (the first and the last layers, the runtime) is measured on a few random
networks. A network's estimate is then a sum, and always the same: the table is kept as a file.

For 12 random cells on a busy machine, with parts and networks timed in turns, estimates had a rank correlation of .9
with measurements, and a mean error of 22 %. The runtime runs equal pools of one source once: networks with many of them
are overestimated.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np

from evonas.capabilities.export import ExportTarget, HasTimedParts, TimedParts
from evonas.data.samples import Scaling
from evonas.runtimes.onnx_session import onnx_session, require_onnx
from evonas.runtimes.timing import alone
from evonas.serialization.files import atomic_write, read_regular
from evonas.types import Doubles, Floats, G, UserError

#: Name of the file in the folder of a run.
FILE = "latency.json"
#: Numbers of copies of a part in the two networks whose difference times it: the runtime's own time is in both.
FEW, MANY = 1, 5
#: Number of timings of each network, in turns; the smallest counts, as the least disturbed by other processes.
ROUNDS = 7
#: Number of random networks that determine the time beside the parts.
REFERENCES = 5
#: Smallest time of a part, in microseconds: noise would make some negative.
LEAST = 0.1
#: Largest size of the file in bytes: some hundred for every part.
MOST_BYTES = 10_000_000
#: Callable that is given the number of finished rounds of timing, and their total.
TimingReport: TypeAlias = Callable[[int, int], None]


@dataclass(frozen=True)
class LatencyTable:
    """Latencies in microseconds.

    Attributes:
        parts: Latency of every part, by name.
        fixed: Latency that every network has beside its parts.
    """

    parts: dict[str, float]
    fixed: float

    def of_choices(self, parts: TimedParts) -> Floats:
        """The latency that an operation adds on a row, ``(n_choices, n_operations)``."""
        times = np.array([self.parts[name] for name in parts.names])
        return np.asarray(parts.counts @ times, np.float32)

    def estimate(self, space: HasTimedParts[G], genotype: G) -> float:
        """The estimated latency of a network."""
        return self.fixed + float((space.arch_of(genotype) * self.of_choices(space.timed_parts)).sum())

    def write(self, folder: Path) -> None:
        """Write the table to a file in a folder.

        Raises:
            OSError: The file cannot be written.
        """
        atomic_write(folder / FILE, (json.dumps(asdict(self), indent=1) + "\n").encode())


def read_table(folder: Path, names: Sequence[str]) -> LatencyTable:
    """The table that :meth:`LatencyTable.write` wrote to a folder.

    Args:
        folder: The folder.
        names: Names of the space's parts.

    Raises:
        UserError: There is none, it is damaged, or it has other parts.
    """
    path = folder / FILE
    try:
        content = json.loads(read_regular(path, most=MOST_BYTES))
        table = LatencyTable({str(k): float(v) for k, v in content["parts"].items()}, float(content["fixed"]))
        if different := sorted(table.parts.keys() ^ set(names)):
            raise ValueError(f"it is of other parts than the space has, beginning with {different[0]!r}")
        for name, value in table.parts.items():
            if not 0 < value < math.inf:
                raise ValueError(f"{name!r} must take a positive number of microseconds, got {value:g}")
        if not math.isfinite(table.fixed):  # negative if parts are overestimated
            raise ValueError(f"'fixed' must be a finite number, got {table.fixed:g}")
        return table
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError, OverflowError) as error:
        raise UserError(f"{path} is no table of latencies ({error}): put it back, or begin another run") from None


def measure_table(space: HasTimedParts[Any], report: TimingReport) -> LatencyTable:
    """Time every part and a few networks in onnxruntime, which takes about a second per part.

    Args:
        space: The search space.
        report: Called before the first round of timing, and after every round.

    Raises:
        UserError: onnxruntime is not installed.
    """
    require_onnx()
    names, rng = space.timed_parts.names, np.random.default_rng(0)
    target = ExportTarget("network", Scaling(0.0, 1.0), False)
    references = [space.sample(rng) for _ in range(REFERENCES)]
    times = _least_times([
        *(space.probe(name, copies) for name in names for copies in (FEW, MANY)),
        *(space.export(g, _state(space, g), "onnx", target).files(()) for g in references),
    ], report)
    few, many = times[: 2 * len(names)].reshape(-1, 2).T
    each = np.maximum((many - few) / (MANY - FEW), LEAST)
    table = LatencyTable(dict(zip(names, each.tolist(), strict=True)), 0.0)
    beside = times[2 * len(names) :] - [table.estimate(space, g) for g in references]
    return replace(table, fixed=float(np.median(beside)))


def _state(space: HasTimedParts[G], genotype: G) -> dict[str, Floats]:
    return {name: value.numpy().copy(order="C") for name, value in space.compile(genotype).state_dict().items()}


def _least_times(networks: Sequence[Mapping[str, bytes]], report: TimingReport) -> Doubles:
    """The smallest time of each network, given by its files, in microseconds, ``(n_networks,)``."""
    report(0, ROUNDS)
    rounds = []
    with ExitStack() as stack:
        sessions = [stack.enter_context(onnx_session(files)) for files in networks]
        samples = [np.zeros((1, *session.input_shape), np.float32) for session in sessions]
        stack.enter_context(alone())
        for number in range(1, ROUNDS + 1):
            rounds.append([s.time(x).seconds for s, x in zip(sessions, samples, strict=True)])
            report(number, ROUNDS)
    return np.asarray(1e6 * np.min(rounds, axis=0))
