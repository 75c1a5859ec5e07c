"""Real processes: interrupted, killed, with several workers and on a terminal, the result is always the same."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import Result

#: So many epochs that a generation takes a good part of a second of native code.
EPOCHS = 200
COMMAND = [sys.executable, "-c", "from evonas.cli import main; main()", "evolve"]


@pytest.fixture(scope="module")
def whole(settings: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The run of ``settings`` with more epochs and one worker, never interrupted."""
    directory = tmp_path_factory.mktemp("runs") / "whole"
    subprocess.run([*COMMAND, str(settings), "--epochs", str(EPOCHS), "--out", str(directory)], check=True, timeout=100)
    return directory


def start(settings: Path, directory: Path, *options: object) -> subprocess.Popen[str]:
    """Evolves in a process of its own, and returns while the generation after the founders is under way."""
    process = subprocess.Popen(
        [*COMMAND, str(settings), "--epochs", str(EPOCHS), "--out", str(directory), *map(str, options)],
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        # A shell's background jobs ignore interrupts, and children inherit that.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )
    assert process.stdout is not None
    assert process.stdout.readline().startswith("generation 0/2")
    time.sleep(0.1)
    return process


@pytest.mark.parametrize("jobs", [1, 2])
def test_ctrl_c_leaves_a_run_that_says_how_to_go_on_and_ends_as_if_uninterrupted(
    settings: Path, whole: Path, evonas: Callable[..., Result], contents: Callable[[Path], list[Any]], tmp_path: Path,
    jobs: int,
) -> None:
    process = start(settings, tmp_path / "r", "--jobs", jobs)
    process.send_signal(signal.SIGINT)
    output, _ = process.communicate(timeout=60)
    assert process.returncode == 130, output
    assert output.splitlines()[-1].startswith("interrupted after")
    assert output.rstrip().endswith(f"go on with: evonas resume {tmp_path / 'r'}")
    assert "Traceback" not in output
    assert len(contents(tmp_path / "r")) < len(contents(whole)), "it was over before it could be interrupted"
    assert evonas("resume", tmp_path / "r", "--jobs", jobs).exit_code == 0
    assert contents(tmp_path / "r") == contents(whole)


def test_a_killed_run_goes_on_and_ends_as_if_it_had_not_been(
    settings: Path, whole: Path, evonas: Callable[..., Result], contents: Callable[[Path], list[Any]], tmp_path: Path
) -> None:
    process = start(settings, tmp_path / "r")
    process.kill()
    process.communicate(timeout=60)
    assert len(contents(tmp_path / "r")) < len(contents(whole)), "it was over before it could be killed"
    assert evonas("resume", tmp_path / "r").exit_code == 0
    assert contents(tmp_path / "r") == contents(whole)


def test_two_workers_find_the_same_genotypes_metrics_and_weights_as_one(
    settings: Path, finished: Path, evonas: Callable[..., Result], contents: Callable[[Path], list[Any]]
) -> None:
    assert evonas("evolve", settings, "--jobs", 2, "--out", "r").exit_code == 0
    assert contents(Path("r")) == contents(finished)
    assert evonas("evolve", settings, "--seed", 4, "--out", "other").exit_code == 0
    assert contents(Path("other")) != contents(finished)


def interrupt(*_: object, **__: object) -> None:
    raise KeyboardInterrupt


def test_an_interrupt_before_a_run_begins_writes_nothing(
    evonas: Callable[..., Result], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("evonas.run.start.assemble", interrupt)
    result = evonas("evolve", "--out", "r")
    assert result.exit_code == 130
    assert "nothing was written" in result.output
    assert list(tmp_path.iterdir()) == []


def test_an_interrupt_of_any_other_command_is_as_clean(
    evonas: Callable[..., Result], finished: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sqlite3.connect", interrupt)
    result = evonas("front", finished)
    assert result.exit_code == 130
    assert result.stderr == "interrupted\n"


def test_a_terminal_shows_a_live_bar(settings: Path, tmp_path: Path) -> None:
    pty = pytest.importorskip("pty", reason="there are no pseudo-terminals")
    driver, terminal = pty.openpty()
    environment = {**os.environ, "TERM": "xterm", "COLUMNS": "80"}
    process = subprocess.Popen(
        [*COMMAND, str(settings), "--epochs", str(EPOCHS), "--out", str(tmp_path / "r")], stdout=terminal,
        stderr=terminal, env=environment,
    )
    os.close(terminal)
    shown = b""
    while True:
        try:
            piece = os.read(driver, 65536)
        except OSError:  # how Linux says that the other end was closed
            break
        if not piece:
            break
        shown += piece
    os.close(driver)
    assert process.wait(timeout=60) == 0
    text = shown.decode()
    assert re.search("generation [012]/2", text)
    assert "\x1b[2K" in text, "a bar rewrites its line"
    assert "front of digits" in text
