"""Latency, memory and rounded weights: as objectives, and measured of the members of a front."""

from __future__ import annotations

import csv
import io
import json
import re
import shutil
import sqlite3
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import Result

from evonas.runtimes.compiled import find_compiler
from evonas.runtimes.timing import machine

Evonas = Callable[..., Result]
needs_compiler = pytest.mark.skipif(find_compiler() is None, reason="no C compiler")
SMALL = ["--population", 2, "--children", 1, "--generations", 1, "--epochs", 2]
#: The size of a file stands for the time that a device would take; files of more than a bound do not fit.
DEVICE = """
import pathlib, sys
path = pathlib.Path(sys.argv[-1])
assert path.with_suffix(".h").exists()
if path.stat().st_size > int(sys.argv[1]):
    sys.exit("it does not fit")
pathlib.Path(sys.argv[2]).touch()
print("flashed", path.stat().st_size)
"""


@pytest.fixture
def device(tmp_path: Path) -> Callable[[int], str]:
    """A command for a device on which files of up to so many bytes fit; it leaves a file ``touched``."""
    (tmp_path / "device.py").write_text(DEVICE)
    return lambda bound: f"'{sys.executable}' device.py {bound} touched"


def rows(evonas: Evonas, run: object) -> list[dict[str, float]]:
    members: list[dict[str, float]] = json.loads(evonas("front", run, "--json").stdout)
    return members


@needs_compiler
def test_latency_memory_and_rounded_weights_can_be_objectives_and_constraints(evonas: Evonas) -> None:
    objectives = "val_error,latency,ram,int8_error"
    result = evonas("evolve", "--objectives", objectives, "--constraint", "int8_flash<=1e6", *SMALL, "--out", "r")
    assert result.exit_code == 0, result.output
    for row in rows(evonas, "r"):
        assert row["latency"] > 0
        assert row["latency_spread"] >= 0
        assert row["ram"] % 4 == 0
        assert 0 < row["int8_flash"] <= 1e6
        assert abs(row["int8_error"] - row["val_error"]) < 0.05
        assert "flash" not in row
    assert evonas("resume", "r", "--generations", 2).exit_code == 0


@needs_compiler
def test_what_is_measured_later_stands_beside_the_metrics_of_the_run(evonas: Evonas, run: Path, best: int) -> None:
    before = rows(evonas, run)
    result = evonas("measure", run, "--ids", f"{before[0]['id']},{best}")
    assert result.exit_code == 0, result.output
    after = rows(evonas, run)
    assert after[1:-1] == before[1:-1]
    for old, new in ((before[0], after[0]), (before[-1], after[-1])):
        assert {name: new[name] for name in old} == old
        assert set(new) - set(old) == {"latency", "latency_spread", "flash", "ram", "int8_flash", "int8_error"}
        assert new["int8_flash"] < new["flash"]
        assert f"{new['latency']:.4f}" in evonas("front", run).stdout
    assert f"{after[-1]['flash']:,.0f}".replace(",", " ") in evonas("show", run, best).stdout
    under = evonas("front", run, "--json", "--best-under", "latency=1e9")
    assert under.exit_code == 2
    told = f"latency was measured for 2 of {len(after)} members: `evonas measure {run}` measures all"
    assert told in under.stderr
    assert evonas("measure", run).exit_code == 0
    bound = min(row["latency"] for row in rows(evonas, run))
    under = json.loads(evonas("front", run, "--json", "--best-under", f"latency={bound}").stdout)
    assert [row["latency"] for row in under] == [bound]


@pytest.mark.parametrize("choose", ["front", "best"])
def test_no_member_is_left_out_because_it_was_not_measured(
    evonas: Evonas, run: Path, best: int, device: Callable[[int], str], choose: str
) -> None:
    from evonas.run.api import Run
    from evonas.types import UserError

    assert evonas("measure", run, "--ids", best, "--latency-command", device(10**6)).exit_code == 0
    n_members = len(rows(evonas, run))
    message = f"latency_device was measured for 1 of {n_members} members: `evonas measure {run} --latency-command"
    if choose == "front":
        for value in ("1e9", "1"):
            assert message in evonas("front", run, "--best-under", f"flops=1e9,latency_device={value}").stderr
    else:
        with pytest.raises(UserError, match=re.escape(message)):
            Run(run).best({"latency_device": 1e9})
        assert Run(run).knee() in Run(run).front().index
    assert evonas("front", run, "--best-under", "flops=1e9").exit_code == 0


