"""Targets on the command line: measured, as objectives and constraints, and of exports."""

from __future__ import annotations

import csv
import io
import json
import shutil
import sqlite3
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from evonas.capabilities.export import ExportedModel, ExportTarget
from evonas.cli.app import app
from evonas.evaluation import on_targets
from evonas.export.formats import make_program
from evonas.front import front
from evonas.run.api import Run
from evonas.run.open import open_run
from evonas.runtimes.targets import Figures, Target, built_in_targets, measure_on
from evonas.types import UserError
from tests.evonas.runtimes.targets.targets_of_tests import reason_to_skip, scripted

Evonas = Callable[..., Result]
Refused = Callable[..., None]
SMALL = ["--population", 2, "--children", 1, "--generations", 1, "--epochs", 2]
REASONS = {name: reason_to_skip(target) for name, target in built_in_targets().items()}
needs_host, needs_m4 = (
    pytest.mark.skipif(bool(REASONS[name]), reason=REASONS[name] or "-") for name in ("host", "cortex-m4")
)


def rows(evonas: Evonas, run: object) -> list[dict[str, float]]:
    members: list[dict[str, float]] = json.loads(evonas("front", run, "--json").stdout)
    return members


@pytest.fixture(scope="module")
def finished(settings: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run with a front of two or three members, each of which is built for every target and precision."""
    directory = tmp_path_factory.mktemp("runs") / "small"
    small = ["--population", "2", "--children", "1", "--generations", "1", "--epochs", "8"]
    result = CliRunner().invoke(app, ["evolve", str(settings), *small, "--out", str(directory)])
    assert result.exit_code == 0, result.output
    with open_run(directory) as run:
        assert len(front(run.store.records(), run.objectives)) > 1
    return directory


def own(folder: Path, script: str = 'exec "$1"') -> Path:
    """The file of a target that compiles for this machine and runs images by a script."""
    scripted(folder, script, instructions_per_count=1.0, nanojoules_per_cycle=0.5)
    return folder / "own.toml"


@needs_m4
def test_flash_and_instructions_can_be_objectives_and_constraints(evonas: Evonas) -> None:
    result = evonas(
        "evolve", "--objectives", "val_error,flash@cortex-m4", "--constraint", "instructions@cortex-m4<=1e6", *SMALL,
        "--out", "r",
    )
    assert result.exit_code == 0, result.output
    assert "figures of a target were measured on cortex-m4, arm-none-eabi-gcc " in result.stdout
    for row in rows(evonas, "r"):
        assert 1000 < row["flash@cortex-m4"] < 50_000
        assert 500 < row["instructions@cortex-m4"] <= 1e6
        assert "ram@cortex-m4" not in row
    assert evonas("resume", "r", "--generations", 2).exit_code == 0
    assert evonas("front", "r", "--best-under", "flash@cortex-m4=1e9").exit_code == 0
    shutil.copytree("r", "copy")
    compared = evonas("compare", "r", "copy", "--cost", "flash@cortex-m4")
    assert compared.exit_code == 0, compared.output
    columns = ["id", "flash@cortex-m4", "instructions@cortex-m4"]
    text = evonas("front", "r", "--csv", "--columns", ",".join(columns)).stdout
    assert list(next(csv.DictReader(io.StringIO(text)))) == columns


@needs_m4
def test_a_network_that_does_not_hold_a_constraint_is_not_on_the_front(evonas: Evonas) -> None:
    constraint = ["--constraint", "flash@cortex-m4<=10"]
    result = evonas("evolve", "--objectives", "val_error,flops", *constraint, *SMALL, "--out", "r")
    assert "no evaluation keeps flash@cortex-m4<=10" in result.stderr + result.stdout


@needs_m4
def test_members_of_a_front_are_measured_later(evonas: Evonas, run: Path) -> None:
    ids = [int(row["id"]) for row in rows(evonas, run)]
    remedy = f"flash@cortex-m4 was measured for 0 of {len(ids)} members: `evonas measure {run} --target cortex-m4`"
    assert remedy in evonas("front", run, "--best-under", "flash@cortex-m4=1").stderr
    result = evonas("measure", run, "--target", "cortex-m4,host")
    assert result.exit_code == 0, result.output
    shown = [line.replace("│", " ").split() for line in result.stdout.splitlines()]
    for target in ("cortex-m4", "host"):
        for precision in ("float32", "int8"):
            assert [int(row[2]) for row in shown if row[:2] == [target, precision]] == ids
    for row in rows(evonas, run):
        assert abs(row["flash_estimate@cortex-m4"] / row["flash@cortex-m4"] - 1) <= 0.03
        assert row["int8_flash@cortex-m4"] < row["flash@cortex-m4"]
        assert row["ram@host"] > 0
        assert "latency" not in row
    assert Run(run).best({"flash@cortex-m4": 1e9}) in ids
    assert evonas("report", run).exit_code == 0
    assert evonas("show", run, ids[0]).exit_code == 0


@needs_host
def test_a_network_that_fails_on_a_target_is_said_and_others_go_on(evonas: Evonas, run: Path, tmp_path: Path) -> None:
    file = own(tmp_path, "echo garbage")
    result = evonas("measure", run, "--target", f"{file},host")
    assert result.exit_code == 0, result.output
    n_members = len(rows(evonas, run))
    said = "failed: the run on own printed no figures of 8 samples, but 'garbage'"
    assert (result.stdout + result.stderr).count(said) == n_members
    assert all("flash@host" in row and "flash@own" not in row for row in rows(evonas, run))
    assert f"none of {n_members} networks could be measured" in evonas("measure", run, "--target", file).stderr


@needs_host
def test_what_fails_in_one_precision_is_measured_in_the_others(
    evonas: Evonas, run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def failing(target: Target, files: Mapping[str, bytes], export: ExportTarget, *arguments: Any) -> Figures:
        if export.precision == "float32":
            raise RuntimeError("region FLASH overflowed")
        return measure_on(target, files, export, *arguments)

    monkeypatch.setattr(on_targets, "measure_on", failing)
    result = evonas("measure", run, "--target", "host")
    assert result.exit_code == 0, result.output
    members = rows(evonas, run)
    assert (result.stdout + result.stderr).count("failed: region FLASH overflowed (in float32)") == len(members)
    assert all("int8_flash@host" in row and "flash@host" not in row for row in members)


@needs_host
def test_a_network_that_cannot_be_exported_is_said_and_others_go_on(
    evonas: Evonas, run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, calls = int(rows(evonas, run)[0]["id"]), []

    def failing(*arguments: Any) -> ExportedModel:
        calls.append(arguments)
        if len(calls) == 1:
            raise UserError("this network cannot be exported: weights are not finite")
        return make_program(*arguments)

    monkeypatch.setattr(on_targets, "make_program", failing)
    result = evonas("measure", run, "--target", "host")
    assert result.exit_code == 0, result.output
    said = f"individual {first} failed: this network cannot be exported: weights are not finite (in float32)"
    assert said in result.stdout + result.stderr
    for row in rows(evonas, run):
        assert ("flash@host" in row) == (row["id"] != first)
        assert "int8_flash@host" in row


@needs_host
def test_a_built_in_target_needs_no_file(evonas: Evonas, refused: Refused) -> None:
    objectives = ["--objectives", "val_error,flash_estimate@host"]
    message = ("target_files must name TOML files of your own targets, got the built-in 'host': leave it out, metrics "
               "like flash@host need no file")
    refused("evolve", *objectives, "--target-file", "host", *SMALL, "--out", "r", message=message)
    assert evonas("evolve", *objectives, *SMALL, "--out", "r").exit_code == 0
    with sqlite3.connect("r/run.db") as db:  # as it was once accepted
        ((stored,),) = db.execute("SELECT value FROM meta WHERE key = 'config'")
        config = {**json.loads(stored), "target_files": ["host"]}
        db.execute("UPDATE meta SET value = ? WHERE key = 'config'", (json.dumps(config),))
    assert evonas("front", "r").exit_code == 0
    result = evonas("resume", "r", "--generations", 2)
    assert result.exit_code == 0, result.output


@needs_host
def test_an_own_target_is_an_objective_and_is_named_again_on_resume(evonas: Evonas, tmp_path: Path) -> None:
    file = own(tmp_path)
    arguments = ["--objectives", "val_error,ram@own", "--target-file", file]
    assert evonas("evolve", *arguments, *SMALL, "--out", "r").exit_code == 0
    assert all(row["ram@own"] > 0 for row in rows(evonas, "r"))
    told = f"r was started with --target-file {file}: give files of the same targets to go on"
    assert told in evonas("resume", "r", "--generations", 2).stderr
    assert evonas("front", "r").exit_code == 0, "to look needs no target"
    assert evonas("resume", "r", "--generations", 2, "--target-file", file).exit_code == 0
    plain = evonas("evolve", *SMALL, "--out", "plain")
    assert plain.exit_code == 0
    assert "was started without --target-file" in evonas("resume", "plain", "--target-file", file).stderr


@needs_host
def test_a_run_of_a_stranger_starts_no_program_of_its_own(evonas: Evonas, tmp_path: Path) -> None:
    arguments = ["--objectives", "val_error,ram@own", "--target-file", own(tmp_path)]
    assert evonas("evolve", *arguments, *SMALL, "--out", "r").exit_code == 0
    (tmp_path / "run.sh").write_text(f"#!/bin/sh\ntouch {tmp_path}/started\n")
    for command in (["front", "r"], ["report", "r"], ["resume", "r", "--generations", 3]):
        evonas(*command)
    assert not (tmp_path / "started").exists()


@needs_host
def test_other_tools_measure_only_if_what_was_measured_is_dropped(evonas: Evonas, run: Path, tmp_path: Path) -> None:
    assert evonas("measure", run, "--target", own(tmp_path)).exit_code == 0
    before = {row["id"]: row["flash@own"] for row in rows(evonas, run)}
    scripted(tmp_path, 'exec "$1"', flags=["-O0"], instructions_per_count=1.0)
    again = evonas("measure", run, "--target", tmp_path / "own.toml")
    assert "was measured by" in again.stderr
    assert "give --replace to drop what was measured" in again.stderr
    assert {row["id"]: row["flash@own"] for row in rows(evonas, run)} == before
    assert evonas("measure", run, "--target", tmp_path / "own.toml", "--replace").exit_code == 0
    after = {row["id"]: row["flash@own"] for row in rows(evonas, run)}
    assert all(after[id] != flash for id, flash in before.items())


@needs_host
def test_a_trial_fails_whose_network_hangs_on_the_target(evonas: Evonas, tmp_path: Path) -> None:
    scripted(tmp_path, "sleep 60", timeout=1.0)
    result = evonas("evolve", "--objectives", "val_error,ram@own", "--target-file", "own.toml", *SMALL, "--out", "r")
    assert "the run on own took longer than 1 s" in result.stdout + result.stderr
    with sqlite3.connect("r/run.db") as db:
        assert {status for (status,) in db.execute("SELECT status FROM evaluations")} == {"failed"}


@needs_m4
@pytest.mark.parametrize("precision", ["float32", "int8"])
def test_an_export_is_checked_on_targets(evonas: Evonas, run: Path, precision: str) -> None:
    id = rows(evonas, run)[-1]["id"]
    result = evonas("export", run, id, "--precision", precision, "--target", "cortex-m4", "--out", "my net.c")
    assert result.exit_code == 0, result.output
    assert "on cortex-m4 it takes " in result.stdout
    assert " instructions a sample, and gives what torch gives on 8 validation samples" in result.stdout
    assert Path("my net.c").exists()


@needs_host
def test_an_export_that_fails_on_a_target_is_not_written(
    evonas: Evonas, refused: Refused, run: Path, tmp_path: Path
) -> None:
    id, file = rows(evonas, run)[-1]["id"], own(tmp_path, 'exit 7')
    refused("export", run, id, "--target", file, "--out", "net.c",
            message="the run on own failed with code 7: no message: nothing was written")
    assert not Path("net.c").exists()
    refused("export", run, id, "--target", "host", "--out", "net.safetensors",
            message="--target builds and runs C, got the format 'torch': leave it out")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--objectives", "val_error,flash@cortex-m5"], "unknown target 'cortex-m5', did you mean 'cortex-m"),
        (["--objectives", "val_error,flsh@cortex-m4"], "unknown objective 'flsh@cortex-m4', did you mean 'flash@cor"),
        (["--objectives", "val_error,instructions@host"], "host has no metric instructions: its file lacks instruct"),
        (["--objectives", "val_error,energy@cortex-m4"],
         "lacks nanojoules_per_cycle; write .* base = \"cortex-m4\", another name and nanojoules_per_cycle = NUM"),
        (["--constraint", "int8_energy@host<=3"], "its file lacks instructions_per_count and nanojoules_per_cycle;"),
        (["--space", "cnn", "--objectives", "val_error,int8_flash@cortex-m4"], "unknown objective 'int8_flash@cortex"),
        (["--constraint", "flash@cortex-m4<=much"], "cannot read the constraint"),
        (["--target-file", "no.toml"], "there is no target no.toml: check the path"),
        (["--target-file", "own.toml"], "the target own has a file, and no objective or constraint is of it"),
        (["--objectives", "flash@cortex-m4,val_error"], "the first objective must be the quality"),
    ],
)
def test_what_no_search_can_have_is_said(refused: Refused, tmp_path: Path, arguments: list[str], message: str) -> None:
    own(tmp_path)
    refused("evolve", *arguments, *SMALL, "--out", "r", message=message)


def test_missing_tools_are_said_before_anything_is_written(
    refused: Refused, run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    message = ("the target cortex-m4 needs arm-none-eabi-gcc and qemu-system-arm, which this machine lacks: install "
               "the Debian packages gcc-arm-none-eabi, libnewlib-arm-none-eabi, qemu-system-arm")
    refused("evolve", "--objectives", "val_error,flash@cortex-m4", *SMALL, "--out", "r", message=message)
    assert not Path("r").exists()
    refused("measure", run, "--target", "cortex-m4", message=message)
    refused("measure", run, "--target", "cortex-m4", "--latency-command", "true", message="two measurements")
