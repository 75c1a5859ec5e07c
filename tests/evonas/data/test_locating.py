"""Where data sets are looked for, and what is said when they are not there."""

from __future__ import annotations

import dataclasses
import gzip
import hashlib
from collections.abc import Callable
from pathlib import Path

import pytest

from evonas.data import DataError, catalogue, load, sources
from evonas.data.locating import MissingFiles, resolve, user_data_folder
from evonas.data.sources import SOURCES


@pytest.mark.parametrize("below", ["mnist", "mnist/raw", "MNIST/raw", "."])
def test_files_are_found_in_every_usual_folder_below_the_root(
    write_mnist: Callable[..., Path], tmp_path: Path, below: str,
) -> None:
    folder = write_mnist(f"root/{below}")
    assert resolve("mnist", tmp_path / "root")[1].resolve() == folder.resolve()


def test_root_comes_before_the_environment_and_the_environment_before_the_users_folder(
    write_mnist: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("sys.platform", "linux")
    user = write_mnist("user/evonas/mnist")
    assert user_data_folder() == user.parent
    assert resolve("mnist", None)[1] == user
    environment = write_mnist("environment/mnist")
    monkeypatch.setenv("EVONAS_DATA", str(environment.parent))
    assert resolve("mnist", None)[1] == environment
    root = write_mnist("root/mnist")
    assert resolve("mnist", root.parent)[1] == root


def test_missing_files_are_named_with_the_folders_searched_and_the_remedies(tmp_path: Path) -> None:
    with pytest.raises(MissingFiles) as caught:
        load("fashion-mnist", root=tmp_path)
    message = str(caught.value)
    for part in (*SOURCES["fashion-mnist"].files, str(tmp_path / "fashion-mnist"), "--data-root", "EVONAS_DATA",
                 str(SOURCES["fashion-mnist"].url), "`evonas datasets fetch fashion-mnist`"):
        assert part in message
    assert "\n" not in message


def test_an_incomplete_folder_is_told_from_an_absent_one(write_mnist: Callable[..., Path]) -> None:
    folder = write_mnist()
    (folder / "t10k-labels-idx1-ubyte.gz").unlink()
    with pytest.raises(MissingFiles, match=f"{folder} lacks t10k-labels-idx1-ubyte"):
        load("mnist", root=folder.parent)


def test_files_of_a_relative_with_the_same_names_are_not_taken_for_the_data_set(
    write_mnist: Callable[..., Path], monkeypatch: pytest.MonkeyPatch,
) -> None:
    folder = write_mnist()
    labels = gzip.decompress((folder / "train-labels-idx1-ubyte.gz").read_bytes())
    published = {"train-labels-idx1-ubyte": hashlib.sha256(labels).hexdigest()}
    fashion = dataclasses.replace(SOURCES["fashion-mnist"], files=published)
    monkeypatch.setattr(sources, "SOURCES", {**SOURCES, "fashion-mnist": fashion})
    with pytest.raises(DataError, match="expected the labels of mnist, got those of fashion-mnist"):
        load("mnist", root=folder)


@pytest.mark.parametrize(
    ("name", "hint"),
    [("mnst", "did you mean 'mnist'"), ("fashion_mnist", "'fashion-mnist'"), ("CIFAR-10", "'cifar10'"),
     ("imagenet", "there are: boston, cifar10, digits")],
)
def test_an_unknown_name_is_answered_with_the_known_ones_and_a_suggestion(name: str, hint: str) -> None:
    with pytest.raises(DataError, match=f"expected a known name or the path of a file .*, got '{name}'.*{hint}"):
        load(name)


def test_a_path_without_a_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"none\.npz, which is no file"):
        load(tmp_path / "none.npz")


def test_a_root_that_is_no_folder_is_refused_rather_than_passed_over(tmp_path: Path) -> None:
    for call in (lambda: load("mnist", root=tmp_path / "typo"), lambda: catalogue(tmp_path / "typo")):
        with pytest.raises(DataError, match="expected an existing folder"):
            call()


def test_the_catalogue_tells_where_each_data_set_is_or_what_is_missing(write_mnist: Callable[..., Path]) -> None:
    folder = write_mnist()
    entries = {entry.name: entry for entry in catalogue(folder.parent)}
    assert set(entries) == set(SOURCES)
    assert (entries["digits"].folder, entries["digits"].missing) == (None, None)
    assert (entries["mnist"].folder, entries["mnist"].missing) == (folder, None)
    assert "boston_housing.csv" in (entries["boston"].missing or "")
    assert "column B" in entries["boston"].note
    assert entries["boston"].task.kind == "regression"
