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
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from evonas.data.samples import Scaling
from evonas.runtimes.onnx_session import onnx_session, require_onnx
from evonas.runtimes.timing import alone
from evonas.space import ExportTarget, G, Parted, Parts
from evonas.types import Doubles, Floats, UserError

#: Name of the file in the folder of a run or of a search.
FILE = "latency.json"
#: A part is timed by what more copies of it add to the time of fewer: what the runtime takes by itself is in both.
FEW, MANY = 1, 5
#: Of each timing the smallest of so many, which take turns: the least disturbed by what else the machine does.
ROUNDS = 7
#: Random networks that say what there is beside the parts.
REFERENCES = 5
#: No part takes less, in microseconds: the noise would make some negative.
LEAST = 0.1


@dataclass(frozen=True)
class LatencyTable:
    """Microseconds.

    Attributes:
        parts: Of every part, by name.
        fixed: Of what every network has.
    """

    parts: dict[str, float]
    fixed: float

    def of_choices(self, parts: Parts) -> Floats:
        """What an operation on a row adds, ``(n_choices, n_operations)``."""
        times = np.array([self.parts[name] for name in parts.names])
        return np.asarray(parts.counts @ times, np.float32)

    def estimate(self, space: Parted[G], genotype: G) -> float:
        """What a network takes."""
        return self.fixed + float((space.arch_of(genotype) * self.of_choices(space.parts)).sum())


def read_table(folder: Path) -> LatencyTable:
    """The table that :func:`kept_table` wrote there; raises :class:`UserError` where there is none, or no whole one."""
    path = folder / FILE
    try:
        content = json.loads(path.read_text())
        return LatencyTable({str(k): float(v) for k, v in content["parts"].items()}, float(content["fixed"]))
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise UserError(f"{path} is no table of latencies ({error}): put it back, or begin another run") from None


def kept_table(space: Parted[Any], folder: Path) -> LatencyTable:
    """The table in a folder, which is measured and written where there is none; raises :class:`UserError`."""
    if (folder / FILE).exists():
        return read_table(folder)
    table = measure_table(space)
    partial = folder / f".{FILE}.partial"
    partial.write_text(json.dumps(asdict(table), indent=1) + "\n")
    partial.replace(folder / FILE)
    return table


def measure_table(space: Parted[Any]) -> LatencyTable:
    """Time every part, and a few networks, in onnxruntime; that takes about a second a part.

    Raises:
        UserError: It is not installed.
    """
    require_onnx()
    names, rng = space.parts.names, np.random.default_rng(0)
    target = ExportTarget("network", Scaling(0.0, 1.0), False)
    references = [space.sample(rng) for _ in range(REFERENCES)]
    times = _least_times([
        *(space.probe(name, copies) for name in names for copies in (FEW, MANY)),
        *(space.export(g, _state(space, g), "onnx", target).files(()) for g in references),
    ])
    few, many = times[: 2 * len(names)].reshape(-1, 2).T
    each = np.maximum((many - few) / (MANY - FEW), LEAST)
    table = LatencyTable(dict(zip(names, each.tolist(), strict=True)), 0.0)
    beside = times[2 * len(names) :] - [table.estimate(space, g) for g in references]
    return replace(table, fixed=float(np.median(beside)))


def _state(space: Parted[G], genotype: G) -> dict[str, Floats]:
    return {name: value.numpy().copy(order="C") for name, value in space.compile(genotype).state_dict().items()}


def _least_times(networks: Sequence[Mapping[str, bytes]]) -> Doubles:
    """Microseconds of each, given by its files, ``(n_networks,)``."""
    with ExitStack() as stack:
        sessions = [stack.enter_context(onnx_session(files)) for files in networks]
        stack.enter_context(alone())
        samples = [np.zeros((1, *session.input_shape), np.float32) for session in sessions]
        rounds = [[s.time(x).seconds for s, x in zip(sessions, samples, strict=True)] for _ in range(ROUNDS)]
    return np.asarray(1e6 * np.min(rounds, axis=0))
