"""A run on one's own file goes on wherever both are, and only with its own samples."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from sklearn.datasets import load_iris
from typer.testing import Result

import evonas as package
from evonas import EvoClassifier


@pytest.fixture(scope="module")
def begun(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a run, ``keep``, and its file, ``keep.npz``."""
    folder = tmp_path_factory.mktemp("begun")
    x, y = load_iris(return_X_y=True)
    names = np.array(["setosa", "versicolor", "virginica"])[y]
    EvoClassifier(generations=0, population=2, epochs=20, random_state=0, out=folder / "keep").fit(x, names)
    samples = dict(np.load(folder / "keep.npz"))
    rows = np.arange(len(x)) % 5 == 0
    np.savez(folder / "keep.npz", **samples, x_test=samples["x_train"][rows], y_test=samples["y_train"][rows])
    return folder


@pytest.fixture
def moved(begun: Path, tmp_path: Path) -> Iterator[Path]:
    """The same elsewhere under another name; where they were there is nothing."""
    shutil.copytree(begun / "keep", tmp_path / "new" / "run")
    shutil.copy(begun / "keep.npz", tmp_path / "new" / "run.npz")
    (begun / "keep.npz").rename(begun / "away.npz")
    yield tmp_path / "new" / "run"
    (begun / "away.npz").rename(begun / "keep.npz")


COMMANDS = [
    ("resume", "--generations", 1), ("retrain", "--seeds", 1, "--epochs", 1, "--ids", 0), ("front", "--test"),
    ("export", 0, "--format", "onnx", "--out", "x.onnx"), ("measure", "--ids", 0), ("report",),
]


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command[0])
def test_every_command_finds_the_file_beside_the_run(
    evonas: Callable[..., Result], moved: Path, command: tuple[object, ...]
) -> None:
    result = evonas(command[0], moved, *command[1:])
    assert result.exit_code == 0, result.output


@pytest.mark.parametrize("name", ["run.npz", "keep.npz"])
def test_the_file_is_found_in_the_data_root_and_in_the_run_by_either_name(
    evonas: Callable[..., Result], moved: Path, name: str
) -> None:
    for folder, options in ((moved, []), (moved.parent / "data", ["--data-root", moved.parent / "data"])):
        folder.mkdir(exist_ok=True)
        file = folder / name
        shutil.copy(moved.with_name("run.npz"), file)
        moved.with_name("run.npz").rename(moved.with_name("hidden.npz"))
        assert evonas("resume", moved, *options).exit_code == 0
        moved.with_name("hidden.npz").rename(moved.with_name("run.npz"))
        file.unlink()


def test_a_file_can_be_named_and_one_of_other_samples_is_refused(evonas: Callable[..., Result], moved: Path) -> None:
    file = moved.with_name("any name.npz")
    moved.with_name("run.npz").rename(file)
    assert "name the file by --dataset" in evonas("resume", moved).output
    other = moved.with_name("run.npz")
    samples = dict(np.load(file))
    np.savez(other, **{**samples, "x_train": samples["x_train"] + 1})
    for options in ([], ["--dataset", other]):
        result = evonas("resume", moved, *options)
        assert result.exit_code == 2
        assert "is not the one that" in result.output
    assert evonas("resume", moved, "--dataset", file).exit_code == 0
    assert evonas("resume", moved).exit_code == 0, "the run remembers where its samples are"


def test_of_several_files_the_one_with_the_runs_samples_is_taken(evonas: Callable[..., Result], moved: Path) -> None:
    samples = dict(np.load(moved.with_name("run.npz")))
    np.savez(moved.with_name("keep.npz"), **{**samples, "x_train": samples["x_train"] + 1})
    assert evonas("resume", moved).exit_code == 0


def test_networks_keep_the_names_of_their_classes(begun: Path) -> None:
    header = package.load(begun / "keep", 0, raw=True).header
    assert header["source"]["classes"] == ["setosa", "versicolor", "virginica"]


@pytest.mark.parametrize("out", ["~/runs/x", "./~x"])
def test_paths_are_expanded_once(out: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    x, y = load_iris(return_X_y=True)
    classifier = EvoClassifier(generations=0, population=2, epochs=20, random_state=1, out=out).fit(x, y)
    place = tmp_path / "home" / "runs" / "x" if out.startswith("~") else tmp_path / "~x"
    assert classifier.run_.path == place
    assert (place / "run.db").exists()
    assert package.Run(out).front().equals(classifier.front_)
    assert not Path("~").exists()


@pytest.mark.parametrize(
    ("out", "why"), [(".", "exists already"), ("..", "exists already"), ("afile/x", "cannot make")]
)
def test_an_out_that_cannot_be_is_refused_and_leaves_nothing(out: str, why: str) -> None:
    Path("afile").touch()
    x, y = load_iris(return_X_y=True)
    with pytest.raises(ValueError, match=why):
        EvoClassifier(generations=0, population=2, epochs=1, out=out).fit(x, y)
    assert os.listdir() == ["afile"]


def test_the_command_line_expands_paths(
    evonas: Callable[..., Result], begun: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    shutil.copytree(begun / "keep", tmp_path / "home" / "keep")
    assert evonas("report", "~/keep", "--out=~/page.html").exit_code == 0
    assert (tmp_path / "home" / "page.html").exists()


@pytest.mark.parametrize("dtype", [">f4", ">i4", "longdouble", ">f8", "float16", "uint8"])
def test_samples_of_any_byte_order_and_width_are_predicted_as_they_were_fitted(dtype: str) -> None:
    x, y = load_iris(return_X_y=True)
    classifier = EvoClassifier(generations=0, population=2, epochs=5, random_state=0).fit(x.astype(dtype), y)
    expected = classifier.predict(x.astype(dtype).astype(np.float64))
    np.testing.assert_array_equal(classifier.predict(x.astype(dtype)), expected)
