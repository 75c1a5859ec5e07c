"""Whatever goes wrong at the command line is one sentence, and nothing of a run steers the terminal."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import Result

from evonas.cli.console import HIDDEN, printable
from evonas.data.locating import MissingFiles, data_folders, locate, user_data_folder
from evonas.data.sources import SOURCES

PROGRAM = [sys.executable, "-c", "from evonas.cli import main; main()"]
QUICK = ["--n-train", "200", "--population", "2", "--children", "1", "--generations", "0", "--epochs", "1"]
HUGE = 10**30
ESCAPE = "\x1b]0;owned\x07\x1b[2J\x9b31m\u202egnp"


def is_a_sentence(result: Result) -> bool:
    return result.exit_code == 2 and result.output.startswith("error: ") and len(result.output.splitlines()) == 1


@pytest.mark.parametrize("command", [
    ("evolve", "--out", "x" * 300), ("front", "x" * 300), ("evolve", "x" * 300 + ".toml"), ("show", "x" * 300, 0),
    ("evolve", "--dataset", "x" * 300 + ".npz"), ("evolve", "--data-root", "x" * 300), ("report", "x" * 5000),
    ("evolve", "--teacher", "x" * 300), ("evolve", "--seed-from", "x" * 300), ("resume", "x" * 300),
])
def test_a_name_that_no_file_can_have_is_a_sentence(evonas: Callable[..., Result], command: tuple[object, ...]) -> None:
    result = evonas(*command)
    assert is_a_sentence(result), result.output
    assert len(result.output) < 1000
    assert "x" not in result.output.rstrip()[-3:], "the end of a sentence says what to do"


@pytest.mark.parametrize("option", [
    "--population", "--children", "--generations", "--epochs", "--seed", "--jobs", "--n-train", "--n-validation",
])
def test_a_number_that_no_machine_can_serve_is_a_sentence(evonas: Callable[..., Result], option: str) -> None:
    result = evonas("evolve", option, HUGE, "--out", "r")
    assert is_a_sentence(result), result.output
    assert "must be less than" in result.output
    assert not Path("r").exists()


@pytest.mark.parametrize("command", [
    ("evolve", "--jobs", 10**8), ("evolve", "--population", 10**11), ("seed", "--members", 10**11),
    ("evolve", "--space-option", f"edges=10,{HUGE}"), ("evolve", "--space-option", f"founder_edges={HUGE},{HUGE}"),
])
def test_so_is_a_smaller_one(evonas: Callable[..., Result], command: tuple[object, ...]) -> None:
    assert evonas(*command).exit_code == 2
    assert not Path("runs").exists()


@pytest.mark.parametrize("option", ["--seeds", "--epochs", "--jobs"])
def test_numbers_of_a_retraining_are_bounded(evonas: Callable[..., Result], finished: Path, option: str) -> None:
    assert evonas("retrain", finished, option, HUGE).exit_code == 2


@pytest.mark.parametrize(("error", "sentence"), [
    (MemoryError("Unable to allocate 7 TiB"), "not enough memory (Unable to allocate 7 TiB)"),
    (OSError(28, "No space left on device", "/somewhere"), "No space left on device: /somewhere"),
    (RecursionError("maximum recursion depth exceeded"), "is damaged, or from another version: RecursionError"),
    (KeyError("layers"), "is damaged, or from another version: KeyError: 'layers'"),
    (TypeError("an odd type\nover lines"), "is damaged, or from another version: TypeError: an odd type over lines"),
])
def test_any_error_while_a_run_is_open_is_a_sentence(
    evonas: Callable[..., Result], finished: Path, monkeypatch: pytest.MonkeyPatch, error: Exception, sentence: str
) -> None:
    def fail(*_: object) -> None:
        raise error

    monkeypatch.setattr("evonas.front.hypervolume", fail)
    result = evonas("front", finished)
    assert result.exit_code == 2
    assert len(result.stderr.splitlines()) == 1
    assert sentence in result.stderr
    if "damaged" in sentence:
        assert f"{finished} is damaged" in result.output


def test_an_error_that_no_run_explains_is_not_hidden(
    evonas: Callable[..., Result], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise TypeError("a defect")

    monkeypatch.setattr("evonas.cli.installed.catalogue", fail, raising=False)
    monkeypatch.setattr("evonas.data.catalogue", fail, raising=False)
    assert isinstance(evonas("datasets").exception, TypeError)


@pytest.mark.parametrize("command", [["front", "{run}"], ["front", "{run}", "--json"], ["datasets"], ["--help"]])
def test_a_full_disk_and_a_closed_pipe_at_the_output(command: list[str], finished: Path) -> None:
    arguments = [*PROGRAM, *(text.format(run=finished) for text in command)]
    if Path("/dev/full").exists():
        with Path("/dev/full").open("w") as full:
            done = subprocess.run(arguments, stdout=full, stderr=subprocess.PIPE, text=True, timeout=60)
        assert done.returncode == 2
        assert done.stderr.splitlines()[0].endswith("No space left on device")
        assert len(done.stderr.splitlines()) == 1
    read, write = os.pipe()
    os.close(read)
    done = subprocess.run(arguments, stdout=write, stderr=subprocess.PIPE, text=True, timeout=60)
    os.close(write)
    assert done.returncode in (1, 141)
    assert done.stderr == ""


@pytest.mark.skipif(os.name == "nt", reason="descriptors of POSIX")
@pytest.mark.parametrize("closed", [(0,), (1,), (2,), (0, 1, 2)])
@pytest.mark.parametrize("code", [0, 2])
def test_closed_standard_streams_are_not_taken_for_files(closed: tuple[int, ...], code: int, run: Path) -> None:
    before = (run / "run.db").read_bytes()
    begin = f"import os, sys; [os.close(n) for n in {closed}]; os.execv(sys.argv[1], sys.argv[1:])"
    command = ["front", str(run)] if code == 0 else ["show", str(run), "99999"]
    done = subprocess.run(
        [sys.executable, "-c", begin, *PROGRAM, *command], capture_output=True, text=True, timeout=60
    )
    assert done.returncode == code, done.stderr
    assert "Traceback" not in done.stderr
    assert "damaged" not in done.stderr
    assert (run / "run.db").read_bytes() == before


@pytest.mark.parametrize("seconds", [0.0, 0.02, 0.06, 0.2, 0.5, 1.0])
def test_ctrl_c_while_the_program_is_imported_is_quiet(seconds: float, tmp_path: Path) -> None:
    begin = ("import os, evonas.cli as cli; opened = cli._open_standard\n"
             "cli._open_standard = lambda: (os.write(1, b'began\\n'), opened()); cli.main()")
    process = subprocess.Popen(
        [sys.executable, "-c", begin, "evolve", "--generations", "500", "--out", str(tmp_path / "r")],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "began\n", "before that it is Python itself, or the handler is not there yet"
    time.sleep(0.01 + seconds)
    process.send_signal(signal.SIGINT)
    output, errors = process.communicate(timeout=60)
    assert process.returncode == 130, errors
    assert "Traceback" not in errors
    assert "interrupted" in output + errors


@pytest.mark.parametrize("refused", [False, True])
def test_nothing_of_a_run_steers_the_terminal(evonas: Callable[..., Result], run: Path, refused: bool) -> None:
    id = json.loads(evonas("front", run, "--json").output)[0]["id"]
    with sqlite3.connect(run / "run.db") as database:
        if refused:  # names have to be printable, other texts need not
            database.execute("UPDATE individuals SET operator = ?", (ESCAPE,))
        database.execute("UPDATE evaluations SET error = ?", (ESCAPE,))
        config = json.loads(database.execute("SELECT value FROM meta WHERE key = 'config'").fetchone()[0])
        database.execute(
            "UPDATE meta SET value = ? WHERE key = 'config'", (json.dumps({**config, "dataset": ESCAPE}),)
        )
    for command in (("front", run), ("front", run, "--csv"), ("front", run, "--json"), ("lineage", run, id),
                    ("show", run, id), ("resume", run), ("lineage", run, id, "--json"), ("compare", run, run)):
        output = evonas(*command).output
        assert output.startswith("error: ") or not refused
        assert not {"\x1b", "\x07", "\x9b", "\u202e"} & set(output), command


def test_what_is_printable_stays() -> None:
    assert printable("größe ± 3 │\n\tok 数") == "größe ± 3 │\n\tok 数"
    assert printable("a\x1b[0m\r\x7f\u200f") == f"a{HIDDEN}[0m{HIDDEN}{HIDDEN}{HIDDEN}"


def test_a_user_without_a_home_can_use_what_is_embedded_and_is_told_about_the_rest(
    monkeypatch: pytest.MonkeyPatch
) -> None:
    for variable in ("XDG_DATA_HOME", "LOCALAPPDATA", "EVONAS_DATA"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setattr("os.path.expanduser", lambda path: path)
    assert user_data_folder() is None
    locate(SOURCES["digits"], None)
    with pytest.raises(MissingFiles, match="this user has no home folder"):
        data_folders(None)
    with pytest.raises(MissingFiles, match="no home folder"):
        locate(SOURCES["mnist"], None)


def test_no_folder_for_temporary_files_is_a_sentence(
    evonas: Callable[..., Result], finished: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", None)
    monkeypatch.setattr("tempfile._candidate_tempdir_list", lambda: ["/nonexistent"])
    assert is_a_sentence(evonas("export", finished, 0, "--format", "c", "--out", "net.c"))


@pytest.mark.parametrize("text", [b"# gr\xc3\xb6\xc3\x9fe\npopulation = 2\n", b"\xef\xbb\xbfpopulation = 2\n"])
def test_toml_is_utf_8_whatever_the_locale_and_may_begin_with_a_mark(text: bytes, tmp_path: Path) -> None:
    (tmp_path / "c.toml").write_bytes(text)
    environment = {**os.environ, "LC_ALL": "POSIX", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    done = subprocess.run(
        [*PROGRAM, "evolve", str(tmp_path / "c.toml"), *QUICK, "--out", str(tmp_path / "größe")],
        capture_output=True, text=True, env=environment, timeout=120,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "The run is complete" in done.stdout