def test_what_was_measured_for_none_or_some_is_refused_wherever_members_are_chosen_by_it(
    evonas: Evonas, run: Path, best: int, device: Callable[[int], str], tmp_path: Path
) -> None:
    from evonas.run.api import Run
    from evonas.types import UserError

    n_members = len(rows(evonas, run))
    told = f"flash was measured for 0 of {n_members} members: `evonas measure {run}` measures all"
    assert told in evonas("front", run, "--best-under", "flash=5000").stderr
    with pytest.raises(UserError, match="the bound of flops must be a number, got 'many'"):
        Run(run).best({"flops": "many"})  # type: ignore[dict-item]
    shutil.copytree(run, tmp_path / "other")
    for directory in (run, tmp_path / "other"):
        assert evonas("measure", directory, "--ids", best, "--latency-command", device(10**6)).exit_code == 0
    told = f"latency_device was measured for 1 of {n_members} members"
    assert told in evonas("compare", run, tmp_path / "other", "--cost", "latency_device").stderr
    assert told in evonas("front", run, "--plot", tmp_path / "f.png", "--cost", "latency_device").stderr


@needs_compiler
def test_this_machine_and_a_device_have_a_column_each(
    evonas: Evonas, run: Path, best: int, device: Callable[[int], str]
) -> None:
    command = device(10**6)
    assert evonas("measure", run, "--ids", best).exit_code == 0
    here = rows(evonas, run)[-1]
    assert "latency_device" not in here
    assert evonas("measure", run, "--ids", best, "--latency-command", command).exit_code == 0
    both = rows(evonas, run)[-1]
    assert both["latency"] == here["latency"]
    assert both["latency_device"] > 1000
    shown = evonas("front", run).stdout
    assert f"latency was measured on {machine()}" in shown
    assert f"latency_device was measured by {command}" in shown


def test_a_column_holds_what_one_target_took(
    evonas: Evonas, run: Path, best: int, device: Callable[[int], str]
) -> None:
    first, other = rows(evonas, run)[0]["id"], device(10**6 + 1)
    assert evonas("measure", run, "--ids", best, "--latency-command", device(10**6)).exit_code == 0
    result = evonas("measure", run, "--ids", first, "--latency-command", other)
    assert result.exit_code == 2
    assert "and a column holds one: measure there, or give --replace to drop what was measured" in result.stderr
    assert evonas("measure", run, "--ids", first, "--latency-command", other, "--replace").exit_code == 0
    measured = {row["id"] for row in rows(evonas, run) if "latency_device" in row}
    assert measured == {first}
    assert "flash" in rows(evonas, run)[-1]


def test_a_search_that_is_timed_goes_on_where_it_was_timed(
    evonas: Evonas, device: Callable[[int], str]
) -> None:
    options = ["--objectives", "val_error,latency_device", *SMALL, "--latency-command", device(10**6)]
    assert evonas("evolve", *options, "--out", "r").exit_code == 0
    with sqlite3.connect("r/run.db") as db:
        db.execute("UPDATE sources SET source = 'another board'")
    for command in (["resume", "r", "--generations", 2], ["measure", "r", "--replace"]):
        result = evonas(*command, "--latency-command", device(10**6))
        assert result.exit_code == 2
        assert "was measured by 'another board'" in result.stderr
    result = evonas("evolve", *options, "--seed-from", "r", "--out", "s")
    assert "latency_device of the seed run r was measured by 'another board'" in result.stderr


def test_a_run_from_before_the_device_had_a_name_of_its_own_goes_on(
    evonas: Evonas, device: Callable[[int], str]
) -> None:
    command = device(10**6)
    options = ["--objectives", "val_error,latency_device", "--constraint", "latency_device<=1e9", *SMALL]
    assert evonas("evolve", *options, "--latency-command", command, "--out", "r").exit_code == 0
    new = rows(evonas, "r")
    with sqlite3.connect("r/run.db") as db:
        db.execute("DROP TABLE sources")
        for table, column in (("meta", "value"), ("evaluations", "metrics")):
            db.execute(f"UPDATE {table} SET {column} = replace({column}, 'latency_device', 'latency')")
    assert rows(evonas, "r") == new
    assert evonas("resume", "r", "--generations", 2, "--latency-command", command).exit_code == 0
    assert len(rows(evonas, "r")) >= 1
    assert "latency_device<=1e+09" not in evonas("front", "r").stderr


