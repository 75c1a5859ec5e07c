"""A user's command on a user's device: what it prints, and how it fails."""

from __future__ import annotations

import sys

import pytest

from evonas.runtimes.device import parse_command, seconds_on_device

FILES = {".c": b"source", ".h": b"header"}


def run(code: str, timeout: float = 30.0) -> float:
    return seconds_on_device((sys.executable, "-c", code), FILES, "network", timeout)


def test_the_last_word_that_it_prints_is_milliseconds() -> None:
    assert run("print('took'); print('ms:', 12.5)") == 0.0125


def test_it_gets_the_path_of_the_main_file_with_the_others_beside_it() -> None:
    code = "import sys; main = open(sys.argv[1]).read(); other = open(sys.argv[1][:-1] + 'h').read(); "
    assert run(f"{code} print(len(main + other) if main == 'source' else 0)") == 0.012


def test_no_shell_reads_the_command() -> None:
    assert parse_command("time-it 'two words' $(evil) ; rm") == ("time-it", "two words", "$(evil)", ";", "rm")


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("print('fast')", "must print milliseconds last, got 'fast'"),
        ("print(-1)", "must print milliseconds last, got '-1'"),
        ("print('inf')", "must print milliseconds last, got 'inf'"),
        ("pass", "must print milliseconds last, got 'nothing'"),
        ("import sys; sys.exit('no device')", "failed with code 1: no device"),
    ],
)
def test_what_goes_wrong_on_the_device_is_said(code: str, message: str) -> None:
    with pytest.raises(RuntimeError, match=message):
        run(code)


def test_a_device_that_does_not_answer_is_given_up() -> None:
    with pytest.raises(RuntimeError, match="took longer than 0 s"):
        run("import time; time.sleep(60)", timeout=0.3)


def test_a_program_that_is_not_there_is_said() -> None:
    with pytest.raises(RuntimeError, match="no-such-program cannot be run: No such file"):
        seconds_on_device(("no-such-program",), FILES, "network", 1.0)
