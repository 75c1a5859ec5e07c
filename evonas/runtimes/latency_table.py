"""What a network takes on one core of this machine, as the sum of what its parts take.

Every part is timed once, alone; what networks take beside their parts (the first and the last layers, the runtime) is
measured of a few random networks. A network's estimate is then a sum, and the same for ever: the table is kept as a
file.

Of 12 random cells on a busy machine, parts and networks timed in turns, estimates had a rank correlation of .9 with
what was measured, and a mean error of 22 %. The runtime runs equal pools of one source once: networks of many are
overestimated.
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
from evonas.serialization.files import read_regular, write_whole
from evonas.space import G
from evonas.types import Doubles, Floats, UserError

#: Name of the file in the folder of a run.
FILE = "latency.json"
#: A part is timed by what more copies of it add to the time of fewer: what the runtime takes by itself is in both.
FEW, MANY = 1, 5
#: Of each timing the smallest of so many, which take turns: the least disturbed by what else the machine does.
ROUNDS = 7
#: Random networks that say what there is beside the parts.
REFERENCES = 5
#: No part takes less, in microseconds: the noise would make some negative.
LEAST = 0.1
#: Bytes of the file: some hundred for every part.
MOST_BYTES = 10_000_000
#: Told how many rounds of timing are done, of how many.
TimingReport: TypeAlias = Callable[[int, int], None]


@dataclass(frozen=True)
class LatencyTable:
    """Microseconds.

    Attributes:
        parts: Of every part, by name.
        fixed: Of what every network has.
    """

    parts: dict[str, float]
    fixed: float

    def of_choices(self, parts: TimedParts) -> Floats:
        """What an operation on a row adds, ``(n_choices, n_operations)``."""
        times = np.array([self.parts[name] for name in parts.names])
        return np.asarray(parts.counts @ times, np.float32)

    def estimate(self, space: HasTimedParts[G], genotype: G) -> float:
        """What a network takes."""
        return self.fixed + float((space.arch_of(genotype) * self.of_choices(space.timed_parts)).sum())

    def write(self, folder: Path) -> None:
        """As a file of a folder; raises ``OSError``."""
        write_whole(folder / FILE, (json.dumps(asdict(self), indent=1) + "\n").encode())


def read_table(folder: Path, names: Sequence[str]) -> LatencyTable:
    """The table that :meth:`LatencyTable.write` wrote there.

    Args:
        names: Of the space's parts.

    Raises:
        UserError: There is none, it is damaged, or it is of other parts.
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
        if not math.isfinite(table.fixed):  # it may be below 0, where parts are overestimated
            raise ValueError(f"'fixed' must be a finite number, got {table.fixed:g}")
        return table
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError, OverflowError) as error:
        raise UserError(f"{path} is no table of latencies ({error}): put it back, or begin another run") from None


def measure_table(space: HasTimedParts[Any], report: TimingReport) -> LatencyTable:
    """Time every part, and a few networks, in onnxruntime; that takes about a second a part.

    Args:
        report: Called before the first round of timing, and after every one.

    Raises:
        UserError: It is not installed.
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
    """Microseconds of each, given by its files, ``(n_networks,)``."""
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
