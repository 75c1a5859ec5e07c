"""Runs, and what is asked of them, that are refused: one clear sentence and exit code 2, and nothing half-written."""

from __future__ import annotations

import hashlib
import json
import sqlite3
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors
import safetensors.numpy

from tests.evonas.cli.conftest import Evonas, Refused

READING = [["front"], ["show", 1], ["lineage", 1], ["resume"], ["retrain"], ["export", 1, "--out", "network"]]


@pytest.mark.parametrize("command", READING, ids=lambda command: command[0])
def test_what_is_no_run_is_refused(refused: Refused, command: list[Any]) -> None:
    Path("thesis").mkdir()
    refused(command[0], "thesis", *command[1:], message="thesis is not a run: it has no run.db")


@pytest.mark.parametrize("command", READING, ids=lambda command: command[0])
def test_a_run_from_a_newer_format_is_refused(refused: Refused, run: Path, command: list[Any]) -> None:
    _sql(run, "UPDATE meta SET value = '99' WHERE key = 'format'")
    refused(command[0], run, *command[1:], message="has run format 99, this evonas reads 2 to 5: upgrade evonas")


@pytest.mark.parametrize("command", READING, ids=lambda command: command[0])
@pytest.mark.parametrize("damage", ["overwritten", "cut", "empty", "other tables", "inner pages"])
def test_a_corrupted_database_is_recognised(refused: Refused, run: Path, command: list[Any], damage: str) -> None:
    _sql(run, "PRAGMA wal_checkpoint(TRUNCATE)")
    path = run / "run.db"
    content = path.read_bytes()
    if damage == "other tables":
        path.unlink()
        _sql(run, "CREATE TABLE recipes (cake TEXT)")
    else:
        middle = len(content) // 2
        path.write_bytes({
            "overwritten": bytes(len(content)), "cut": content[:middle], "empty": b"",
            "inner pages": content[:8192] + b"\xaa" * (len(content) - 8192),
        }[damage])
    refused(command[0], run, *command[1:], message=r"run.db( is damaged or not a run: |: no such table)")


def test_a_run_that_is_being_written_is_refused_to_a_second_writer(refused: Refused, run: Path) -> None:
    from evonas.run.open import open_run

    with open_run(run, writing=True):
        for command in ("resume", "retrain"):
            refused(command, run, message="is being written by another process: wait for it")


@pytest.mark.parametrize("command", [["front", "--test"], ["retrain", "--inherit"], ["export", "ID", "--out", "n"]])
@pytest.mark.parametrize(
    ("damage", "message"),
    [
        ("UPDATE weights SET data = substr(data, 1, length(data) - 1)", r"run\.db is torn or was changed"),
        ("DELETE FROM weights", r"-20\.safetensors is missing"),
    ],
    ids=["torn", "missing"],
)
def test_damaged_weights_are_recognised(
    refused: Refused, run: Path, best: int, command: list[str], damage: str, message: str
) -> None:
    _sql(run, f"{damage} WHERE id = {best}")
    name, *options = command
    refused(name, run, *[best if o == "ID" else o for o in options], message=message)


@pytest.mark.parametrize(
    "command", [["front", "--test"], ["export", "ID", "--out", "n"], ["export", "ID", "--format", "c", "--out", "n.c"]]
)
def test_weights_that_do_not_fit_their_genotype_are_refused(
    refused: Refused, run: Path, best: int, command: list[str]
) -> None:
    blob = safetensors.numpy.save({name: np.zeros(3, np.float32) for name in ("edge", "bias", "gain")})
    digest = hashlib.blake2b(blob, digest_size=16).hexdigest()
    _sql(run, f"UPDATE evaluations SET weights = '{digest}' WHERE id = {best}")
    _sql(run, f"UPDATE weights SET data = x'{blob.hex()}' WHERE id = {best}")
    name, *options = command
    refused(name, run, *[best if o == "ID" else o for o in options], message=r"cannot be (used|exported): .*\(3,\)")


@pytest.mark.parametrize("command", [["export", 1, "--format", "c", "--out", "n.c"], ["front", "--test"]])
def test_a_run_whose_task_is_not_that_of_its_data_is_refused(refused: Refused, run: Path, command: list[Any]) -> None:
    _sql(run, "UPDATE meta SET value = json_set(value, '$.target_scale', 2.0) WHERE key = 'task'")
    refused(command[0], run, *command[1:], message="run has a damaged task: its data set has Task")


def _sql(run: Path, statement: str) -> None:
    connection = sqlite3.connect(run / "run.db")
    with connection:
        connection.execute(statement)
    connection.close()


