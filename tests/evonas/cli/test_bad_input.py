"""Bad input gives one clear sentence and exit code 2, and leaves nothing half-written."""

from __future__ import annotations

import gzip
import hashlib
import json
import re
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors
import safetensors.numpy
from typer.testing import Result

Refused = Callable[..., None]


@pytest.fixture
def refused(evonas: Callable[..., Result], tmp_path: Path) -> Refused:
    """Asserts that a command is refused with one sentence that matches ``message``, and changes no file."""

    def check(*arguments: object, message: str) -> None:
        before = _files(tmp_path)
        result = evonas(*arguments)
        assert result.exit_code == 2, result.output
        assert result.exception is None or isinstance(result.exception, SystemExit), result.exc_info
        (line,) = result.stderr.splitlines()
        assert line.startswith("error: ")
        assert re.search(message, line), line
        assert _files(tmp_path) == before

    return check


def _files(folder: Path) -> dict[str, bytes | None]:
    """Every path below, with its content; SQLite's and the lock's own side files come and go with readers."""
    paths = [p for p in sorted(folder.rglob("*")) if not p.name.endswith(("-wal", "-shm", ".lock"))]
    return {str(path): path.read_bytes() if path.is_file() else None for path in paths}


# -- a configuration


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--population", 1], "population must be greater than or equal to 2, got 1"),
        (["--children", 0], "children must be greater than or equal to 1, got 0"),
        (["--epochs", -1], "epochs must be greater than or equal to 1, got -1"),
        (["--generations", -1], "generations must be greater than or equal to 0, got -1"),
        (["--time-limit", -5], "time_limit must be greater than 0, got -5"),
        (["--trial-timeout", 0], "trial_timeout must be greater than 0, got 0"),
        (["--jobs", 0], "jobs must be greater than or equal to 1, got 0"),
        (["--seed", -1], "seed must be greater than or equal to 0"),
        (["--n-train", 0], "n_train must be greater than or equal to 1"),
        (["--n-train", 100000], "100000"),
        (["--n-validation", 100000], "100000"),
        (["--learning-rate", -1], "learning_rate must be positive, got -1"),
        (["--searcher", "nsga"], "searcher must be 'nsga2' or 'random', got 'nsga'"),
        (["--survival", "ageing"], "survival must be 'aging', 'aging-dominated' or 'elitist', got 'ageing'"),
        (["--rungs", "6,2"], r"rungs must be ascending numbers of epochs, at least 1, got \[6, 2\]"),
        (["--rungs", "2,x"], "rungs.1 must be a valid integer, .*got 'x'"),
        (["--space", "nueron"], "unknown search space 'nueron', did you mean 'neuron'"),
        (["--trainer", "nativ"], "option trainer of the neuron space: .*'native'.*got 'nativ'"),
        (["--space-option", "nrom=none"], "unknown option 'nrom' of the neuron space, did you mean 'norm'"),
        (["--space-option", "norm"], "cannot read --space-option 'norm', expected KEY=VALUE, like cells=3"),
        (["--space-option", "norm=a b"], "cannot read --space-option 'norm=a b', expected KEY=VALUE"),
        (["--space-option", "a b=1"], "cannot read --space-option a b=1: "),
        (["--space-option", "norm=none", "--space-option", "norm=layer"], "cannot read --space-option norm=none norm="),
        (["--objectives", "val_eror,flops"], "unknown objective 'val_eror', did you mean 'val_error'"),
        (["--objectives", "flops,flops"], "one or more different metrics, got flops, flops"),
        (["--objectives", "flops,val_error"], "quality, then costs, got flops, val_error: begin with val_error"),
        (["--objectives", "test_error,flops"], "unknown objective 'test_error'"),
        (["--constraint", "flop<=3"], "unknown metric 'flop' in constraint 'flop<=3', did you mean 'flops'"),
        (["--constraint", "flops<3"], "cannot read the constraint 'flops<3', expected METRIC<=NUMBER"),
        (["--dataset", "fashon-mnist"], "got 'fashon-mnist', did you mean 'fashion-mnist'"),
        (["--data-root", "nowhere"], "expected an existing folder, got .*nowhere"),
        (["nowhere.toml"], "no configuration file nowhere.toml"),
    ],
)
def test_a_bad_option_is_refused(refused: Refused, options: list[object], message: str) -> None:
    refused("evolve", *options, message=message)


