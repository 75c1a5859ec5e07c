"""Signals that end a run are like Ctrl-C, and no process outlives the one that started it."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from typer.testing import Result

#: Starts ``evonas evolve`` with a directory and options.
Start = Callable[..., subprocess.Popen[str]]
COMMAND = [sys.executable, "-c", "from evonas.cli import main; main()", "evolve"]
PROC = Path("/proc")
pytestmark = pytest.mark.skipif(not PROC.is_dir(), reason="processes are looked up in /proc")


def alive(pid: int) -> bool:
    """Whether a process runs; one that has ended, and that the system has not yet forgotten, does not."""
    try:
        return (PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def descendants(pid: int) -> list[int]:
    children = []
    for path in PROC.iterdir():
        if path.name.isdigit() and alive(int(path.name)):
            parent = int((path / "stat").read_text().rpartition(")")[2].split()[1])
            children += [int(path.name)] if parent == pid else []
    return [*children, *(other for child in children for other in descendants(child))]


def holds(condition: Callable[[], bool]) -> bool:
    """Whether something comes to be, within a minute."""
    end = time.monotonic() + 60
    while not (found := condition()) and time.monotonic() < end:
        time.sleep(0.02)
    return found


def gone(pids: list[int]) -> bool:
    """Whether processes end, within a minute."""
    return holds(lambda: not any(map(alive, pids)))


@pytest.fixture
def start() -> Iterator[Start]:
    """Evolves for longer than any test takes."""
    with ExitStack() as stack:

        def begin(directory: Path, *options: object) -> subprocess.Popen[str]:
            arguments = ["--dataset", "digits", "--n-train", 400, "--population", 6, "--children", 4, "--epochs", 3]
            arguments += ["--generations", 10**6, "--out", directory, *options]
            process = stack.enter_context(subprocess.Popen(
                [*COMMAND, *map(str, arguments)], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                # A shell's background jobs ignore interrupts, and children inherit that.
                preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
            ))
            stack.callback(process.kill)
            return process

        yield begin


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_signal_leaves_a_run_that_says_how_to_go_on_and_no_workers(
    start: Start, number: signal.Signals, evonas: Callable[..., Result], contents: Callable[[Path], list[Any]],
    tmp_path: Path,
) -> None:
    process = start(tmp_path / "r", "--jobs", 2, "--trainer", "dense")
    assert process.stdout is not None
    assert process.stdout.readline().startswith("generation 0")
    workers = descendants(process.pid)
    assert workers
    process.send_signal(number)
    output, _ = process.communicate(timeout=60)
    assert process.returncode == 128 + number
    sentences = [line for line in output.splitlines() if line.endswith(f"go on with: evonas resume {tmp_path / 'r'}")]
    assert len(sentences) == 1, output  # joblib may warn after it
    assert "Traceback" not in output
    assert gone(workers)
    before = len(contents(tmp_path / "r"))
    assert evonas("resume", tmp_path / "r", "--generations", 1, "--jobs", 1).exit_code == 0
    assert len(contents(tmp_path / "r")) >= before


def test_workers_end_with_a_killed_parent(start: Start, tmp_path: Path) -> None:
    process = start(tmp_path / "r", "--jobs", 2, "--trainer", "dense")
    assert process.stdout is not None
    process.stdout.readline()
    workers = descendants(process.pid)
    assert workers
    process.kill()
    process.communicate(timeout=60)
    assert gone(workers)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGKILL])
def test_a_latency_command_ends_with_the_run_and_with_all_that_it_has_started(
    start: Start, number: signal.Signals, tmp_path: Path
) -> None:
    script = tmp_path / "slow.sh"
    script.write_text(f"#!/bin/sh\nsleep 300 &\necho > {tmp_path}/begun\nwait\n")
    script.chmod(0o755)
    process = start(
        tmp_path / "r", "--objectives", "trainval_error,latency_device", "--latency-command", script,
    )
    assert holds((tmp_path / "begun").exists)
    assert holds(lambda: len(descendants(process.pid)) == 3), "the script, its child, and the guard of both"
    started = descendants(process.pid)
    process.send_signal(number)
    output, _ = process.communicate(timeout=60)
    assert process.returncode == (-number if number == signal.SIGKILL else 128 + number), output
    assert gone(started)


def test_a_signal_that_the_program_was_started_to_ignore_stays_ignored(tmp_path: Path) -> None:
    process = subprocess.Popen(
        [*COMMAND, "--generations", "0", "--n-train", "200", "--population", "2", "--epochs", "1", "--out",
         str(tmp_path / "r")],
        stdout=subprocess.PIPE, text=True, preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_IGN),
    )
    assert process.stdout is not None
    assert process.stdout.readline().startswith("generation 0")
    process.send_signal(signal.SIGHUP)
    process.communicate(timeout=60)
    assert process.returncode == 0
