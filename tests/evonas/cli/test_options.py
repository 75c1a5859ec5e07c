"""Values of options, and of the file below them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from evonas.cli.options import parse_options
from evonas.config import build_config
from tests.evonas.cli.conftest import Evonas, Refused


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("cells=3", 3), ("edges=[64, 800]", [64, 800]), ("edges=64,800", [64, 800]),
        ("steps = 1.0, 0.3", [1.0, 0.3]), ("rate=.3", 0.3),
        ("steps=.5,-.2", [0.5, -0.2]), ("operations=zero,skip", ["zero", "skip"]), ("founders='a,b'", "a,b"),
        ("norm=layer-affine", "layer-affine"),
        ("operations = nasbench201", "nasbench201"), ("founders='source'", "source"), ("per_cell=true", True),
    ],
)
def test_a_value_is_what_it_would_be_in_a_file_or_a_bare_word(text: str, value: Any) -> None:
    assert list(parse_options([text]).values()) == [value]


def test_options_win_over_the_file() -> None:
    Path("own.toml").write_text("epochs = 3\nrungs = [2, 6]\n")
    assert build_config(Path("own.toml"), {}).budgets == (2, 6)
    assert build_config(Path("own.toml"), {"epochs": 20}).budgets == (20,)
    assert build_config(Path("own.toml"), {"epochs": 20, "rungs": [1, 4]}).budgets == (1, 4)


@pytest.mark.parametrize("file", ["", "epochs = 9\nrungs = [1, 2]\n"])
def test_epochs_beside_rungs_are_not_used_and_that_is_said(evonas: Evonas, file: str) -> None:
    Path("own.toml").write_text(file)
    numbers = ["--population", 4, "--children", 2, "--generations", 1, "--n-train", 200, "--out", "r"]
    options = [] if file else ["--epochs", 9, "--rungs", "1,2"]
    result = evonas("evolve", "own.toml", *options, *numbers)
    assert result.exit_code == 0, result.output
    said = "note: the rungs 1, 2 are the epochs of a trial: the 9 epochs that were given beside them are not used"
    assert said in " ".join(result.output.split())
    assert "are not used" not in evonas("evolve", "--rungs", "1,2", *numbers[:-1], "s").output


def test_a_home_folder_is_expanded_and_that_of_nobody_is_no_folder(
    refused: Refused, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    assert build_config(None, {"data_root": "~/data"}).data_root == tmp_path.resolve() / "data"
    nobodys = ["--dataset", "mnist", "--data-root", "~nobody-of-that-name/data"]
    refused("evolve", *nobodys, message="expected an existing folder, got .*~nobody")
