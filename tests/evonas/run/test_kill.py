"""SIGKILL at random moments, resumed each time: the run ends identical to an uninterrupted one."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from toy_runs import contents

from evonas.search import SEARCHERS
from evonas.store import RunStore
from evonas.testing.toy import ToySpace

HERE = Path(__file__).parent


def start(directory: Path, *arguments: str) -> subprocess.Popen[str]:
    paths = [str(HERE), str(HERE.parents[1]), str(HERE.parents[2])]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(paths), "PYTHONWARNINGS": "default"}
    command = [sys.executable, str(HERE / "killed_run.py"), str(directory), *arguments]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment)


@pytest.mark.parametrize(("arguments", "n_kills", "seconds"), [
    ((), 20, 0.06), (("heavy",), 6, 0.02), *(((name,), 2, 0.1) for name in SEARCHERS if name != "nsga2"),
])
def test_a_run_killed_at_random_ends_as_if_it_had_not_been(
    tmp_path: Path, arguments: tuple[str, ...], n_kills: int, seconds: float
) -> None:
    """A heavy run spends most of its time in writing weights: it is killed in the middle of that."""
    whole = start(tmp_path / "whole", *arguments)
    whole.communicate(timeout=100)
    assert whole.returncode == 0
    kill_and_resume(tmp_path / "killed", arguments, n_kills, seconds)
    with RunStore(tmp_path / "killed", ToySpace()) as killed, RunStore(tmp_path / "whole", ToySpace()) as unbroken:
        assert contents(killed) == contents(unbroken)
        assert killed.state == unbroken.state


def test_an_asynchronous_run_killed_at_random_ends_with_every_trial_evaluated_once(tmp_path: Path) -> None:
    kill_and_resume(tmp_path / "killed", ("asynchronous",), 8, 0.1)
    with RunStore(tmp_path / "killed", ToySpace()) as store:
        records = store.records()
        assert sorted(r.id for r in records) == list(range(8 + 40 * 6))
        assert all(max(r.parents, default=-1) < r.id for r in records)
        depth = {r.id: r.metrics["generations_of_weights"] for r in records}
        assert all(depth[r.id] == (depth[r.parents[0]] + 1 if r.parents else 0) for r in records)
        assert "under_way" not in store.state


def kill_and_resume(directory: Path, arguments: tuple[str, ...], n_kills: int, seconds: float) -> None:
    """Begin a run, kill it several times, and let it end; nothing that it reported is ever missing.

    Args:
        directory: Directory of the run.
        arguments: Arguments of the program.
        n_kills: Number of kills.
        seconds: Most seconds between its first report and a kill.
    """
    rng = np.random.default_rng()
    reported: set[int] = set()
    for _ in range(n_kills):
        process = start(directory, *arguments)
        assert process.stdout is not None
        first = process.stdout.readline()
        assert first, "the run had ended before it was killed"
        time.sleep(float(rng.uniform(0, seconds)))
        process.send_signal(signal.SIGKILL)
        rest, _ = process.communicate(timeout=60)
        whole_lines = (first + rest).rpartition("\n")[0]  # the last line may have been cut
        reported |= {int(line) for line in whole_lines.split()}
        with RunStore(directory, ToySpace()) as store:
            assert reported <= {r.id for r in store.records()}
            assert all(store.weights(r.id, r.budget) is not None for r in store.records())
    last = start(directory, *arguments)
    last.communicate(timeout=100)
    assert last.returncode == 0
