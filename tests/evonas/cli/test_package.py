"""`evonas export --format package`: a folder with weights, C, ONNX and a model card."""

from __future__ import annotations

import json
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from typer.testing import Result

import evonas as package
from evonas.data import load
from evonas.run.export import Prepared, prepare
from evonas.run.hub import folder
from evonas.run.open import open_run
from evonas.runtimes.compiled import find_compiler
from evonas.types import UserError

Evonas = Callable[..., Result]
Refused = Callable[..., None]
needs_compiler = pytest.mark.skipif(find_compiler() is None, reason="no C compiler")


@needs_compiler
def test_a_package_has_all_that_a_hub_shows(evonas: Evonas, finished: Path, best: int) -> None:
    result = evonas("export", finished, best, "--format", "package", "--precision", "int8", "--out", "hub/net")
    assert result.exit_code == 0, result.output
    names = {path.name for path in Path("hub/net").iterdir()}
    assert names == {"README.md", "model.safetensors", "network.c", "network.h", "network.onnx"}
    assert {path.name for path in Path("hub").iterdir()} == {"net"}
    card = Path("hub/net/README.md").read_text()
    row = next(r for r in json.loads(evonas("front", finished, "--json").stdout) if r["id"] == best)
    assert f"value: {row['val_accuracy']!r}" in card
    with open_run(finished) as run:
        assert f"`{run.store.info.fingerprint}`" in card
    assert "with int8 weights" in card
    assert "with float32 weights" in card
    network, splits = package.load("hub/net/model.safetensors", raw=True), load("digits")
    assert network(torch.from_numpy(splits.scaling.restore(splits.validation.x))).shape == (len(splits.validation), 10)


def test_the_command_in_the_card_makes_the_package_again(evonas: Evonas, run: Path, best: int) -> None:
    assert evonas("export", run, best, "--format", "package", "--out", "a b").exit_code == 0
    card = Path("a b/README.md").read_text()
    line = next(line for line in card.splitlines() if line.startswith("evonas export "))
    program, *arguments = shlex.split(line)
    assert program == "evonas"
    Path("a b").rename("first")
    assert evonas(*arguments).exit_code == 0
    for name in ("model.safetensors", "network.c"):
        assert Path("a b", name).read_bytes() == Path("first", name).read_bytes()
    assert "evonas evolve" in card


def test_nothing_that_is_published_names_a_folder_of_this_machine(evonas: Evonas, tmp_path: Path) -> None:
    secret = tmp_path / "client of mine"
    (secret / "runs").mkdir(parents=True)
    rng = np.random.default_rng(0)
    x = rng.normal(size=(80, 4)).astype(np.float32)
    np.savez(secret / "own.npz", x_train=x, y_train=(x[:, 0] > 0).astype(np.int64))
    (secret / "board.toml").write_text('name = "board"\nbase = "host"\n')
    run, options = secret / "runs" / "first", ["--population", "4", "--generations", "0", "--epochs", "1"]
    made = evonas("evolve", "--dataset", secret / "own.npz", "--data-root", secret, *options, "--out", run)
    assert made.exit_code == 0, made.output
    individual = evonas("front", run, "--csv").stdout.splitlines()[-1].split(",")[0]
    on_board = ["--target", secret / "board.toml"] if find_compiler() else []
    result = evonas("export", run, individual, "--format", "package", *on_board, "--out", secret / "net")
    assert result.exit_code == 0, result.output
    for suffix in (".safetensors", ".json", ".onnx"):
        assert evonas("export", run, individual, "--out", secret / f"one{suffix}").exit_code == 0
    files = [*(secret / "net").iterdir(), *secret.glob("one.*")]
    assert len(files) >= 6
    for path in files:
        assert not {part for part in (b"client of mine", str(tmp_path).encode()) if part in path.read_bytes()}, path
    card = (secret / "net" / "README.md").read_text()
    for words in ("evonas evolve --dataset=own.npz", "--out=first", "evonas export first", "--out=net"):
        assert words in card
    assert not on_board or "--target=board.toml" in card


@pytest.mark.parametrize("make", ["file", "full", "link"])
def test_a_folder_with_content_is_left_alone(refused: Refused, finished: Path, best: int, make: str) -> None:
    path = Path("net")
    if make == "file":
        path.write_text("mine")
    elif make == "full":
        path.mkdir()
        (path / "mine").write_text("mine")
    else:
        Path("empty").mkdir()
        path.symlink_to("empty")
    message = "--out must be a new or empty folder for the format package, got net: name another"
    refused("export", finished, best, "--format", "package", "--out", path, message=message)
    assert {p.name for p in Path.cwd().iterdir()} <= {"net", "empty"}


def test_an_empty_folder_is_filled_and_onnx_is_left_out_where_it_is_missing(
    evonas: Evonas, finished: Path, best: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("evonas.runtimes.onnx_session.find_spec", lambda name: None)
    Path("net").mkdir()
    result = evonas("export", finished, best, "--format", "package", "--out", "net")
    assert result.exit_code == 0, result.output
    assert not Path("net/network.onnx").exists()
    assert "no onnx: the format onnx needs onnx" in " ".join(result.stdout.split())
    assert "onnxruntime.InferenceSession" not in Path("net/README.md").read_text()


@pytest.mark.parametrize(
    ("asked", "named"),
    [([], ""), (["--precision", "int8"], "--precision int8"), (["--target", "host"], "--target"),
     (["--target", "host", "--precision", "int8"], "--target and --precision int8")],
)
@needs_compiler
def test_a_package_without_c_is_refused_only_where_something_was_asked_of_c(
    evonas: Evonas, refused: Refused, finished: Path, best: int, monkeypatch: pytest.MonkeyPatch, asked: list[str],
    named: str,
) -> None:
    def failing(*arguments: Any) -> Prepared:
        if arguments[3] == "c":
            raise UserError("this network cannot be exported: too deep")
        return prepare(*arguments)

    monkeypatch.setattr(folder, "prepare", failing)
    arguments = ["export", finished, best, "--format", "package", *asked, "--out", "net"]
    if asked:
        refused(*arguments, message=f"the package would have no C, which {named} is about: this network cannot be "
                                    "exported: too deep; leave that out, and it is written without C")
        assert not Path("net").exists()
    else:
        result = evonas(*arguments)
        assert result.exit_code == 0, result.output
        assert "no c: this network cannot be exported: too deep" in " ".join(result.stdout.split())
        assert not Path("net/network.c").exists()
