"""Real processes: interrupted, killed, with several workers and on a terminal, the result is always the same."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from signalled import signalled
from typer.testing import Result


def evolve(number: int, settings: Path, directory: Path, *options: object) -> subprocess.CompletedProcess[str]:
    """Evolve up to a signal in the midst of training the generation after the founders."""
    arguments = ["evolve", settings, "--out", directory, *options]
    return signalled(number, "generation 0/2: front", *arguments, seconds=0.1)


@pytest.mark.parametrize("jobs", [1, 2])
def test_ctrl_c_leaves_a_run_that_says_how_to_go_on_and_ends_as_if_uninterrupted(
    settings: Path, finished: Path, evonas: Callable[..., Result], contents: Callable[[Path], list[Any]],
    tmp_path: Path, jobs: int,
) -> None:
    done = evolve(signal.SIGINT, settings, tmp_path / "r", "--jobs", jobs)
    assert done.returncode == 130, done.stdout
    assert done.stdout.splitlines()[-1].startswith("interrupted after")
    assert done.stdout.rstrip().endswith(f"go on with: evonas resume {tmp_path / 'r'}")
    assert "Traceback" not in done.stdout
    assert len(contents(tmp_path / "r")) < len(contents(finished))
    assert evonas("resume", tmp_path / "r", "--jobs", jobs).exit_code == 0
    assert contents(tmp_path / "r") == contents(finished)


def test_a_killed_run_goes_on_and_ends_as_if_it_had_not_been(
    settings: Path, finished: Path, evonas: Callable[..., Result], contents: Callable[[Path], list[Any]],
    tmp_path: Path,
) -> None:
    done = evolve(signal.SIGKILL, settings, tmp_path / "r")
    assert done.returncode == -signal.SIGKILL, done.stdout
    assert len(contents(tmp_path / "r")) < len(contents(finished))
    assert evonas("resume", tmp_path / "r").exit_code == 0
    assert contents(tmp_path / "r") == contents(finished)


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
    command = [sys.executable, "-c", "from evonas.cli import main; main()", "evolve", settings, "--out", tmp_path / "r"]
    process = subprocess.Popen(command, stdout=terminal, stderr=terminal, env=environment)
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