@pytest.mark.parametrize(
    ("toml", "message"),
    [
        (b"populaton = 5", "run.toml: unknown key 'populaton', did you mean 'population'"),
        (b"[training]\nlearnin_rate = 1", "unknown key 'learnin_rate' in training, did you mean 'learning_rate'"),
        (b"[training.pruning]\nedgs = 1", "unknown key 'edgs' in training.pruning, did you mean 'edges'"),
        (b"[training]\noptimizer = 'sgd'", "optimizer must be 'adam' or 'adamw', got 'sgd'"),
        (b"[space_options]\nnrom = 'none'", "'nrom'.*[,;] did you mean 'norm'"),
        (b"[space_options.operators]\nad_nodes = 1", "unknown operator 'ad_nodes'[,;] did you mean 'add_nodes'"),
        (b"objectives = 'val_error'", "objectives must be a list, got 'val_error'"),
        (b"population = 'many'", "population must be a valid integer, .*got 'many'"),
        (b"population = ", "cannot read run.toml as TOML: Invalid value"),
        (b"dataset = '\xff'", "cannot read run.toml as TOML"),
    ],
)
def test_a_bad_configuration_file_is_refused(refused: Refused, toml: bytes, message: str) -> None:
    Path("run.toml").write_bytes(toml)
    refused("evolve", "run.toml", message=message)


def test_what_should_be_a_table_is_refused_whatever_options_say(refused: Refused) -> None:
    Path("run.toml").write_text("training = 3")
    refused("evolve", "run.toml", "--batch-size", 8, message="training must be a valid dictionary, got 3")


@pytest.mark.parametrize("arguments", [["evolv"], ["evolve", "--popluation", 3], ["evolve", "--epochs", "x"], ["show"]])
def test_bad_usage_is_exit_code_2_too(evonas: Callable[..., Result], arguments: list[object]) -> None:
    result = evonas(*arguments)
    assert result.exit_code == 2
    assert "Usage: " in result.stderr


def test_an_existing_run_is_not_overwritten_and_can_be_resumed(refused: Refused, run: Path) -> None:
    refused("evolve", "--out", run, message="run exists already: resume it .evonas resume .*run.* or choose another")


def test_an_existing_folder_is_not_taken_for_a_run(refused: Refused) -> None:
    Path("thesis").mkdir()
    refused("evolve", "--out", "thesis", message="thesis exists already: choose another --out")


def test_a_run_that_cannot_be_made_is_refused(refused: Refused) -> None:
    Path("file").touch()
    refused("evolve", "--out", "file/run", message="cannot make file/run: .*Not a directory.*; choose another --out")


# -- a data set


def test_what_is_no_image_cannot_be_moved(refused: Refused) -> None:
    _npz()
    Path("run.toml").write_bytes(b"training.shift = 1\ndataset = 'own.npz'")
    refused("evolve", "run.toml", message=r"own.npz: shift and flip need images .* of shape \(\d+,\): leave")