def test_a_command_of_the_users_times_networks_on_a_device(
    evonas: Evonas, run: Path, device: Callable[[int], str]
) -> None:
    members = list(csv.DictReader(io.StringIO(evonas("front", run, "--csv").stdout)))
    small, large = members[0]["id"], members[-1]["id"]
    assert evonas("export", run, small, "--format", "c", "--out", "network.c").exit_code == 0
    size = Path("network.c").stat().st_size + 500  # what the exported file adds in remarks
    result = evonas("measure", run, "--ids", f"{small},{large}", "--latency-command", device(size))
    assert result.exit_code == 0, result.output
    assert f"individual {large} failed: the latency command {sys.executable} failed with code 1: it does not fit" in (
        result.stdout.replace("\n", "")
    )
    latencies = {str(row["id"]): row.get("latency_device") for row in rows(evonas, run)}
    assert latencies[small] == pytest.approx(1000 * Path("network.c").stat().st_size, rel=0.2)
    assert latencies[large] is None
    result = evonas("measure", run, "--ids", large, "--latency-command", device(size))
    assert result.exit_code == 2
    assert "none of 1 networks could be measured" in result.stderr


def test_networks_that_fail_on_the_device_are_failed_trials(evonas: Evonas, device: Callable[[int], str]) -> None:
    options = ["--objectives", "val_error,latency_device", *SMALL, "--seed", 1, "--latency-command"]
    assert evonas("evolve", *options, device(10**6), "--out", "all").exit_code == 0
    with sqlite3.connect("all/run.db") as db:
        found = [json.loads(text)["latency_device"] for (text,) in db.execute("SELECT metrics FROM evaluations")]
    bound = int(max(found) / 1000) - 1  # the device gives a millisecond for each byte of a file
    result = evonas("evolve", *options, device(bound), "--out", "r")
    assert result.exit_code == 0, result.output
    assert "it does not fit" in result.stdout
    assert all(1000 < row["latency_device"] <= 1000 * bound for row in rows(evonas, "r"))
    assert "latency_spread" not in rows(evonas, "r")[0]


def test_a_run_is_resumed_with_its_latency_command_and_no_run_brings_one(
    evonas: Evonas, device: Callable[[int], str], run: Path
) -> None:
    command = device(10**6)
    with sqlite3.connect(run / "run.db") as db:
        (text,) = db.execute("SELECT value FROM meta WHERE key = 'config'").fetchone()
        hostile = {**json.loads(text), "objectives": ["val_error", "latency_device"], "latency_command": command}
        db.execute("UPDATE meta SET value = ? WHERE key = 'config'", (json.dumps(hostile),))
    result = evonas("resume", run, "--generations", 3)
    assert result.exit_code == 2
    assert "was started with --latency-command" in result.stderr
    assert not Path("touched").exists()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--objectives", "val_error,latency"], "there is no C compiler: install gcc or clang"),
        (["--latency-command", "time-it"], "latency_command times networks for the objective latency_device"),
        (["--objectives", "val_error,latency_device"], "latency_command times networks for the objective"),
        (["--objectives", "val_error,latency", "--latency-command", "time-it"], "(latency is that of this machine)"),
        (["--objectives", "val_error,latency_device", "--latency-command", "'"], "cannot read the latency command"),
        (["--objectives", "val_error,latency_device", "--latency-command", ""], "the latency command is empty"),
        (["--objectives", "val_error,latncy"], "unknown objective 'latncy', did you mean 'latency'"),
    ],
)
def test_what_cannot_be_timed_is_refused(
    evonas: Evonas, monkeypatch: pytest.MonkeyPatch, options: list[str], message: str
) -> None:
    monkeypatch.setenv("CC", "no-such-compiler")
    result = evonas("evolve", *options, "--out", "r")
    assert result.exit_code == 2
    assert message in result.stderr
    assert not Path("r").exists()


def test_without_a_compiler_measure_says_what_to_do(
    evonas: Evonas, run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CC", "no-such-compiler")
    result = evonas("measure", run)
    assert result.exit_code == 2
    assert "install gcc or clang, name one in the environment variable CC, or time networks elsewhere" in result.stderr
