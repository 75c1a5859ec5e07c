"""Options that take several names take them with commas, by repetition, and both; columns may hold commas."""

from __future__ import annotations

import csv
import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.main import get_command

import evonas as package
from evonas.cli.app import app
from evonas.cli.options import parse_names, parse_paths
from evonas.data.columns import named_columns
from evonas.run.open import config_of
from tests.evonas.cli.conftest import Evonas, Refused

SMALL = ["--population", 2, "--children", 1, "--generations", 0, "--epochs", 60]
#: Options that are repeated and have a reason to take no commas: their values may hold some.
WITH_COMMAS = {"space_option", "search_option", "searcher_option", "genotype"}


@pytest.mark.parametrize(
    ("texts", "expected"),
    [
        (["a,b"], ("a", "b")), (["a", "b"], ("a", "b")), (["b,a", "c"], ("b", "a", "c")), ([" a , b "], ("a", "b")),
        (["x,y"], ("x,y",)), (["x,y,a"], ("x,y", "a")), (["a,x,y,b"], ("a", "x,y", "b")), (["x,y", "x"], ("x,y", "x")),
        (["m, n,a"], ("m, n", "a")), (["a,nowhere"], ("a", "nowhere")), (["a,,b,"], ("a", "b")), ([""], ("",)),
        (["x,nowhere"], ("x", "nowhere")), ([], ()),
    ],
)
def test_columns_are_parted_at_commas_that_are_not_their_own(texts: list[str], expected: tuple[str, ...]) -> None:
    assert named_columns(texts, ["a", "b", "c", "x", "x,y", "m, n"]) == expected


def test_names_and_paths_are_parted_too(tmp_path: Path) -> None:
    assert parse_names(["a,b", "c"]) == parse_names("a, b,c") == ("a", "b", "c")
    assert parse_names(None) is None
    assert parse_names([]) is None
    (tmp_path / "a,b").mkdir()
    paths = [tmp_path / "a,b", Path(f"{tmp_path / 'c'},{tmp_path / 'd'}")]
    assert parse_paths(paths) == [tmp_path / "a,b", tmp_path / "c", tmp_path / "d"]


def test_every_option_that_is_repeated_says_that_it_takes_commas_or_is_a_known_exception() -> None:
    seen = set()
    for command in get_command(app).commands.values():  # type: ignore[attr-defined]
        for parameter in command.params:
            if parameter.param_type_name == "option" and parameter.multiple:
                seen.add(parameter.name)
                assert "may be repeated" in parameter.help, parameter.name
                assert re.search(r"\w,\w", parameter.help) or parameter.name in WITH_COMMAS, parameter.name
    assert {"ignore", "categorical", "target", "objectives", "columns", "ids", "constraint", "proxies", "observer",
            "seed_from", "beside", "rungs", "budgets", "best_under", "reference"} <= seen


@pytest.fixture
def table(tmp_path: Path) -> Path:
    """Columns, one of whose names holds a comma, and two targets."""
    rng = np.random.default_rng(0)
    header = ["a", "b", "c", "size, m", "zone", "low", "high"]
    rows = [[*(f"{v:.3f}" for v in rng.normal(size=4)), i % 4, i / 7, -i] for i in range(60)]
    with (tmp_path / "x.csv").open("w", newline="") as file:
        csv.writer(file).writerows([header, *rows])
    return tmp_path / "x.csv"


@pytest.mark.parametrize(
    ("ignored", "left"),
    [
        (["--ignore", "a,b"], ("c", "size, m", "zone")), (["--ignore", "a", "--ignore", "b"], ("c", "size, m", "zone")),
        (["--ignore", "size, m"], ("a", "b", "c", "zone")), (["--ignore", "a,size, m,b"], ("c", "zone")),
        (["--ignore", "size, m", "--ignore", "c,a"], ("b", "zone")),
    ],
)
def test_columns_are_ignored_by_commas_and_by_repetition(
    evonas: Evonas, table: Path, ignored: list[str], left: tuple[str, ...]
) -> None:
    command = ["evolve", "--dataset", table, "--target", "low,high", *ignored, *SMALL, "--out", "run"]
    result = evonas(*command)
    assert result.exit_code == 0, result.output
    assert config_of(Path("run")).columns == left
    assert evonas("resume", "run", "--generations", 1).exit_code == 0
    assert evonas("predict", "run", table).exit_code == 0


