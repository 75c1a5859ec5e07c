"""A scheduler, workers and a driver as programs of their own, as on several machines."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import Result

pytest.importorskip("distributed", reason="a cluster needs evonas[dask]")
pytest.importorskip("cryptography", reason="a cluster needs evonas[dask]")

COMMAND = [sys.executable, "-c", "from evonas.cli import main; main()"]
SEARCH = ["--dataset", "digits", "--n-train", "300", "--population", "6", "--children", "4", "--epochs", "2"]


@pytest.fixture
def address(tmp_path: Path) -> Iterator[str]:
    """Address of a scheduler with two workers; all end with the test."""
    programs: list[subprocess.Popen[bytes]] = []
    file = tmp_path / "scheduler.json"

    def dask(*arguments: object) -> None:
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        environment = {**os.environ, "TMPDIR": str(tmp_path)}
        words = [sys.executable, "-m", "dask", *map(str, arguments)]
        programs.append(subprocess.Popen(words, env=environment, start_new_session=True, **quiet))

    try:
        where = ["--host", "127.0.0.1", "--port", 0, "--dashboard-address", "127.0.0.1:0"]
        dask("scheduler", *where, "--scheduler-file", file)
        for _ in range(2):
            dask("worker", "--scheduler-file", file, "--nthreads", 1, "--no-dashboard")
        end = time.monotonic() + 90
        while not file.exists():
            assert time.monotonic() < end, "the scheduler never began"
            time.sleep(0.05)
        yield str(json.loads(file.read_text())["address"])
    finally:
        for program in programs:
            os.killpg(program.pid, signal.SIGKILL)
            program.wait()


@pytest.mark.timeout(400)
def test_a_driver_that_is_ended_goes_on_and_finds_what_one_core_finds(
    address: str, evonas: Callable[..., Result], contents: Callable[[Path], list[Any]], tmp_path: Path
) -> None:
    arguments = ["evolve", *SEARCH, "--generations", "500", "--cluster", address, "--out", str(tmp_path / "many")]
    driver = subprocess.Popen([*COMMAND, *arguments], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    assert driver.stdout is not None
    first = driver.stdout.readline()
    while first and not first.startswith("generation"):
        first = driver.stdout.readline()
    driver.send_signal(signal.SIGTERM)
    output, _ = driver.communicate(timeout=120)
    assert driver.returncode == 128 + signal.SIGTERM
    assert output.splitlines()[-1].endswith(f"go on with: evonas resume {tmp_path / 'many'}")
    assert "Traceback" not in output
    n_before = len(contents(tmp_path / "many"))
    n_generations = (n_before - 6) // 4 + 2
    result = evonas("resume", tmp_path / "many", "--generations", n_generations, "--cluster", address)
    assert result.exit_code == 0, result.output
    assert evonas("evolve", *SEARCH, "--generations", n_generations, "--out", tmp_path / "one").exit_code == 0
    assert contents(tmp_path / "many") == contents(tmp_path / "one")
    assert len(contents(tmp_path / "one")) > n_before
