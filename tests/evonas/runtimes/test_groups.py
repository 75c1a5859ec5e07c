"""Programs of others: killed as a group, their output capped; one timing at a time, which says for whom it waits."""

from __future__ import annotations

import os
import subprocess
import threading
import time
import warnings
from pathlib import Path

import pytest

from evonas.runtimes import timing
from evonas.runtimes.device import seconds_on_device
from evonas.runtimes.groups import TooMuchOutput, kill_groups, run_group
from evonas.runtimes.timing import alone
from evonas.training import Stop, TrialTimeout
from evonas.types import UserError


def is_gone(pid: int) -> bool:
    for _ in range(3000):
        try:
            if Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z":
                return True
        except OSError:
            return True
        time.sleep(0.02)
    return False


def test_what_is_written_and_printed_is_whole() -> None:
    blob = os.urandom(1_000_000)
    done = run_group(["cat"], stdin=blob, timeout=30, most=len(blob))
    assert done == (0, blob, b"")
    assert run_group(["sh", "-c", "echo no >&2; exit 3"], timeout=30, most=10) == (3, b"", b"no\n")
    assert run_group(["true"], stdin=blob, timeout=30, most=10).returncode == 0, "input may be left unread"


def test_a_program_that_takes_too_long_is_killed_with_its_children(tmp_path: Path) -> None:
    for seconds in (0.5, 10.0, 100.0):  # on a busy machine a program may take longer than the first to begin
        with pytest.raises(subprocess.TimeoutExpired):
            run_group(["sh", "-c", f"sleep 300 & echo $! > {tmp_path}/pid; wait"], timeout=seconds, most=10)
        if (tmp_path / "pid").exists():
            break
    assert is_gone(int((tmp_path / "pid").read_text()))


def test_a_child_that_keeps_the_output_open_is_not_waited_for() -> None:
    done = run_group(["sh", "-c", "sleep 300 & echo $!"], timeout=100, most=100)
    assert is_gone(int(done.stdout)), "what it left running ends with it"


def test_what_a_program_leaves_running_ends_with_it(tmp_path: Path) -> None:
    command = f"(trap '' TERM HUP; sleep 300) >/dev/null 2>&1 & echo $! > {tmp_path}/pid"
    run_group(["sh", "-c", command], timeout=30, most=9)
    assert is_gone(int((tmp_path / "pid").read_text()))


def test_endless_output_is_an_error_not_memory() -> None:
    with pytest.raises(TooMuchOutput, match="more than 1,000 bytes"):
        run_group(["yes"], timeout=30, most=1000)
    with pytest.raises(RuntimeError, match=r"the latency command yes was stopped: it printed more than"):
        seconds_on_device(("yes",), {".c": b""}, "network", 30)


def test_all_groups_are_killed_on_demand() -> None:
    ended = threading.Event()

    def kill() -> None:
        while not ended.wait(0.05):  # it may not have begun the first time
            kill_groups()

    thread = threading.Thread(target=kill)
    thread.start()
    try:
        assert run_group(["sleep", "300"], timeout=60, most=10).returncode == -9
    finally:
        ended.set()
        thread.join()


def test_who_waits_for_the_timing_lock_says_for_whom(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    entered, leave = threading.Event(), threading.Event()

    def hold() -> None:
        with alone():
            entered.set()
            leave.wait(30)

    holder = threading.Thread(target=hold)
    holder.start()
    entered.wait(30)
    try:
        with (
            pytest.warns(UserWarning, match=rf"waiting for another timing .* to end: process {os.getpid()}, "),
            pytest.raises(TrialTimeout), alone(Stop().within(0.1)),
        ):
            pass
    finally:
        leave.set()
        holder.join()
    with warnings.catch_warnings(), alone():
        warnings.simplefilter("error")


def test_the_lock_is_in_a_folder_of_the_users_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / f"evonas-{os.getuid()}").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(UserError, match="must be a folder of this user"), timing.alone():
        pass
    assert not any((tmp_path / "elsewhere").iterdir())