@pytest.mark.parametrize(
    ("command", "message"),
    [
        (["show", 999], "individual 999 was not evaluated in this run: the nearest are 11, 12, 13"),
        (["lineage", 999], "individual 999 was not evaluated in this run: the nearest are 11, 12, 13"),
        (["show", 1, "--draw", "net.xyz"], "cannot draw net.xyz: Format 'xyz' is not supported"),
        (["show", 1, "--draw", "nowhere/net.svg"], "cannot write the plot nowhere/net.svg: No such file or directory"),
        (["export", 999, "--out", "n"], "individual 999 was not evaluated in this run: the nearest are 11, 12, 13"),
        (["retrain", "--ids", "1,999"], "individual 999 was not evaluated"),
        (["retrain", "--ids", "one"], "numbers.*, got 'one'"),
        (["front", "--best-under", "flops"], "cannot read 'flops', expected METRIC=NUMBER"),
        (["front", "--best-under", "flops=cheap"], "cannot read 'flops=cheap', expected METRIC=NUMBER"),
        (["front", "--best-under", "flop=9"], "unknown metric 'flop', did you mean 'flops'"),
        (["front", "--best-under", "flops=1"], "no member of the front has flops<=1: raise the bound"),
        (["front", "--plot", "front.xyz"], "front.xyz: .*png"),
        (["front", "--plot", "nowhere/front.png"], "cannot .*nowhere/front.png: "),
        (["front", "--plot", "f.png", "--beside", "nowhere"], "nowhere is not a run"),
        (["export", 1, "--out", "nowhere/n"], "cannot write nowhere/n: No such file or directory"),
        (["export", 1, "--out", "file/n"], "cannot write file/n: Not a directory"),
        (["export", 1, "--out", "n", "--format", "d"],
         "cannot be exported as 'd', there are: c, json, onnx, package, tflite, torch"),
        (["export", 1, "--out", "n.h", "--format", "c"], r"--out must end in \.c for the format c, got n\.h"),
        (["export", 1, "--out", "nowhere/n.c", "--format", "c"], r"cannot write nowhere/n\.c: No such file"),
        (["export", 1, "--out", "n.c", "--format", "c", "--precision", "int2"],
         "--precision must be float32 or int8 or int4 or ternary or int8-weights for the format c, got 'int2'"),
        (["export", 1, "--out", "n.c", "--finetune-epochs", "1"], "--finetune-epochs is for programs of integers, got"),
        (["export", 1, "--out", "n", "--precision", "int8"], "must be float32 for the format torch, got 'int8'"),
        (["export", 1, "--out", "n", "--weights", "inherited"], "individual 1 has no such retraining: run"),
        (["export", 1, "--out", "n", "--weights", "best"], "weights must be search, fresh or inherited, got 'best'"),
        (["resume", "--generations", -1], "generations must be greater than or equal to 0"),
    ],
)
def test_a_request_that_the_run_cannot_answer_is_refused(
    refused: Refused, run: Path, command: list[object], message: str
) -> None:
    Path("file").touch()
    refused(command[0], run, *command[1:], message=message)


def test_fronts_of_other_objectives_are_not_drawn_in_one_plot(
    refused: Refused, evonas: Evonas, run: Path
) -> None:
    numbers = ["--population", 2, "--generations", 0, "--epochs", 1]
    assert evonas("evolve", "--objectives", "val_loss,edges", *numbers, "--out", "other").exit_code == 0
    refused("front", run, "--plot", "f.png", "--beside", "other", message="other has other objectives than")


def test_fronts_of_other_data_sets_are_not_drawn_in_one_plot(refused: Refused, evonas: Evonas, run: Path) -> None:
    rng = np.random.default_rng(0)
    np.savez("own.npz", x_train=rng.normal(size=(60, 5)), y_train=np.arange(60) % 3)
    numbers = ["--population", 2, "--generations", 0, "--epochs", 20]
    assert evonas("evolve", "--dataset", "own.npz", *numbers, "--out", "other").exit_code == 0
    refused("front", run, "--plot", "f.png", "--beside", "other", message="runs of different data sets cannot")
    assert not Path("f.png").exists()


def test_a_generation_in_which_all_trials_fail_ends_the_run_with_the_reason(
    evonas: Evonas, settings: Path
) -> None:
    result = evonas("evolve", settings, "--trial-timeout", 1e-9, "--out", "r")
    assert result.exit_code == 2
    assert "all 6 trials of a generation failed, the first with: TrialTimeout" in result.stderr
    assert result.stdout.count("failed: TrialTimeout") == 6
    assert json.loads(evonas("front", "r", "--json").stdout) == []
    assert evonas("show", "r", 0).exit_code == 2
    assert "nothing to measure: the front is empty" in evonas("measure", "r", "--latency-command", "x").stderr
