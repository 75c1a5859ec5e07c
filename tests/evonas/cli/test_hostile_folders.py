"""A folder of a run that others have made: nothing outside of it is written, read or waited for."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.evonas.cli.conftest import Evonas, Refused

pytestmark = pytest.mark.skipif(os.name == "nt", reason="links and pipes of POSIX")
WRITING = [["resume", "--generations", 3], ["retrain", "--ids", 1, "--seeds", 1, "--epochs", 1], ["measure"]]


@pytest.fixture
def precious(tmp_path: Path) -> Path:
    """A folder of the user's, which stays as it is."""
    folder = tmp_path / "precious"
    folder.mkdir()
    (folder / "notes").write_text("mine")
    return folder


@pytest.mark.parametrize("kind", ["link", "pipe", "folder"])
@pytest.mark.parametrize("name", ["run.db", "run.db-wal", "run.db-shm", "run.db-journal", "run.lock", "weights"])
@pytest.mark.parametrize("command", [["front"], *WRITING], ids=lambda command: command[0])
def test_a_run_whose_files_are_not_its_own_is_refused(
    refused: Refused, run: Path, precious: Path, name: str, kind: str, command: list[Any]
) -> None:
    path = run / name
    target = path.rename(precious / name) if path.exists() else precious / "notes"
    if kind == "folder" and name == "weights":
        path.write_text("no folder")
    else:
        {"link": lambda: path.symlink_to(target), "pipe": lambda: os.mkfifo(path), "folder": path.mkdir}[kind]()
    try:
        before = (precious / "notes").read_text()
        if kind == "pipe":
            path.unlink()  # a pipe is in the way of comparing folders: what is refused is looked at below
            os.mkfifo(path)
            from evonas.store import StoreError, read_info

            with pytest.raises(StoreError, match="this run is damaged: "):
                read_info(run)
        else:
            refused(command[0], run, *command[1:], message="this run is damaged: ")
        assert (precious / "notes").read_text() == before
    finally:
        if kind == "pipe":
            path.unlink()


def test_links_at_temporary_names_lead_nowhere(evonas: Evonas, run: Path, precious: Path) -> None:
    for folder in (run, run / "weights", run / "retrained"):
        stems = [f"{id:06d}-20" for id in range(40)]
        for name in ("run.db", "report.html", "latency.json", *stems):
            for temporary in (f"{name}.partial", f".{name}.partial", f".partial-{name}"):
                (folder / temporary).symlink_to(precious / "notes")
    (run / "report.html").symlink_to(precious / "notes")
    assert evonas("resume", run, "--generations", 3).exit_code == 0
    assert evonas("retrain", run, "--ids", 1, "--seeds", 1, "--epochs", 1).exit_code == 0
    assert evonas("report", run).exit_code == 0
    assert evonas("front", run, "--plot", run / "front.png").exit_code == 0
    assert (precious / "notes").read_text() == "mine"
    assert [path.name for path in precious.iterdir()] == ["notes"]
    assert not (run / "report.html").is_symlink()


@pytest.mark.parametrize("target", ["exists", "dangles"])
def test_weights_that_are_a_link_are_not_written_through(
    evonas: Evonas, run: Path, precious: Path, target: str
) -> None:
    for id in range(40):
        path = run / "weights" / f"{id:06d}-20.safetensors"
        if not path.exists():
            path.symlink_to(precious / ("notes" if target == "exists" else f"new{id}"))
    result = evonas("resume", run, "--generations", 4)
    assert result.exit_code in (0, 2), result.exception
    assert (precious / "notes").read_text() == "mine"
    assert [path.name for path in precious.iterdir()] == ["notes"]


def program(*arguments: object, cwd: Path) -> subprocess.CompletedProcess[bytes]:
    code = "from evonas.cli import main; main()"
    return subprocess.run(
        [sys.executable, "-c", code, *map(str, arguments)], cwd=cwd, capture_output=True, timeout=100
    )


@pytest.mark.parametrize(
    ("command", "begins"),
    [
        (["report", "RUN", "--out", "/dev/stdout"], b"<!"),
        (["export", "RUN", 1, "--out", "/dev/stdout", "--format", "json"], b'{"format"'),
        (["export", "RUN", 1, "--out", "/dev/stdout", "--format", "onnx"], b"evonas"),
        (["sketch", "RUN", 1, "--draw", "/dev/stdout"], b"\x89PNG"),
    ],
    ids=lambda value: value[0] if isinstance(value, list) else "",
)
def test_the_standard_output_gets_the_file_and_the_remarks_stand_aside(
    run: Path, tmp_path: Path, command: list[Any], begins: bytes
) -> None:
    if not Path("/dev/stdout").exists():
        pytest.skip("this system has no /dev/stdout")
    arguments = [run if part == "RUN" else "show" if part == "sketch" else part for part in command]
    done = program(*arguments, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert begins in done.stdout[:100]
    assert b"wrote /dev/stdout" in done.stderr
    if command[0] != "sketch":
        assert b"wrote" not in done.stdout[-200:]


@pytest.mark.parametrize("command", [["report"], ["export", 1], ["front"]], ids=lambda command: command[0])
def test_devices_stay_devices(evonas: Evonas, run: Path, command: list[Any]) -> None:
    name, *rest = command
    out = "--plot" if name == "front" else "--out"
    result = evonas(name, run, *rest, out, "/dev/null")
    assert result.exit_code == 0, result.output
    assert stat.S_ISCHR(os.stat("/dev/null").st_mode)


def test_an_export_goes_where_a_link_of_the_users_leads(evonas: Evonas, run: Path, precious: Path) -> None:
    Path("network").symlink_to(precious / "network.safetensors")
    assert evonas("export", run, 1, "--out", "network").exit_code == 0
    assert Path("network").is_symlink()
    assert (precious / "network.safetensors").stat().st_size > 1000


def test_a_new_run_is_not_made_through_a_link(refused: Refused, settings: Path, precious: Path) -> None:
    Path("r").symlink_to(precious / "elsewhere")
    refused("evolve", settings, "--out", "r", message="r exists already: choose another --out")