def _npz(**replaced: np.ndarray) -> None:
    arrays = {"x_train": np.random.default_rng(0).normal(size=(30, 5)), "y_train": np.arange(30) % 3, **replaced}
    np.savez("own.npz", allow_pickle=True, **arrays)


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"x_train": np.full((30, 5), np.nan)}, "expected finite .* numbers, got 150 NaN"),
        ({"y_train": np.zeros(30, int)}, "expected at least two classes, got only class 0"),
        ({"y_train": np.arange(30) % 3 - 1}, "expected classes 0 to 1, got -1 to 1"),
        ({"y_train": np.arange(30) % 3 * 2}, "expected samples of every class from 0 to 4"),
        ({"x_train": np.array([{}] * 30)}, "own.npz: expected an .npz archive of plain numeric arrays"),
        ({"x_train": np.zeros((29, 5))}, "got 29 in x and 30 in y"),
    ],
)
def test_unfit_arrays_are_refused(refused: Refused, arrays: dict[str, np.ndarray], message: str) -> None:
    _npz(**arrays)
    refused("evolve", "--dataset", "own.npz", message=message)


def test_a_missing_file_of_ones_own_is_named(refused: Refused) -> None:
    refused("evolve", "--dataset", "own.npz", message="expected the path of an .npz file, got .*own.npz, which is no")


def test_missing_files_are_named_with_the_folders_searched_and_the_ways_to_get_them(refused: Refused) -> None:
    Path("data").mkdir()
    refused(
        "evolve", "--dataset", "mnist", "--data-root", "data",
        message="train-images-idx3-ubyte.*data/mnist.*user.*--data-root.*EVONAS_DATA.*download",
    )


def _idx(array: np.ndarray) -> bytes:
    sizes = b"".join(size.to_bytes(4, "big") for size in array.shape)
    return (0x0800 + array.ndim).to_bytes(4, "big") + sizes + array.astype(np.uint8).tobytes()


def _mnist(labels: np.ndarray, *, cut: int = 0) -> None:
    Path("data/mnist").mkdir(parents=True)
    for prefix in ("train", "t10k"):
        for kind, array in (("images-idx3", np.zeros((len(labels), 28, 28))), ("labels-idx1", labels)):
            content = gzip.compress(_idx(array))
            Path(f"data/mnist/{prefix}-{kind}-ubyte.gz").write_bytes(content[: len(content) - cut])


def test_a_truncated_gz_is_recognised(refused: Refused) -> None:
    _mnist(np.arange(60) % 10, cut=20)
    refused("evolve", "--dataset", "mnist", "--data-root", "data", message="ubyte.gz: expected a complete")


def test_labels_outside_the_classes_are_refused(refused: Refused) -> None:
    _mnist(np.arange(60) % 12)
    refused("evolve", "--dataset", "mnist", "--data-root", "data", message="expected classes 0 to 9, got 0 to 11")


# -- a run


def _own_run(evonas: Callable[..., Result]) -> None:
    _npz()
    numbers = ["--population", 2, "--children", 1, "--epochs", 9]
    assert evonas("evolve", "--dataset", "own.npz", *numbers, "--generations", 1, "--out", "r").exit_code == 0


@pytest.mark.parametrize(
    "command", [["resume"], ["retrain"], ["front", "--test"], ["export", 1, "--format", "c", "--out", "n.c"]]
)
def test_a_run_whose_data_have_changed_or_gone_is_refused(
    refused: Refused, evonas: Callable[..., Result], command: list[str]
) -> None:
    _own_run(evonas)
    name, *options = command
    _npz(x_train=np.random.default_rng(1).normal(size=(30, 5)))
    refused(name, "r", *options, message="own.npz' is not the one that r was started with")
    Path("own.npz").unlink()
    refused(name, "r", *options, message="own.npz, which is no file")


