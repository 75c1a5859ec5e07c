"""Whatever happens to the bytes of a database: a result, or one sentence and exit code 2."""

from __future__ import annotations

import shutil
import sqlite3
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest
import typer
from hypothesis import example, given, settings
from hypothesis import strategies as st
from typer.testing import Result

from evonas.cli.failing import exit_codes
from evonas.types import UserError


@pytest.fixture(scope="module")
def content(finished: Path, tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """The whole database of a run."""
    path = tmp_path_factory.mktemp("database") / "run.db"
    with sqlite3.connect(finished / "run.db") as source, sqlite3.connect(path) as copy:
        source.backup(copy)
    source.close()
    copy.close()
    return path.read_bytes()


def test_damage_anywhere_in_a_database_ends_in_one_sentence_at_most(
    content: bytes, finished: Path, evonas: Callable[..., Result]
) -> None:
    @given(
        places=st.lists(st.integers(0, len(content) - 1), min_size=1, max_size=20), length=st.integers(1, 200),
        byte=st.integers(0, 255),
    )
    @example(places=[content.index(b"sqlite_autoindex_evaluations") + 7], length=1, byte=0xF9)  # no longer UTF-8
    @example(places=[content.index(b'{"val_error"')], length=1, byte=ord("x"))  # no longer JSON
    @settings(max_examples=25)
    def check(places: list[int], length: int, byte: int) -> None:
        damaged = bytearray(content)
        for place in places:
            damaged[place : place + length] = bytes([byte]) * len(damaged[place : place + length])
        with tempfile.TemporaryDirectory() as folder:
            shutil.copytree(finished / "weights", Path(folder, "weights"))
            Path(folder, "run.db").write_bytes(damaged)
            for command in (["front", folder, "--json"], ["show", folder, 0]):
                result = evonas(*command)
                assert result.exit_code in (0, 2), result.exception
                assert isinstance(result.exception, SystemExit | None)
                assert result.stderr.count("\n") == (1 if result.exit_code else 0)

    check()


def test_an_error_is_one_line_whatever_it_quotes(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(typer.Exit), exit_codes():
        raise UserError("malformed schema (TEXT NOT NULL,\n    seconds REAL)")
    assert capsys.readouterr().err == "error: malformed schema (TEXT NOT NULL, seconds REAL)\n"
