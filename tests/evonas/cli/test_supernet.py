"""evonas seed with supernet searches, and evonas sample: on cells of digits, trained as little as possible."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from evonas.run.open import open_run
from evonas.serialization.arrays import load, save
from evonas.space import Encoded
from evonas.supernet.hypernet import PiecewiseLinear
from evonas.supernet.settings import METHODS
from search_spaces.cell.genotype import parse
from tests.evonas.cli.conftest import Evonas, call

SETTINGS = """
space = "cell"
dataset = "digits"
n_train = 150
search_epochs = 1
epochs = 1
[space_options]
channels = 2
nodes = 1
"""


@pytest.fixture(scope="session")
def cells(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("cells") / "cells.toml"
    path.write_text(SETTINGS)
    return path


@pytest.fixture(scope="session")
def vector(cells: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("runs") / "vector"
    result = call("seed", cells, "--method", "hypernet-vector", "--members", 3, "--out", out)
    assert result.exit_code == 0, result.output
    return out


@pytest.fixture
def scalar(vector: Path, tmp_path: Path) -> Path:
    """A run with another hypernetwork in the place of the one that it has trained."""
    run = Path(shutil.copytree(vector, tmp_path / "scalar"))
    path = run / "seeder" / "hypernet.safetensors"
    data = load(path)
    assert data is not None
    header = {**data.header, "hypernet": PiecewiseLinear(-7, -3, n_references=4).to_json()}
    save(path, Encoded(header, data.arrays))
    return run


def test_seeded_run_trains_its_members_on_from_the_supernet(vector: Path) -> None:
    with open_run(vector) as run:
        records = run.store.records()
        assert [(r.id, r.budget) for r in sorted(records)] == [(i, b) for i in range(3) for b in (0, 1)]
        assert {r.operator for r in records} == {"hypernet-vector"}
        assert run.config.search_options["kappa"] == METHODS["hypernet-vector"]().kappa  # type: ignore[attr-defined]
        digests = {run.store.individual(i).genotype.digest for i in range(3)}
    assert len(digests) == 3


def test_cells_evolve_from_what_a_search_found(vector: Path, cells: Path, evonas: Evonas, tmp_path: Path) -> None:
    path = tmp_path / "evolve.toml"
    path.write_text(cells.read_text().replace("search_epochs = 1\n", "population = 4\nchildren = 2\ngenerations = 1\n"))
    result = evonas("evolve", path, "--seed-from", vector, "--out", tmp_path / "evolved")
    assert result.exit_code == 0, result.output
    with open_run(tmp_path / "evolved") as run:
        assert {r.operator for r in run.store.records() if r.imported} == {"seed"}
        assert any(r.generation == 1 for r in run.store.records())


def test_vector_hypernet_is_asked_without_training(vector: Path, evonas: Evonas) -> None:
    answers = [json.loads(evonas("sample", vector, "--complexity", text, "--json").stdout) for text in (
        ".15,.15,.70", ".15,.15,.70", "0.33,0.33,0.33"
    )]
    assert answers[0] == answers[1]
    genotype = parse(answers[0]["genotype"])
    with open_run(vector) as run:
        run.space.validate(genotype)
        assert answers[0]["costs"] == run.space.cost(genotype)
    assert answers[2]["complexity"] == "0.33,0.33,0.33"


def test_a_table_of_complexities_names_what_they_are_about(vector: Path, scalar: Path, evonas: Evonas) -> None:
    result = evonas("sample", vector, "--spread", 4)
    assert result.exit_code == 0, result.output
    assert all(name in result.stdout for name in ("s(max_pool_3x3)", "s(skip)", "s(conv_3x3)", "params", "flops"))
    answers = json.loads(evonas("sample", vector, "--spread", 4, "--json").stdout)
    assert len(answers) == 4
    one = ",".join(map(str, answers[2]["complexity"]))
    assert json.loads(evonas("sample", vector, "--complexity", one, "--json").stdout)["costs"] == answers[2]["costs"]
    assert "lambda" in evonas("sample", scalar, "--spread", 2).stdout


def test_a_complexity_over_measures_is_set_by_an_option_and_asked_by_their_shares(
    cells: Path, evonas: Evonas, tmp_path: Path
) -> None:
    out = tmp_path / "measured"
    result = evonas("seed", cells, "--method", "hypernet-vector", "--members", 2,
                    "--search-option", "complexity=params,flops", "--search-option", "kappa=30", "--out", out)
    assert result.exit_code == 0, result.output
    with open_run(out) as run:
        assert list(run.config.search_options["complexity"]) == ["params", "flops"]
        assert run.config.search_options["kappa"] == 30
    answer = json.loads(evonas("sample", out, "--complexity", "0.25,0.75", "--json").stdout)
    parse(answer["genotype"])
    table = evonas("sample", out, "--spread", 3).stdout
    assert "s(params)" in table
    assert "s(flops)" in table
    refused = evonas("sample", out, "--complexity", ".2,.3,.5")
    assert refused.exit_code == 2
    assert "expected 2 numbers, for params, flops, got 3" in refused.stderr


@pytest.mark.parametrize(("options", "sentence"), [
    ([], "give either --complexity, for one architecture, or --spread"),
    (["--complexity", ".2,.3,.5", "--spread", 3], "give either --complexity"),
    (["--spread", 3, "--draw", "cell.svg"], "--draw draws one architecture"),
])
def test_what_to_sample_is_said_once(vector: Path, evonas: Evonas, options: list[object], sentence: str) -> None:
    result = evonas("sample", vector, *options)
    assert result.exit_code == 2
    assert sentence in result.stderr


def test_answer_is_a_literal_with_tables(scalar: Path, evonas: Evonas) -> None:
    result = evonas("sample", scalar, "--complexity", "1e-3")
    assert result.exit_code == 0, result.output
    parse(result.stdout.splitlines()[0])
    assert "params" in result.stdout


def test_answer_is_drawn(vector: Path, evonas: Evonas, tmp_path: Path) -> None:
    result = evonas("sample", vector, "--complexity", ".2,.3,.5", "--draw", tmp_path / "cell.svg")
    assert result.exit_code == 0, result.output
    assert "<svg" in (tmp_path / "cell.svg").read_text()


@pytest.mark.parametrize(("complexity", "sentence"), [
    ("0.5,0.5,0.5", "penalties must sum to 1, got 0.5,0.5,0.5 with the sum 1.5"), ("0.5,0.5", "expected 3 numbers"),
    ("1.2,-0.2,0", "penalties must be finite and not negative"), ("1,nan,0", "must be finite"),
    ("a,b,c", "expected numbers"),
])
def test_bad_vector_is_one_sentence(vector: Path, evonas: Evonas, complexity: str, sentence: str) -> None:
    result = evonas("sample", vector, "--complexity", complexity)
    assert result.exit_code == 2
    assert sentence in result.stderr
    assert len(result.stderr.splitlines()) == 1


@pytest.mark.parametrize(("complexity", "sentence"), [
    ("1e-2", "lambda must be from 1e-07 to 0.001"), ("-1", "lambda must be"),
    ("0.2,0.8", "a scalar method expects one"),
])
def test_bad_lambda_is_one_sentence(scalar: Path, evonas: Evonas, complexity: str, sentence: str) -> None:
    result = evonas("sample", scalar, f"--complexity={complexity}")
    assert result.exit_code == 2
    assert sentence in result.stderr


def test_run_without_a_hypernet_is_one_sentence(finished: Path, evonas: Evonas) -> None:
    result = evonas("sample", finished, "--complexity", "1e-6")
    assert result.exit_code == 2
    assert "the space neuron, which has no hypernetwork" in result.stderr


def test_hypernet_of_other_operations_is_one_sentence(vector: Path, evonas: Evonas, tmp_path: Path) -> None:
    run = Path(shutil.copytree(vector, tmp_path / "run"))
    path = run / "seeder" / "hypernet.safetensors"
    data = load(path)
    assert data is not None
    save(path, Encoded({**data.header, "operations": ["none", "skip", "conv_1x1"]}, data.arrays))
    result = evonas("sample", run, "--complexity", ".2,.3,.5")
    assert result.exit_code == 2
    assert "trained with the operations none, skip, conv_1x1, the run's space has max_pool_3x3" in result.stderr


@pytest.mark.parametrize(("method", "extra", "sentence"), [
    ("darts", "kappa = 3.0", "no option 'kappa' (search_options), which is a setting of hypernet-vector"),
    ("hypernet-vector", "kapa = 3.0", "did you mean 'kappa'?"),
    ("hypernet-vector", "complexity = ['params', 'seconds']", "complexity.1 must be 'params', 'flops' or 'latency'"),
    ("hypernet-vector", "complexity = ['params']", "complexity must be two or more different measures"),
    ("hypernet-vector", "complexity = 'params'", "complexity must be a list"),
    ("hypernet-vector", "tau = -1.0", "search_options: tau must be positive"),
    ("darts", "rule = 'darts'", "the rule 'darts' keeps two edges into a node, but this space keeps all"),
    ("hypernet-scalar", "order = 3", "search_options: order must be 1 or 2"),
    ("random", "tau = 1.0", "search_options belong to a search that gives a whole family"),
])
def test_bad_search_options_are_one_sentence(
    cells: Path, evonas: Evonas, tmp_path: Path, method: str, extra: str, sentence: str
) -> None:
    path = tmp_path / "bad.toml"
    text = cells.read_text() if method != "random" else cells.read_text().replace("search_epochs = 1\n", "")
    path.write_text(f"{text}[search_options]\n{extra}\n")
    result = evonas("seed", path, "--method", method, "--out", tmp_path / "run")
    assert result.exit_code == 2
    assert sentence in result.stderr
    assert not (tmp_path / "run").exists()


def test_supernet_methods_refuse_a_teacher(cells: Path, evonas: Evonas, tmp_path: Path) -> None:
    result = evonas("seed", cells, "--method", "darts", "--teacher", tmp_path, "--out", tmp_path / "run")
    assert result.exit_code == 2
    assert "the search 'darts' trains a supernet, which does not learn from a teacher" in result.stderr


def test_supernet_methods_need_a_space_with_a_supernet(evonas: Evonas, tmp_path: Path) -> None:
    result = evonas("seed", "--method", "darts", "--out", tmp_path / "run")
    assert result.exit_code == 2
    assert "the space neuron has no seeder 'darts'" in result.stderr


def test_sampling_imports_no_torch(vector: Path) -> None:
    code = (
        "import sys; from evonas.cli.app import app\n"
        f"app(['sample', {str(vector)!r}, '--complexity', '.2,.3,.5'], standalone_mode=False)\n"
        "assert 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)
