"""SIGKILL at random moments, resumed each time: the run ends identical to an uninterrupted one."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from toy_runs import contents

from evonas.search import SEARCHERS
from evonas.store import RunStore
from evonas.testing.toy import ToySpace

HERE = Path(__file__).parent
#: Evaluations that a run may report before it is killed: two generations.
MOST = 12


class Runs:
    """Toy runs in processes, one after the other; see :mod:`killed_run`."""

    def __init__(self, program: subprocess.Popen[str]) -> None:
        self._program = program

    def begin(self, directory: Path, how: str, most: int = 0) -> int:
        """Begin a run, or go on with it, and return the id of its process."""
        assert self._program.stdin is not None
        self._program.stdin.write(json.dumps([str(directory), how, most]) + "\n")
        self._program.stdin.flush()
        return int(self.line().removeprefix("begun "))

    def line(self) -> str:
        """The next line that is printed."""
        assert self._program.stdout is not None
        return self._program.stdout.readline().rstrip("\n")

    def reported(self, code: int) -> set[int]:
        """The ids that the run reports until it has ended, with this code."""
        ids = set()
        while (line := self.line()).isdigit():
            ids.add(int(line))
        assert line == f"ended {code}"
        return ids


@pytest.fixture(scope="module")
def runs() -> Iterator[Runs]:
    paths = [str(HERE), str(HERE.parents[1]), str(HERE.parents[2])]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(paths), "PYTHONWARNINGS": "default"}
    command = [sys.executable, str(HERE / "killed_run.py")]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment, start_new_session=True
    ) as program:
        yield Runs(program)
        os.killpg(program.pid, signal.SIGKILL)  # with a run that a failed test has left


@pytest.mark.parametrize(("how", "n_kills", "seconds"), [
    ("", 20, 0.06), ("heavy", 6, 0.02), *((name, 2, 0.1) for name in SEARCHERS if name != "nsga2"),
])
def test_a_run_killed_at_random_ends_as_if_it_had_not_been(
    runs: Runs, tmp_path: Path, how: str, n_kills: int, seconds: float
) -> None:
    """A heavy run spends most of its time in writing weights: it is killed in the middle of that."""
    runs.begin(tmp_path / "whole", how)
    runs.reported(0)
    kill_and_resume(runs, tmp_path / "killed", how, n_kills, seconds)
    with RunStore(tmp_path / "killed", ToySpace()) as killed, RunStore(tmp_path / "whole", ToySpace()) as unbroken:
        assert contents(killed) == contents(unbroken)
        assert killed.state == unbroken.state


def test_an_asynchronous_run_killed_at_random_ends_with_every_trial_evaluated_once(runs: Runs, tmp_path: Path) -> None:
    kill_and_resume(runs, tmp_path / "killed", "asynchronous", 8, 0.1)
    with RunStore(tmp_path / "killed", ToySpace()) as store:
        records = store.records()
        assert sorted(r.id for r in records) == list(range(8 + 20 * 6))
        assert all(max(r.parents, default=-1) < r.id for r in records)
        depth = {r.id: r.metrics["generations_of_weights"] for r in records}
        assert all(depth[r.id] == (depth[r.parents[0]] + 1 if r.parents else 0) for r in records)
        assert "under_way" not in store.state


def kill_and_resume(runs: Runs, directory: Path, how: str, n_kills: int, seconds: float) -> None:
    """Begin a run, kill it several times, and let it end; nothing that it reported is ever missing.

    Args:
        runs: Makes the processes.
        directory: Directory of the run.
        how: See :mod:`killed_run`.
        n_kills: Number of kills.
        seconds: Most seconds between its first report and a kill.
    """
    rng = np.random.default_rng()
    reported: set[int] = set()
    for _ in range(n_kills):
        process = runs.begin(directory, how, MOST)
        first = runs.line()
        assert first.isdigit(), "the run had ended before it was killed"
        time.sleep(float(rng.uniform(0, seconds)))
        os.kill(process, signal.SIGKILL)
        reported |= {int(first)} | runs.reported(-signal.SIGKILL)
        with RunStore(directory, ToySpace()) as store:
            assert reported <= {r.id for r in store.records()}
            assert all(store.weights(r.id, r.budget) is not None for r in store.records())
    runs.begin(directory, how)
    runs.reported(0)