def test_a_run_of_a_file_of_ones_own_goes_on_from_any_folder(
    evonas: Callable[..., Result], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _own_run(evonas)
    monkeypatch.chdir(tmp_path / "r")
    assert evonas("resume", tmp_path / "r", "--generations", 2).exit_code == 0


READING = [["front"], ["show", 1], ["lineage", 1], ["resume"], ["retrain"], ["export", 1, "--out", "network"]]


@pytest.mark.parametrize("command", READING, ids=lambda command: command[0])
def test_what_is_no_run_is_refused(refused: Refused, command: list[Any]) -> None:
    Path("thesis").mkdir()
    refused(command[0], "thesis", *command[1:], message="thesis is not a run: it has no run.db")


@pytest.mark.parametrize("command", READING, ids=lambda command: command[0])
def test_a_run_from_a_newer_format_is_refused(refused: Refused, run: Path, command: list[Any]) -> None:
    _sql(run, "UPDATE meta SET value = '99' WHERE key = 'format'")
    refused(command[0], run, *command[1:], message="has run format 99, this evonas reads 2: upgrade evonas")


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
    from evonas.assembly import open_run

    with open_run(run, writing=True):
        for command in ("resume", "retrain"):
            refused(command, run, message="is being written by another process: wait for it")


@pytest.mark.parametrize("command", [["front", "--test"], ["retrain", "--inherit"], ["export", "ID", "--out", "n"]])
@pytest.mark.parametrize(("damage", "message"), [("torn", "is torn or was changed"), ("missing", "is missing")])
def test_a_damaged_weights_file_is_recognised(
    refused: Refused, run: Path, best: int, command: list[str], damage: str, message: str
) -> None:
    path = run / "weights" / f"{best:06d}-20.safetensors"
    path.write_bytes(path.read_bytes()[:-1]) if damage == "torn" else path.unlink()
    name, *options = command
    refused(name, run, *[best if o == "ID" else o for o in options], message=f"{path.name} {message}")


@pytest.mark.parametrize(
    "command", [["front", "--test"], ["export", "ID", "--out", "n"], ["export", "ID", "--format", "c", "--out", "n.c"]]
)
def test_weights_that_do_not_fit_their_genotype_are_refused(
    refused: Refused, run: Path, best: int, command: list[str]
) -> None:
    blob = safetensors.numpy.save({name: np.zeros(3, np.float32) for name in ("edge", "bias", "gain")})
    (run / "weights" / f"{best:06d}-20.safetensors").write_bytes(blob)
    digest = hashlib.blake2b(blob, digest_size=16).hexdigest()
    _sql(run, f"UPDATE evaluations SET weights = '{digest}' WHERE id = {best}")
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


# -- what is asked of a run


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
        (["export", 1, "--out", "n", "--format", "d"], "cannot be exported as 'd', there are: c, json, onnx, torch"),
        (["export", 1, "--out", "n.h", "--format", "c"], r"--out must end in \.c for the format c, got n\.h"),
        (["export", 1, "--out", "nowhere/n.c", "--format", "c"], r"cannot write nowhere/n\.c: No such file"),
        (["export", 1, "--out", "n.c", "--format", "c", "--precision", "int4"],
         "--precision must be float32 or int8 for the format c, got 'int4'"),
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
    refused: Refused, evonas: Callable[..., Result], run: Path
) -> None:
    numbers = ["--population", 2, "--generations", 0, "--epochs", 1]
    assert evonas("evolve", "--objectives", "val_loss,edges", *numbers, "--out", "other").exit_code == 0
    refused("front", run, "--plot", "f.png", "--beside", "other", message="other has other objectives than")


# -- a run in which nothing succeeded


def test_a_generation_in_which_all_trials_fail_ends_the_run_with_the_reason(
    evonas: Callable[..., Result], settings: Path
) -> None:
    result = evonas("evolve", settings, "--trial-timeout", 1e-9, "--out", "r")
    assert result.exit_code == 2
    assert "all 6 trials of a generation failed, the first with: TrialTimeout" in result.stderr
    assert result.stdout.count("failed: TrialTimeout") == 6
    assert json.loads(evonas("front", "r", "--json").stdout) == []
    assert evonas("show", "r", 0).exit_code == 2
    assert "nothing to measure: the front is empty" in evonas("measure", "r", "--latency-command", "x").stderr