def test_categories_are_named_so_too_from_the_command_line_a_file_and_python(
    evonas: Evonas, table: Path, tmp_path: Path
) -> None:
    common = ["evolve", "--dataset", table, "--target", "low", *SMALL]
    assert evonas(*common, "--categorical", "zone,high", "--ignore", "a,b,c", "--out", "r").exit_code == 0
    assert set(config_of(Path("r")).categories) == {"zone", "high"}
    Path("c.toml").write_text('categorical = "zone,high"\nignore = ["a,b", "c"]\n')
    assert evonas("evolve", "c.toml", *common[1:], "--out", "file").exit_code == 0
    settings: dict[str, Any] = {"population": 2, "children": 1, "generations": 0, "epochs": 2}
    settings |= {"target": "low", "categorical": ["zone,high"], "ignore": "a,b,c"}
    run = package.evolve(table, out=tmp_path / "py", **settings)
    for other in (config_of(Path("file")), run.config):
        assert (other.columns, other.categories) == (config_of(Path("r")).columns, config_of(Path("r")).categories)


def test_a_wrong_part_is_named_alone(refused: Refused, table: Path) -> None:
    common = ["evolve", "--dataset", table, "--target", "low"]
    refused(*common, "--ignore", "a,bb", message="got 'bb'; the columns are a, b, c, 'size, m', zone, low, high$")
    message = r"categorical \(--categorical\): .* got 'zoen', did you mean 'zone'"
    refused(*common, "--categorical", "zone,zoen", message=message)


def test_names_of_metrics_columns_individuals_and_bounds(evonas: Evonas, run: Path) -> None:
    ids = [row["id"] for row in json.loads(evonas("front", run, "--json").stdout)][:2]
    both = [evonas("front", run, "--csv", *options).stdout for options in (
        ["--columns", "id,flops"], ["--columns", "id", "--columns", "flops"],
    )]
    assert both[0] == both[1] != ""
    near = [evonas("front", run, "--json", *options).stdout for options in (
        ["--best-under", "flops=900,params=900"], ["--best-under", "flops=900", "--best-under", "params=900"],
    )]
    assert near[0] == near[1]
    options = ["--seeds", 1, "--epochs", 1]
    assert evonas("retrain", run, "--ids", ids[0], "--ids", ids[1], *options).exit_code == 0
    again = evonas("retrain", run, "--ids", f"{ids[0]},{ids[1]}", *options)
    assert "all 2 trainings were stored already" in again.stderr
    scores = [evonas("score", run, "--members", 2, "--csv", *options).stdout for options in (
        ["--proxies", "params,flops"], ["--proxies", "params", "--proxies", "flops"],
    )]
    assert scores[0] == scores[1] != ""


def test_objectives_constraints_and_rungs_are_repeated_or_joined(evonas: Evonas) -> None:
    common = ["evolve", "--dataset", "digits", "--n-train", 100, "--population", 2, "--children", 1, "--generations", 0]
    joined = ["--objectives", "val_error,params", "--constraint", "flops<=9000,params<=9000", "--rungs", "1,2"]
    apart = ["--objectives", "val_error", "--objectives", "params", "--constraint", "flops<=9000", "--constraint",
             "params<=9000", "--rungs", "1", "--rungs", "2"]
    for out, options in (("joined", joined), ("apart", apart)):
        result = evonas(*common, *options, "--out", out)
        assert result.exit_code == 0, result.output
    first, second = (config_of(Path(name)) for name in ("joined", "apart"))
    assert first == second
    assert (first.objectives, first.constraints) == (("val_error", "params"), ("flops<=9000", "params<=9000"))
    assert first.rungs == (1, 2)
